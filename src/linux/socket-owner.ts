/** Which processes have a socket open: proc_pid_fd(5). What may not be looked at is left out. */
import { readdirSync, readlinkSync } from 'node:fs';

/** Their ids, by the inodes of the sockets. Looks at the open files of all processes: some 10 ms. */
export function ownersOfSockets(inodes: readonly string[]): string[] {
  const targets = new Set(inodes.map(targetOfSocket));
  return processIds().filter((pid) => openFiles(pid).some((target) => targets.has(target)));
}

/**
 * Id of the process that has this socket; `undefined`: none that can be seen, or none was found in the time there is. Of how many files
 * are open, others decide.
 */
export function ownerOfSocket(inode: string, withinMs: number): number | undefined {
  const untilMs = performance.now() + withinMs;
  for (const pid of processIds()) {
    if (ownsSocket(Number(pid), inode)) return Number(pid);
    if (performance.now() > untilMs) return undefined;
  }
  return undefined;
}

/** Whether this process has this socket. */
export function ownsSocket(pid: number, inode: string): boolean {
  return openFiles(`${pid}`).includes(targetOfSocket(inode));
}

function targetOfSocket(inode: string): string {
  return `socket:[${inode}]`;
}

function processIds(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

/** What the files of a process are; empty if it has ended or is not ours to look at. */
function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
