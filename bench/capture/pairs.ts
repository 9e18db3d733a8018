/** Pairs of runs: with something and without it, one right after the other. */
import { runIperf } from '../iperf.ts';
import type { Site } from '../site.ts';
import { blastRate } from '../workloads/udp-blast.ts';
import type { MakeVariants, Variants } from './variants.ts';

const TCP_SECONDS = 3;

/** Per pair: the rate with it to the rate without. */
export interface PairFigures {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/** Measures `pairs` pairs of TCP, one stream, and as many of small UDP datagrams, one flow. @param directory empty. */
export async function measurePairs(
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
    tcp.push(await ratioOf(variants, pair, tcpRate));
    udp.push(await ratioOf(variants, pair, udpRate));
  }
  return { tcp, udp };
}

/** The rate on the probed side to that on the plain one; which comes first changes from pair to pair. */
export async function ratioOf(
  variants: Variants,
  pair: number,
  rateOf: (site: Site) => Promise<number>,
): Promise<number> {
  const { plain, probed } = variants;
  const withIt = async (): Promise<number> => {
    const end = await variants.begin();
    try {
      return await rateOf(probed.site);
    } finally {
      await end();
    }
  };
  if (pair % 2 === 0) {
    const rate = await withIt();
    return rate / (await rateOf(plain.site));
  }
  const rate = await rateOf(plain.site);
  return (await withIt()) / rate;
}

/** Bytes per second of one TCP stream. */
export async function tcpRate(site: Site): Promise<number> {
  const { bytes, seconds } = await runIperf(site, TCP_SECONDS);
  return bytes / seconds;
}

/** Datagrams per second that arrive. */
async function udpRate(site: Site): Promise<number> {
  return await blastRate(site, 64, 1);
}
