/** How evenly flows are spread over the backends of a service, as the kernel tracks them; and how evenly chance would do it. */
import { visitConnections } from '../../src/linux/connections.ts';
import { equalIpAddresses, formatIpAddress } from '../../src/wire/address.ts';
import { reportOf, startGenerator } from '../generator.ts';
import type { FlowReport, FlowTask } from '../programs/flow-client.ts';
import { BACKENDS, trafficService } from './service-cluster.ts';
import { PROCESSOR, serverAddresses, type ServiceRouter, startServers } from './service-router.ts';

/** Flows of one round. */
export const FLOWS = 5_000;

const PORT = 7_002;
const FIRST_SOURCE_PORT = 10_000;

/** How often chance has its turn. */
const DRAWS = 1_000;

export const evenService = trafficService(4, 'UDP', PORT, serverAddresses);

export interface EvennessFigures {
  /** Largest difference of a backend's flows to the mean, in percent of that: of each round, and of all flows together. */
  readonly deviations: readonly number[];
  readonly together: number;
  /** The same where each flow goes anywhere by chance: the median of many rounds, and what one in twenty is above. */
  readonly expected: { readonly median: number; readonly p95: number };
}

/** @param router in the namespace of this process */
export async function measureEvenness(
  router: ServiceRouter,
  rounds: number,
  progress: (step: string) => void,
): Promise<EvennessFigures> {
  const deviations: number[] = [];
  const all = new Map(serverAddresses.map((address) => [address, 0]));
  for (let round = 0; round < rounds; round++) {
    progress(`evenness: round ${round + 1} of ${rounds}`);
    const stop = await startServers(router, { protocol: 'udp', port: PORT });
    const firstSourcePort = FIRST_SOURCE_PORT + round * FLOWS;
    const [address] = evenService.service.clusterAddresses;
    const flows: FlowTask = {
      protocol: 'udp',
      targets: [formatIpAddress(address!)],
      port: PORT,
      processor: PROCESSOR,
      flows: FLOWS,
      firstSourcePort,
    };
    try {
      await reportOf<FlowReport>(startGenerator('flow-client', flows, router.client));
    } finally {
      await stop();
    }
    const counts = new Map(serverAddresses.map((one) => [one, 0]));
    await visitConnections(({ sentTo, sentToPort, sourcePort = 0, destination }) => {
      if (!equalIpAddresses(sentTo, address!) || sentToPort !== PORT) return;
      if (sourcePort < firstSourcePort || sourcePort >= firstSourcePort + FLOWS) return;
      for (const some of [counts, all])
        some.set(formatIpAddress(destination), some.get(formatIpAddress(destination))! + 1);
    });
    deviations.push(largestDeviation([...counts.values()]));
  }
  return { deviations, together: largestDeviation([...all.values()]), expected: byChance() };
}

function largestDeviation(counts: readonly number[]): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return Math.max(...counts.map((count) => (Math.abs(count - mean) / mean) * 100));
}

function byChance(): EvennessFigures['expected'] {
  const drawn = Array.from({ length: DRAWS }, () => {
    const counts = Array.from({ length: BACKENDS }, () => 0);
    for (let flow = 0; flow < FLOWS; flow++) counts[Math.floor(Math.random() * BACKENDS)]!++;
    return largestDeviation(counts);
  }).toSorted((a, b) => a - b);
  return { median: drawn[Math.floor(DRAWS / 2)]!, p95: drawn[Math.floor(DRAWS * 0.95)]! };
}
