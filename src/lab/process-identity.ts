/**
 * Which process a number means. A process id is given out again after its process has ended; together with the start
 * time (proc_pid_stat(5), field 22) it is unique until the next boot.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';

/** One process, for as long as the machine runs. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot. */
  readonly startTicks: number;
}

/** The process that has `pid` now; `undefined` if none has, or if it is a zombie. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readOrUndefined(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses, which may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, startTicks: Number(fields[19]) };
}

/** Whether that very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTicks === identity.startTicks;
}

/** Sends a signal to that very process, and to none that got its number. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch {
    // It ended in between.
  }
}

/** Processes other than this one whose main thread is in one of the network namespaces at `paths`. */
export function processesInNamespaces(paths: readonly string[]): ProcessIdentity[] {
  const wanted = new Set(paths.flatMap((path) => inodeOf(path)));
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) => inodeOf(`/proc/${entry}/ns/net`).some((inode) => wanted.has(inode)))
    .flatMap((entry) => identifyProcess(Number(entry)) ?? []);
}

function inodeOf(path: string): string[] {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return [`${dev}:${ino}`];
  } catch {
    return [];
  }
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
