/** File descriptors of this process: how many it may have, and how many it has. Asked without one, as far as that is possible. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { checked } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi } from './kernel-abi.ts';

const OWN = '/proc/self/fd';

/**
 * How many descriptors this process may have: its soft limit, which Node makes as high as the hard one at its start.
 * Somebody may change it while the process runs: prlimit(1).
 */
export function descriptorLimit(): number {
  return softLimit(Abi.RLIMIT_NOFILE, 'descriptors');
}

/** How many processes and threads the user of this process may have; Infinity: as many as the machine. */
export function userTaskLimit(): number {
  return softLimit(Abi.RLIMIT_NPROC, 'processes');
}

/** How many descriptors are open. */
export function openDescriptors(): number {
  try {
    // The size of the directory is their number since Linux 6.2; before, it is 0. One of those that are listed is the directory's.
    const { size } = statSync(OWN);
    return size > 0 ? size : readdirSync(OWN).length - 1;
  } catch {
    // There is none left to look with.
    return descriptorLimit();
  }
}

/** How many files all of this machine have open, and how many they may; 0 of Infinity if that cannot be read: proc_sys_fs(5). */
export function machineFiles(): { readonly used: number; readonly limit: number } {
  try {
    const [used = 0, , limit = Infinity] = readFileSync('/proc/sys/fs/file-nr', 'utf8').trim().split(/\s+/).map(Number);
    return { used, limit };
  } catch {
    return { used: 0, limit: Infinity };
  }
}

/** RLIM_INFINITY. */
const UNLIMITED = 2n ** 64n - 1n;

function softLimit(resource: number, what: string): number {
  // struct rlimit: two 64-bit integers wherever weft runs, the soft limit first.
  const limits = new BigUint64Array(2);
  checked(libc.getrlimit(resource, limits), 'getrlimit', `read the limit of ${what}`);
  return limits[0] === UNLIMITED ? Infinity : Number(limits[0]);
}
