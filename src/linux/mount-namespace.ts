/**
 * Whether others see what is mounted here: mount_namespaces(7), proc_pid_mountinfo(5). A mount that is made in a mount namespace
 * of its own is seen elsewhere only where the mount below it is shared with there.
 */
import { readFileSync, readlinkSync, statSync } from 'node:fs';

/**
 * Whether a mount that this process makes in `directory` will be seen by another process; `undefined`: that process cannot be
 * looked at.
 */
export function sharesMountsWith(pid: number, directory: string): boolean | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt')) return true;
    const [ours, theirs] = ['self', pid].map((process) => {
      const text = readFileSync(`/proc/${process}/mountinfo`, 'utf8');
      return peerGroupOf(directory, text);
    });
    return ours !== undefined && ours === theirs;
  } catch {
    return undefined;
  }
}

/** Peer group of the mount that holds `directory`; `undefined`: it has none, and what is mounted there is seen nowhere else. */
export function peerGroupOf(directory: string, mountinfo: string): string | undefined {
  let best = { point: '', group: undefined as string | undefined };
  for (const line of mountinfo.split('\n')) {
    // ID, parent, device, root, mount point, options, optional fields up to a hyphen.
    const [, , , , point = '', , ...rest] = line.split(' ');
    const isAbove = point === '/' || directory === point || directory.startsWith(`${point}/`);
    // Of two mounts at one place, the later one is on top.
    if (point === '' || !isAbove || point.length < best.point.length) continue;
    const optional = rest.slice(0, rest.indexOf('-'));
    best = { point, group: optional.find((field) => field.startsWith('shared:')) };
  }
  return best.group;
}

/** Whether a process sees at `path` the very file that this one sees; `undefined`: its files cannot be looked at. */
export function isSeenBy(pid: number, path: string): boolean | undefined {
  try {
    statSync(`/proc/${pid}/root/`);
  } catch {
    return undefined;
  }
  try {
    const [here, there] = [statSync(path), statSync(`/proc/${pid}/root${path}`)];
    return here.dev === there.dev && here.ino === there.ino;
  } catch {
    return false;
  }
}
