import { readFileSync } from 'node:fs';

/**
 * Names of the network devices in the process's own namespace.
 *
 * From /proc/net, and not /sys/class/net: that shows the namespace in which /sys was mounted. Costs one small file, no process.
 */
export function deviceNames(): Set<string> {
  const [, , ...lines] = readFileSync('/proc/self/net/dev', 'utf8').trimEnd().split('\n');
  return new Set(lines.map((line) => line.slice(0, line.indexOf(':')).trim()));
}
