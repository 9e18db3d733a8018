/**
 * TCP, one stream, and what it costs.
 *
 * CPU seconds per gigabyte are the same sum for every rival, wherever it does its work: all that its two daemons spent, in
 * user mode and in the kernel; the kernel's part of both ends of iperf3, as that is where a packet is sent and received, and
 * where a device of the kernel's works; and softirqs that ran apart from both. So the TCP of the pods is in it, with its
 * copying, which nobody can do without; iperf3's own work in user mode is not. Chosen instead of: everything that the
 * machine did, less what it does when idle. Because: on a machine that others use, too, that measures the others.
 */
import { runIperf } from '../iperf.ts';
import { processSeconds, softInterruptSeconds } from '../processor-time.ts';
import type { Subject, Workload } from '../workload.ts';

const SECONDS = 3;

export const tcpStream: Workload = {
  name: 'tcp-stream',
  measures: [
    { id: 'tcp-stream', title: 'TCP, one stream', unit: 'Gbit/s', better: 'more' },
    { id: 'cpu-per-gigabyte', title: 'CPU for it, both nodes', unit: 's/GB', better: 'less' },
  ],
  async run({ site, running }: Subject): Promise<readonly number[]> {
    const spent = (): number =>
      running.daemonPids.reduce((sum, pid) => sum + processSeconds(pid), 0) + softInterruptSeconds();
    const before = spent();
    const { bytes, seconds, kernelSeconds } = await runIperf(site, SECONDS);
    const cpuSeconds = spent() - before + kernelSeconds;
    return [(bytes * 8) / seconds / 1e9, cpuSeconds / (bytes / 1e9)];
  },
};
