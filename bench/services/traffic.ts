/** What services cost packets: the first one of a flow, and the others. Through a service, straight to its backend, and without services. */
import { ServiceEnforcement } from '../../src/daemon/services/service-enforcement.ts';
import { ServicePlanner } from '../../src/services/service-planner.ts';
import { reportOf, startAnswering, startGenerator } from '../generator.ts';
import { runIperf } from '../iperf.ts';
import type { FlowReport, FlowTask } from '../programs/flow-client.ts';
import type { BlastTask } from '../programs/udp-blaster.ts';
import type { ReceiveTask } from '../programs/udp-receiver.ts';
import { median } from '../statistics.ts';
import { UDP_BYTES } from '../within-run.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { type BenchService, enforcementOptions, planningNode, tell, trafficService } from './service-cluster.ts';
import { PROCESSOR, serverAddresses, type ServiceRouter, startServers } from './service-router.ts';

const ECHO_PORT = 7_001;
/** Where {@link IPERF_PORT} of iperf3 is, and whom datagrams are sent to. */
const IPERF_PORT = 5_201;
const UDP_PORT = 9_000;
/** Below it are ports that nobody may take by chance. */
const FIRST_SOURCE_PORT = 10_000;
/** The first ones meet cold caches and code that is not compiled yet. */
const WARM_UP_FLOWS = 50;

const TCP_SECONDS = 2;
const UDP_WARM_UP_MS = 700;
const UDP_WINDOW_MS = 1_500;

/** The services that have traffic, by what they carry. */
export const trafficServices = {
  tcp: trafficService(0, 'TCP', ECHO_PORT, serverAddresses),
  udp: trafficService(1, 'UDP', ECHO_PORT, serverAddresses),
  stream: trafficService(2, 'TCP', IPERF_PORT, serverAddresses),
  datagrams: trafficService(3, 'UDP', UDP_PORT, serverAddresses),
} as const satisfies Readonly<Record<string, BenchService>>;

/** Nodes with many services, with those that have traffic alone, and with none. */
export interface Routers {
  readonly many: ServiceRouter;
  readonly few: ServiceRouter;
  readonly none: ServiceRouter;
}

/** Medians of each round. Each is compared with that of the same process: from one process to the next they differ by half. */
export interface FirstPacketFigures {
  readonly protocol: 'tcp' | 'udp';
  /** Through a service, in us. */
  readonly many: readonly number[];
  readonly few: readonly number[];
  /** Straight to the backend, at the same nodes, in us. */
  readonly manyDirect: readonly number[];
  readonly fewDirect: readonly number[];
}

/** Per round, bytes or datagrams in a second. */
export interface RateFigures {
  readonly protocol: 'tcp' | 'udp';
  /** Through a service, at the node with many; straight to the backend there; and at the node without any. */
  readonly service: readonly number[];
  readonly direct: readonly number[];
  readonly none: readonly number[];
}

/** Has the node of `router` know the services that have traffic, and no others. */
export async function loadTraffic(router: ServiceRouter): Promise<void> {
  const planner = new ServicePlanner(planningNode);
  for (const service of Object.values(trafficServices)) tell(planner, service);
  await router.inside(async () => new ServiceEnforcement(enforcementOptions).change(planner.take()));
}

export async function measureFirstPackets(
  routers: Routers,
  rounds: number,
  flows: number,
  progress: (step: string) => void,
): Promise<readonly FirstPacketFigures[]> {
  const figures: FirstPacketFigures[] = [];
  for (const protocol of ['tcp', 'udp'] as const) {
    const [many, few, manyDirect, fewDirect]: number[][] = [[], [], [], []];
    const [service, direct] = [addressOf(trafficServices[protocol]), serverAddresses[0]!];
    for (let round = 0; round < rounds; round++) {
      progress(`first packets, ${protocol}: round ${round + 1} of ${rounds}`);
      const medians = async (router: ServiceRouter, ...targets: string[]): Promise<number[]> => {
        const firstSourcePort = FIRST_SOURCE_PORT + round * targets.length * flows;
        return await firstPackets(router, {
          protocol,
          targets,
          port: ECHO_PORT,
          processor: PROCESSOR,
          flows,
          firstSourcePort,
        });
      };
      const [throughMany, besideMany] = await medians(routers.many, service, direct);
      const [throughFew, besideFew] = await medians(routers.few, service, direct);
      many!.push(throughMany!);
      manyDirect!.push(besideMany!);
      few!.push(throughFew!);
      fewDirect!.push(besideFew!);
    }
    figures.push({ protocol, many: many!, few: few!, manyDirect: manyDirect!, fewDirect: fewDirect! });
  }
  return figures;
}

/** The median of each target, in us. */
async function firstPackets(router: ServiceRouter, flows: FlowTask): Promise<number[]> {
  const { protocol, port } = flows;
  const stop = await startServers(router, { protocol, port, once: true });
  try {
    const { us } = await reportOf<FlowReport>(startGenerator('flow-client', flows, router.client));
    return us.map((times) => median(times.slice(WARM_UP_FLOWS)));
  } finally {
    await stop();
  }
}

export async function measureRates(
  routers: Routers,
  rounds: number,
  progress: (step: string) => void,
): Promise<readonly RateFigures[]> {
  const rates = {
    tcp: { rate: streamRate, service: trafficServices.stream },
    udp: { rate: datagramRate, service: trafficServices.datagrams },
  };
  const figures: RateFigures[] = [];
  for (const protocol of ['tcp', 'udp'] as const) {
    const { rate, service } = rates[protocol];
    const measured = { service: [] as number[], direct: [] as number[], none: [] as number[] };
    const turns = [
      async () => measured.service.push(await rate(routers.many, addressOf(service))),
      async () => measured.direct.push(await rate(routers.many, serverAddresses[0]!)),
      async () => measured.none.push(await rate(routers.none, serverAddresses[0]!)),
    ];
    for (let round = 0; round < rounds; round++) {
      progress(`rates, ${protocol}: round ${round + 1} of ${rounds}`);
      // A machine becomes faster or slower as it goes on.
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
    }
    figures.push({ protocol, ...measured });
  }
  return figures;
}

/** Of TCP, one stream, in bytes per second. */
async function streamRate({ client, server }: ServiceRouter, to: string): Promise<number> {
  const ends = { a: { podNetns: client }, b: { podNetns: server, podAddress: to } };
  const { bytes, seconds } = await runIperf(ends, TCP_SECONDS);
  return bytes / seconds;
}

/** Of small datagrams, one flow, per second. */
async function datagramRate({ client, server }: ServiceRouter, to: string): Promise<number> {
  const receive: ReceiveTask = {
    port: UDP_PORT,
    lengthBytes: UDP_BYTES,
    warmUpMs: UDP_WARM_UP_MS,
    windowMs: UDP_WINDOW_MS,
  };
  const receiver = await startAnswering('udp-receiver', receive, server);
  const blast: BlastTask = {
    destination: to,
    port: UDP_PORT,
    lengthBytes: UDP_BYTES,
    flows: 1,
    durationMs: 2 * (UDP_WARM_UP_MS + UDP_WINDOW_MS),
  };
  const blaster = startGenerator('udp-blaster', blast, client);
  try {
    const { received } = await reportOf<{ readonly received: number }>(receiver);
    return (received * 1_000) / UDP_WINDOW_MS;
  } finally {
    await blaster.stop();
    await receiver.stop();
  }
}

function addressOf({ service }: BenchService): string {
  return formatIpAddress(service.clusterAddresses[0]!);
}
