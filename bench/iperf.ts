/** iperf3, from pod a to pod b. */
import { Program } from './program.ts';
import type { Ends } from './site.ts';

const PORT = 5201;
/** A run that takes so much longer than it should will not end. */
const PATIENCE_SECONDS = 20;

/** What a run moved. */
export interface IperfResult {
  readonly seconds: number;
  /** Received, both directions together. */
  readonly bytes: number;
  /** Processor time that both ends of iperf3 spent in the kernel. */
  readonly kernelSeconds: number;
}

interface Sum {
  readonly bytes: number;
  readonly seconds: number;
}

/** The part of iperf3's report that is looked at. */
interface Report {
  readonly end: {
    readonly sum_received: Sum;
    readonly sum_received_bidir_reverse?: Sum;
    readonly cpu_utilization_percent: { readonly host_system: number; readonly remote_system: number };
  };
}

/** Runs TCP for `seconds`. @param options more options of iperf3's: `['-P', '4']`. */
export async function runIperf(ends: Ends, seconds: number, options: readonly string[] = []): Promise<IperfResult> {
  const transfer = await startIperf(ends, seconds, options);
  try {
    const { end } = JSON.parse(await transfer.client.output()) as Report;
    const { host_system: here, remote_system: there } = end.cpu_utilization_percent;
    return {
      seconds: end.sum_received.seconds,
      bytes: end.sum_received.bytes + (end.sum_received_bidir_reverse?.bytes ?? 0),
      kernelSeconds: ((here + there) / 100) * end.sum_received.seconds,
    };
  } finally {
    await transfer.stop();
  }
}

/** Starts TCP, to be stopped by the caller. */
export async function startIperf(
  ends: Ends,
  seconds: number,
  options: readonly string[] = [],
): Promise<{ client: Program; stop: () => Promise<void> }> {
  const limit = seconds + PATIENCE_SECONDS;
  const server = new Program(['iperf3', '-s', '-1', '-p', String(PORT), '--forceflush'], ends.b.podNetns, limit);
  try {
    await server.writes('Server listening');
    const to = ['-c', ends.b.podAddress, '-p', String(PORT), '-t', String(seconds), '--json'];
    const client = new Program(['iperf3', ...to, ...options], ends.a.podNetns, limit);
    return { client, stop: async () => void (await Promise.all([client.stop(), server.stop()])) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
