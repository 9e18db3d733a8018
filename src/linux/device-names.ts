import { readFileSync } from 'node:fs';
import { deviceIndex } from './route-socket.ts';

/**
 * Names of the network devices in the process's own namespace.
 *
 * From /proc/net, and not /sys/class/net: that shows the namespace in which /sys was mounted. Costs one small file, no process.
 */
export function deviceNames(): Set<string> {
  const [, , ...lines] = readFileSync('/proc/self/net/dev', 'utf8').trimEnd().split('\n');
  return new Set(lines.map((line) => line.slice(0, line.indexOf(':')).trim()));
}

/** Whether there is a device of this name in the namespace where the calling thread is. Costs no more where there are many. */
export function hasDevice(name: string): boolean {
  return deviceIndex(name) !== undefined;
}
