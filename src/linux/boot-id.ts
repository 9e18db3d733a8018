import { readFileSync } from 'node:fs';

/** Random name of this boot of the kernel: another one after a reboot, the same one in a restarted container. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
