/**
 * Kernel parameters under /proc/sys. Those below `net` are the calling thread's network namespace's.
 *
 * In a container /proc/sys is usually read-only: what cannot be written is a value here, for the caller to report. Where the host's
 * /proc/sys/net is mounted at a place of its own, it is written there: it is that of the calling thread's network namespace, too.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * What became of a parameter: `set` (now, or it was already), `read-only` (/proc/sys is mounted so), `denied` (a privilege
 * is missing), `missing` (this kernel or namespace has no such parameter).
 */
export type SysctlOutcome = 'set' | 'read-only' | 'denied' | 'missing';

/** Where a container may have /proc/sys/net that can be written. */
export const WRITABLE_NET = '/host/proc/sys/net';

/**
 * Value of a parameter, without the line end; `undefined` if there is none.
 *
 * @param name with slashes, since names of devices may have dots: `net/ipv4/conf/eth0.7/rp_filter`.
 */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** Makes a parameter have `value`, and writes it only if it has another. Never throws. */
export function ensureSysctl(name: string, value: string): SysctlOutcome {
  const now = readSysctl(name);
  if (now === undefined) return 'missing';
  if (now === value) return 'set';
  const outcome = write(`/proc/sys/${name}`, value);
  if (outcome === 'set' || !name.startsWith('net/') || !existsSync(WRITABLE_NET)) return outcome;
  return write(`${WRITABLE_NET}/${name.slice('net/'.length)}`, value);
}

function write(path: string, value: string): SysctlOutcome {
  try {
    // Not to be made: where it is no file of the kernel's, it is none at all.
    writeFileSync(path, value, { flag: 'r+' });
    return 'set';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS' ? 'read-only' : 'denied';
  }
}

/** Name as people and `sysctl` write it: `net.ipv4.ip_forward`. */
export function sysctlTitle(name: string): string {
  return name.replaceAll('/', '.');
}
