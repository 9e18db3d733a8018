import test from 'ava';
import { ensureRoom } from '../../../src/daemon/process/room-to-run.ts';
import { ExhaustedError } from '../../../src/errors.ts';

const room = { descriptorLimit: 1_024, openDescriptors: 20, taskLimits: [] };
const group = { name: 'pids.max', of: 'the control group /weft', limit: 30, remedy: 'raise TasksMax=' };

test('where there is room, a daemon may start', async (t) => {
  await t.notThrowsAsync(ensureRoom(1, room));
  await t.notThrowsAsync(ensureRoom(1, { ...room, taskLimits: [{ ...group, used: 10 }] }));
  await t.notThrowsAsync(ensureRoom(1));
});

test('too few descriptors for its workers are said before it starts', async (t) => {
  const error = await t.throwsAsync(ensureRoom(8, { ...room, descriptorLimit: 128 }), { instanceOf: ExhaustedError });
  t.is(error.code, 'descriptors-exhausted');
  t.is(
    error.message,
    'cannot start with 8 workers: this process may open 108 more descriptors (RLIMIT_NOFILE is 128), and needs 236: raise LimitNOFILE= of the systemd unit, or --ulimit nofile= of the container',
  );
});

test('too few threads are said before it starts, with the limit', async (t) => {
  const taskLimits = [{ ...group, used: 20 }];
  const error = await t.throwsAsync(ensureRoom(1, { ...room, taskLimits }), { instanceOf: ExhaustedError });
  t.is(error.code, 'processes-exhausted');
  t.is(
    error.message,
    'cannot start with 1 workers: the control group /weft has 20 of 30 tasks (pids.max), and 13 more are needed: raise TasksMax=',
  );
});
