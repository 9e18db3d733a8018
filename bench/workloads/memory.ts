/** Resident memory of the larger of the two daemons, after everything else in the round. A kernel device has no daemon. */
import { residentMegabytes } from '../processor-time.ts';
import type { Subject, Workload } from '../workload.ts';

export const memory: Workload = {
  name: 'memory',
  measures: [{ id: 'memory', title: 'Memory of the daemon', unit: 'MB', better: 'less' }],
  async run({ running }: Subject): Promise<readonly number[]> {
    const sizes = running.daemonPids.map(residentMegabytes);
    return [sizes.length === 0 ? Number.NaN : Math.max(...sizes)];
  },
};
