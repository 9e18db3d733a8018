/** Pairs of measurements: with something and without it, one right after the other. */
import { startAnswering, startGenerator } from '../generator.ts';
import { pause } from '../interruption.ts';
import { runIperf, startIperf } from '../iperf.ts';
import type { BlastTask } from '../programs/udp-blaster.ts';
import type { ReceiveTask } from '../programs/udp-receiver.ts';
import type { Site } from '../site.ts';
import { blastRate } from '../workloads/udp-blast.ts';
import type { MakeVariants, Switch, Variants, WeftSite } from './variants.ts';

const TCP_SECONDS = 3;
const UDP_PORT = 9_000;
const UDP_BYTES = 64;

/** Until a stream has its rate again after something was switched: workers compile what they had not run before. */
const SETTLING_MS = 1_500;
const WINDOW_MS = 2_000;
/** Three windows, and whatever is started between them, on a busy machine. */
const LOAD_SECONDS = 40;

/** Per pair: the rate with it to the rate without. */
export interface PairFigures {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/** Starts traffic from pod a to pod b, without end. Gives what ends it. */
type StartLoad = (site: Site) => Promise<() => Promise<void>>;

/**
 * Measures `pairs` pairs of TCP, one stream, and as many of small UDP datagrams, one flow, within one run of it each: two runs
 * differ by a tenth on their own. A run becomes faster or slower as it goes on; so it is switched twice, to what it was before.
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
  const tcp: number[] = [];
  const udp: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    progress(`${switched.on.site.name}: pair ${pair + 1} of ${pairs}`);
    tcp.push(await ratioWithinRun(switched, pair, startTcp));
    udp.push(await ratioWithinRun(switched, pair, startUdp));
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

/** The rate while it is on to that while it is off, under TCP with one stream. */
export async function tcpRatio(switched: Switch, pair: number): Promise<number> {
  return await ratioWithinRun(switched, pair, startTcp);
}

/** Off, on, off; in the next pair on, off, on. */
async function ratioWithinRun(switched: Switch, pair: number, startLoad: StartLoad): Promise<number> {
  const { on } = switched;
  const isOnInTheMiddle = pair % 2 === 0;
  let turnOff = isOnInTheMiddle ? undefined : await switched.turnOn();
  const turn = async (): Promise<void> => {
    const end = turnOff;
    turnOff = undefined;
    if (end === undefined) turnOff = await switched.turnOn();
    else await end();
  };
  const stop = await startLoad(on.site);
  try {
    const first = await arrivalRate(on);
    await turn();
    const middle = await arrivalRate(on);
    await turn();
    const around = (first + (await arrivalRate(on))) / 2;
    return isOnInTheMiddle ? middle / around : around / middle;
  } finally {
    await turnOff?.();
    await stop();
  }
}

/** Packets per ms that the second daemon hands to its pod. */
async function arrivalRate({ daemons: [, receiver] }: WeftSite): Promise<number> {
  const delivered = async (): Promise<number> => {
    const { workers } = await receiver.control.status();
    return workers.reduce((sum, { ingress }) => sum + ingress.delivered, 0);
  };
  await pause(SETTLING_MS);
  const [before, beganMs] = [await delivered(), performance.now()];
  await pause(WINDOW_MS);
  return ((await delivered()) - before) / (performance.now() - beganMs);
}

async function startTcp(site: Site): Promise<() => Promise<void>> {
  const { stop } = await startIperf(site, LOAD_SECONDS);
  return stop;
}

async function startUdp(site: Site): Promise<() => Promise<void>> {
  const durationMs = LOAD_SECONDS * 1_000;
  const receive: ReceiveTask = { port: UDP_PORT, lengthBytes: UDP_BYTES, warmUpMs: 0, windowMs: durationMs };
  const receiver = await startAnswering('udp-receiver', receive, site.b.podNetns);
  const blast: BlastTask = {
    destination: site.b.podAddress,
    port: UDP_PORT,
    lengthBytes: UDP_BYTES,
    flows: 1,
    durationMs,
  };
  const blaster = startGenerator('udp-blaster', blast, site.a.podNetns);
  // Its first datagrams come once it is compiled.
  await pause(SETTLING_MS);
  return async () => void (await Promise.all([blaster.stop(), receiver.stop()]));
}

/** Bytes per second of one TCP stream. */
async function tcpRate(site: Site): Promise<number> {
  const { bytes, seconds } = await runIperf(site, TCP_SECONDS);
  return bytes / seconds;
}
