/** Small requests, one at a time, and how long their answers take: on an idle network, and beside a bulk transfer. */
import { reportOf, startAnswering, startGenerator } from '../generator.ts';
import { startIperf } from '../iperf.ts';
import { pause } from '../interruption.ts';
import type { EchoTask } from '../programs/echo-server.ts';
import type { RoundTripTask } from '../programs/echo-client.ts';
import type { Measure, Subject, Workload } from '../workload.ts';

const PORT = 9_001;
const IDLE_MS = 1_500;
/** Fewer requests pass in the same time, and the last permille needs its thousand. */
const LOADED_MS = 2_500;
/** The transfer's own beginning is not to be measured. */
const BULK_BEGINS_MS = 500;
/** Longer than everything beside it, the start of a generator on a busy machine included. */
const BULK_SECONDS = 30;

/** `null`: too few requests passed to tell. */
interface RoundTrips {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
}

/** Round trips over `protocol`. @param isLoaded beside one TCP stream in the direction of the requests. */
export function roundTrip(protocol: 'tcp' | 'udp', isLoaded: boolean): Workload {
  const name = `round-trip-${protocol}${isLoaded ? '-loaded' : ''}`;
  const title = `${protocol.toUpperCase()} ${isLoaded ? 'RTT under load' : 'round trip'}`;
  return {
    name,
    measures: ['p50', 'p99', 'p99.9'].map((share): Measure => ({
      id: `${name}-${share}`,
      title: `${title}, ${share}`,
      unit: 'us',
      better: 'less',
    })),
    async run({ site }: Subject): Promise<readonly number[]> {
      const serve: EchoTask = { protocol, port: PORT };
      const server = await startAnswering('echo-server', serve, site.b.podNetns);
      const bulk = isLoaded ? await startIperf(site, BULK_SECONDS) : undefined;
      try {
        if (bulk !== undefined) await pause(BULK_BEGINS_MS);
        const durationMs = isLoaded ? LOADED_MS : IDLE_MS;
        const ask: RoundTripTask = { protocol, address: site.b.podAddress, port: PORT, durationMs };
        const { p50, p99, p999 } = await reportOf<RoundTrips>(startGenerator('echo-client', ask, site.a.podNetns));
        return [p50, p99, p999].map((timeUs) => timeUs ?? Number.NaN);
      } finally {
        await bulk?.stop();
        await server.stop();
      }
    },
  };
}
