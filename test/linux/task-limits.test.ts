import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { describeTaskLimit, readTaskLimits } from '../../src/linux/task-limits.ts';

const ROOT_STATUS = 'Name:\tnode\nUid:\t0\t0\t0\t0\nThreads:\t11\nCapEff:\t000001ffffffffff\n';
const USER_STATUS = 'Name:\tnode\nUid:\t1000\t1000\t1000\t1000\nThreads:\t11\nCapEff:\t0000000000000000\n';

const machine = {
  '/proc/loadavg': '0.10 0.20 0.30 2/300 4711\n',
  '/proc/sys/kernel/threads-max': '1000\n',
  '/proc/sys/kernel/pid_max': '32768\n',
  '/proc/self/status': ROOT_STATUS,
  '/proc/self/uid_map': '         0          0 4294967295\n',
};

/** What limits there are on a machine with these files. */
function limitsOf(t: ExecutionContext, files: Readonly<Record<string, string>>, userLimit = Infinity): string[] {
  const root = mkdtempSync(join(tmpdir(), 'weft-limits-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries({ ...machine, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return readTaskLimits({ root, userLimit: () => userLimit }).map(describeTaskLimit);
}

const ofMachine = [
  'this machine has 300 of 1000 tasks (kernel.threads-max)',
  'this machine has 300 of 32768 tasks (kernel.pid_max)',
];

test('without control groups, those of the machine are left', (t) => {
  t.deepEqual(limitsOf(t, {}), ofMachine);
});

test('of control groups (version 1), those above count as well', (t) => {
  const pids = '/sys/fs/cgroup/pids';
  const found = limitsOf(t, {
    '/proc/self/cgroup': '9:memory:/elsewhere\n8:pids:/a/b\n0::/c\n',
    '/proc/self/mountinfo': `31 23 0:28 / ${pids} rw - cgroup pids rw,pids\n32 23 0:29 / /sys/fs/cgroup/memory rw - cgroup m rw,memory\n`,
    [`${pids}/a/b/pids.max`]: 'max\n',
    [`${pids}/a/b/pids.current`]: '20\n',
    [`${pids}/a/pids.max`]: '40\n',
    [`${pids}/a/pids.current`]: '39\n',
  });
  t.deepEqual(found, ['the control group /a has 39 of 40 tasks (pids.max)', ...ofMachine]);
});

test('control groups (version 2) are read, in a container their root', (t) => {
  const found = limitsOf(t, {
    '/proc/self/cgroup': '0::/\n',
    '/proc/self/mountinfo': '31 23 0:28 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n',
    '/sys/fs/cgroup/pids.max': '100\n',
    '/sys/fs/cgroup/pids.current': '100\n',
  });
  t.deepEqual(found, ['the control group / has 100 of 100 tasks (pids.max)', ...ofMachine]);
});

test('the limit of a user counts all that the user runs, unless it is root of the machine', (t) => {
  t.deepEqual(limitsOf(t, {}, 50), ofMachine);
  const user = {
    '/proc/self/status': USER_STATUS,
    '/proc/7/status': USER_STATUS,
    '/proc/8/status': USER_STATUS,
    '/proc/9/status': ROOT_STATUS,
  };
  t.deepEqual(limitsOf(t, user, 50), ['user 1000 has 22 of 50 tasks (RLIMIT_NPROC)', ...ofMachine]);
});

test('root of a user namespace has no privilege over the limit', (t) => {
  const rootless = { '/proc/self/uid_map': '0 100000 65536\n', '/proc/7/status': ROOT_STATUS };
  t.deepEqual(limitsOf(t, rootless, 12), ['user 0 has 11 of 12 tasks (RLIMIT_NPROC)', ...ofMachine]);
});

test('this machine has limits', (t) => {
  const found = readTaskLimits();
  t.true(found.length >= 2);
  t.true(found.every(({ limit, used }) => limit > 0 && used > 0));
});
