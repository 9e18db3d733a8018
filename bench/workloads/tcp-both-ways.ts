/** TCP, one stream in each direction at once; both together. */
import { runIperf } from '../iperf.ts';
import type { Subject, Workload } from '../workload.ts';

export const tcpBothWays: Workload = {
  name: 'tcp-both-ways',
  measures: [{ id: 'tcp-both-ways', title: 'TCP, both ways at once', unit: 'Gbit/s', better: 'more' }],
  async run({ site }: Subject): Promise<readonly number[]> {
    const { bytes, seconds } = await runIperf(site, 2, ['--bidir']);
    return [(bytes * 8) / seconds / 1e9];
  },
};
