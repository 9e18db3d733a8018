/** Devices and routes that go while they are removed, in a namespace of its own. */
import test from 'ava';
import { CommandError } from '../../src/errors.ts';
import { runCommand } from '../../src/linux/command.ts';
import { ipBatch, ipRemove } from '../../src/linux/iproute.ts';

const name = `weftrm${process.pid}`;
const options = { purpose: 'remove', netns: `/run/netns/${name}` };

test.before(async () => {
  await runCommand(['ip', 'netns', 'add', name], { purpose: 'make a namespace' });
});

test.after.always(async () => {
  await runCommand(['ip', 'netns', 'delete', name], { purpose: 'remove the namespace' });
});

test.serial('what is gone already is no failure, and what is there goes', async (t) => {
  await ipBatch(['link add wf1 type bridge', 'link add wf2 type bridge', 'link set lo up'], options);
  await ipRemove(
    [
      'link delete dev wf0',
      'link delete dev wf1',
      'route delete 10.9.0.0/16',
      'route delete fd09::/64',
      'link delete dev wf2',
    ],
    options,
  );
  t.false((await runCommand(['ip', '-br', 'link'], options)).includes('wf'));
});

test.serial('any other failure is named by its line, and the rest is removed nevertheless', async (t) => {
  await ipBatch(['link add wf3 type bridge'], options);
  const error = await t.throwsAsync(
    ipRemove(['link delete dev gone', 'link delete dev lo', 'link delete dev wf3'], options),
    {
      instanceOf: CommandError,
    },
  );
  t.regex(error.message, /ip link delete dev lo said: RTNETLINK answers: Operation not (supported|permitted)/);
  t.false((await runCommand(['ip', '-br', 'link'], options)).includes('wf3'));
});
