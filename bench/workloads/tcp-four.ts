/** TCP, four streams at once. */
import { runIperf } from '../iperf.ts';
import type { Subject, Workload } from '../workload.ts';

export const tcpFour: Workload = {
  name: 'tcp-four',
  measures: [{ id: 'tcp-four', title: 'TCP, four streams', unit: 'Gbit/s', better: 'more' }],
  async run({ site }: Subject): Promise<readonly number[]> {
    const { bytes, seconds } = await runIperf(site, 2, ['-P', '4']);
    return [(bytes * 8) / seconds / 1e9];
  },
};
