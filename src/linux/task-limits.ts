/**
 * Everything that limits how many processes and threads there may be, which are one kind of thing to the kernel: tasks.
 *
 * fork(2) says EAGAIN for any of them, and not for which.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { userTaskLimit } from './descriptors.ts';

/** One limit, and how much of it is used. */
export interface TaskLimit {
  /** As it is called where it is set: `pids.max`, `kernel.threads-max`, `RLIMIT_NPROC`. */
  readonly name: string;
  /** What it limits: `the control group /system.slice/weft.service`. */
  readonly of: string;
  readonly limit: number;
  readonly used: number;
  /** How to raise it. */
  readonly remedy: string;
}

/** Where these are read; tests have another place. */
export interface TaskLimitPlace {
  readonly root: string;
  /** RLIMIT_NPROC of this process. */
  readonly userLimit: () => number;
}

const here: TaskLimitPlace = { root: '', userLimit: userTaskLimit };

/** Capabilities(7) that RLIMIT_NPROC does not count for: CAP_SYS_ADMIN and CAP_SYS_RESOURCE. */
const UNLIMITED_CAPABILITIES = (1n << 21n) | (1n << 24n);

/** All that hold for this process and can be read, the closest to its end first. */
export function readTaskLimits(place: TaskLimitPlace = here): TaskLimit[] {
  const limits = [...controlGroupLimits(place), ...machineLimits(place), ...userLimits(place)];
  return limits.sort((a, b) => b.used / b.limit - a.used / a.limit);
}

/** As a clause: `the control group /weft has 10 of 10 tasks (pids.max)`. */
export function describeTaskLimit({ name, of, limit, used }: TaskLimit): string {
  return `${of} has ${used} of ${limit} tasks (${name})`;
}

function controlGroupLimits(place: TaskLimitPlace): TaskLimit[] {
  const lines = textOf(place, '/proc/self/cgroup').split('\n');
  return lines.flatMap((line) => {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const isUnified = line.startsWith('0::');
    if (!isUnified && !controllers.split(',').includes('pids')) return [];
    const mount = mountOf(place, isUnified);
    if (mount === undefined) return [];
    return ancestorsOf(path).flatMap((group): TaskLimit[] => {
      const limit = Number(textOf(place, `${mount}${group}/pids.max`).trim());
      const used = Number(textOf(place, `${mount}${group}/pids.current`).trim());
      // "max" is no number, and a file that is not there is 0.
      if (!(limit > 0)) return [];
      const remedy = 'raise TasksMax= of the systemd unit, or --pids-limit of the container';
      return [{ name: 'pids.max', of: `the control group ${group === '' ? '/' : group}`, limit, used, remedy }];
    });
  });
}

/** Where the hierarchy with the controller is mounted: proc_pid_mountinfo(5). */
function mountOf(place: TaskLimitPlace, isUnified: boolean): string | undefined {
  for (const line of textOf(place, '/proc/self/mountinfo').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [type = '', , options = ''] = after.split(' ');
    const isWanted = isUnified ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes('pids');
    if (isWanted) return before.split(' ')[4];
  }
  return undefined;
}

/** `/a/b` -> `/a/b`, `/a`, and the root, which is empty. A group counts what is in those below. */
function ancestorsOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '');
  return [...names.map((_, index) => `/${names.slice(0, names.length - index).join('/')}`), ''];
}

function machineLimits(place: TaskLimitPlace): TaskLimit[] {
  // Running and all tasks: `3/412`.
  const used = Number(/ \d+\/(\d+) /.exec(textOf(place, '/proc/loadavg'))?.[1] ?? 0);
  return ['threads-max', 'pid_max'].flatMap((name): TaskLimit[] => {
    const limit = Number(textOf(place, `/proc/sys/kernel/${name}`).trim());
    if (!(limit > 0)) return [];
    const remedy = `raise it: sysctl -w kernel.${name}=${2 * limit}`;
    return [{ name: `kernel.${name}`, of: 'this machine', limit, used, remedy }];
  });
}

function userLimits(place: TaskLimitPlace): TaskLimit[] {
  const limit = place.userLimit();
  const status = textOf(place, '/proc/self/status');
  const user = realUserOf(status);
  if (limit === Infinity || user === undefined || isAboveUserLimit(place, status, user)) return [];
  const remedy = 'raise LimitNPROC= of the systemd unit, or --ulimit nproc= of the container';
  return [{ name: 'RLIMIT_NPROC', of: `user ${user}`, limit, used: tasksOf(place, user), remedy }];
}

/** Root of the machine, and who has these capabilities there. In a user namespace nobody is. */
function isAboveUserLimit(place: TaskLimitPlace, status: string, user: number): boolean {
  const isInitial = /^\s*0\s+0\s+4294967295\s*$/.test(textOf(place, '/proc/self/uid_map'));
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return isInitial && (user === 0 || (capabilities & UNLIMITED_CAPABILITIES) !== 0n);
}

function tasksOf(place: TaskLimitPlace, user: number): number {
  let tasks = 0;
  for (const pid of namesIn(`${place.root}/proc`)) {
    if (!/^\d+$/.test(pid)) continue;
    const status = textOf(place, `/proc/${pid}/status`);
    if (realUserOf(status) === user) tasks += Number(/^Threads:\s*(\d+)$/m.exec(status)?.[1] ?? 0);
  }
  return tasks;
}

function realUserOf(status: string): number | undefined {
  const user = /^Uid:\s*(\d+)/m.exec(status)?.[1];
  return user === undefined ? undefined : Number(user);
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function textOf({ root }: TaskLimitPlace, path: string): string {
  try {
    return readFileSync(`${root}${path}`, 'utf8');
  } catch {
    return '';
  }
}
