import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { ExhaustedError, SystemCallError } from '../../src/errors.ts';
import { explainShortage, processesExhausted, shortageIn, type Shortage } from '../../src/linux/shortage.ts';

const hog = join(import.meta.dirname, '..', 'support', 'descriptor-hog.ts');

const failed = (fields: object, message = 'no'): Error => Object.assign(new Error(message), fields);

const speaksOf = test.macro<[unknown, Shortage | undefined]>({
  exec: (t, error, shortage) => t.is(shortageIn(error), shortage),
  title: (name, _error, shortage) => `${name} speaks of ${shortage ?? 'nothing of the kind'}`,
});

test('too many files of a process', speaksOf, failed({ code: 'EMFILE', syscall: 'open' }), 'descriptors');
test('too many files of the machine', speaksOf, failed({ code: 'ENFILE', syscall: 'open' }), 'files');
test('a fork that is to be tried again', speaksOf, failed({ code: 'EAGAIN', syscall: 'spawn nft' }), 'processes');
test('a read that is to be tried again', speaksOf, failed({ code: 'EAGAIN', syscall: 'read' }), undefined);
test('a fork without memory', speaksOf, failed({ code: 'ENOMEM', syscall: 'spawn nft' }), 'memory');
test('a system call of ours', speaksOf, new SystemCallError('socket', 'EMFILE', 'open a socket'), 'descriptors');
test(
  'an error of node:os, which has no name',
  speaksOf,
  failed({ code: 'ERR_SYSTEM_ERROR', info: { errno: 24 } }),
  'descriptors',
);
test('a thread that cannot start', speaksOf, failed({ code: 'ERR_WORKER_INIT_FAILED' }, 'EAGAIN'), 'processes');
test(
  'a thread without descriptors',
  speaksOf,
  failed({ code: 'ERR_WORKER_INIT_FAILED' }, 'Worker initialization failure: EMFILE'),
  'descriptors',
);
test('an array that is too large', speaksOf, new RangeError('Array buffer allocation failed'), 'memory');
test('what was explained before', speaksOf, new ExhaustedError('processes-exhausted', 'no'), 'processes');
test('another kind of exhaustion', speaksOf, new ExhaustedError('pool-exhausted', 'no'), undefined);
test('a missing program', speaksOf, failed({ code: 'ENOENT', syscall: 'spawn nft' }), undefined);
test('a bug', speaksOf, new TypeError('no'), undefined);
test('what is no error', speaksOf, 'EMFILE', undefined);

test('which limit keeps processes from being started is said, with its figures and what to do', (t) => {
  const machine = { name: 'kernel.threads-max', of: 'this machine', limit: 1_000, used: 20, remedy: 'raise it' };
  const group = { name: 'pids.max', of: 'the control group /weft', limit: 40, used: 39, remedy: 'raise TasksMax=' };
  const hit = processesExhausted(undefined, 'list the links', [group, machine]);
  t.is(hit.code, 'processes-exhausted');
  t.is(
    hit.message,
    'cannot list the links: no process or thread can be started (EAGAIN): the control group /weft has 39 of 40 tasks (pids.max): raise TasksMax=',
  );
  const unknown = processesExhausted(undefined, 'list the links', [machine]);
  t.regex(
    unknown.message,
    /which limit was hit is not known: this machine has 20 of 1000 tasks \(kernel.threads-max\)$/,
  );
});

test('of what says something else, there is nothing to explain', (t) => {
  t.is(explainShortage(new TypeError('no'), 'try it'), undefined);
});

test('where all descriptors are taken, that is said in words, and nothing is uncaught', async (t) => {
  const argv = ['--nofile=96', process.execPath, hog];
  const { stdout } = await promisify(execFile)('prlimit', argv, { timeout: 30_000 });
  const found = JSON.parse(stdout) as Record<string, unknown>;
  t.deepEqual(found['uncaught'], []);
  t.is(
    found['command'],
    'descriptors-exhausted: cannot try it: this process has all of its 96 descriptors open (RLIMIT_NOFILE): raise LimitNOFILE= of the systemd unit, or --ulimit nofile= of the container',
  );
  t.is(found['worker'], 'descriptors-exhausted');
  t.is(found['interfaces'], 'descriptors');
  t.true((found['before'] as number) > 10 && (found['before'] as number) < 60, String(found['before']));
});
