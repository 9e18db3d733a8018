/** Pairs of measurements: with something and without it, one right after the other. */
import { runIperf } from '../iperf.ts';
import type { Site } from '../site.ts';
import { type SwitchedTraffic, tcpRatio, UDP_BYTES, udpRatio } from '../within-run.ts';
import { blastRate } from '../workloads/udp-blast.ts';
import type { MakeVariants, Switch, Variants } from './variants.ts';

const TCP_SECONDS = 3;

/** Per pair: the rate with it to the rate without. */
export interface PairFigures {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/**
 * Measures `pairs` pairs of TCP, one stream, and as many of small UDP datagrams, one flow, within one run of it each.
 *
 * @param directory empty.
 */
export async function measureSwitched(
  makeSwitch: (directory: string, cleanUp: AsyncDisposableStack) => Promise<Switch>,
  directory: string,
  pairs: number,
  progress: (step: string) => void,
): Promise<PairFigures> {
  await using cleanUp = new AsyncDisposableStack();
  const switched = await makeSwitch(directory, cleanUp);
  const traffic = trafficOf(switched);
  const tcp: number[] = [];
  const udp: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    progress(`${switched.on.site.name}: pair ${pair + 1} of ${pairs}`);
    tcp.push(await tcpRatio(traffic, pair));
    udp.push(await udpRatio(traffic, pair));
  }
  return { tcp, udp };
}

/** Measures pairs of runs on two sites, as {@link measureSwitched} does on one. @param directory empty. */
export async function measureSites(
  make: MakeVariants,
  directory: string,
  pairs: number,
  progress: (step: string) => void,
): Promise<PairFigures> {
  await using cleanUp = new AsyncDisposableStack();
  const variants = await make(directory, cleanUp);
  const tcp: number[] = [];
  const udp: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    progress(`${variants.probed.site.name}: pair ${pair + 1} of ${pairs}`);
    tcp.push(await ratioOfRuns(variants, pair, tcpRate));
    udp.push(await ratioOfRuns(variants, pair, async (site) => blastRate(site, UDP_BYTES, 1)));
  }
  return { tcp, udp };
}

/** The rate on the probed side to that on the plain one; which comes first changes from pair to pair. */
async function ratioOfRuns(
  { plain, probed }: Variants,
  pair: number,
  rateOf: (site: Site) => Promise<number>,
): Promise<number> {
  if (pair % 2 === 0) {
    const rate = await rateOf(probed.site);
    return rate / (await rateOf(plain.site));
  }
  const rate = await rateOf(plain.site);
  return (await rateOf(probed.site)) / rate;
}

/** What packets meet on the way between the pods of a site, as the second daemon counts them. */
export function trafficOf(switched: Switch): SwitchedTraffic {
  const { site, daemons } = switched.on;
  const [, receiver] = daemons;
  return {
    ends: site,
    turnOn: async () => switched.turnOn(),
    arrived: async () => {
      const { workers } = await receiver.control.status();
      return workers.reduce((sum, { ingress }) => sum + ingress.delivered, 0);
    },
  };
}

/** Bytes per second of one TCP stream. */
async function tcpRate(site: Site): Promise<number> {
  const { bytes, seconds } = await runIperf(site, TCP_SECONDS);
  return bytes / seconds;
}
