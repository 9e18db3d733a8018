/** What it costs to have something switched on, within one run of traffic: two runs differ by a tenth on their own. */
import { startAnswering, startGenerator } from './generator.ts';
import { pause } from './interruption.ts';
import { startIperf } from './iperf.ts';
import type { BlastTask } from './programs/udp-blaster.ts';
import type { ReceiveTask } from './programs/udp-receiver.ts';
import type { Ends } from './site.ts';

const UDP_PORT = 9_000;
export const UDP_BYTES = 64;

/** Until a stream has its rate again after something was switched: workers compile what they had not run before. */
const SETTLING_MS = 1_500;
const WINDOW_MS = 2_000;
/** Three windows, and whatever is started between them, on a busy machine. */
const LOAD_SECONDS = 40;

/** Something that can be switched on and off while there is traffic. */
export interface SwitchedTraffic {
  readonly ends: Ends;
  /** Gives what turns it off again. */
  turnOn(): Promise<() => Promise<void>>;
  /** Packets, or bytes, that have arrived at pod b so far. */
  arrived(): Promise<number>;
}

/** Starts traffic from pod a to pod b, without end. Gives what ends it. */
type StartLoad = (ends: Ends) => Promise<() => Promise<void>>;

/** The rate while it is on to that while it is off, under TCP with one stream. */
export async function tcpRatio(switched: SwitchedTraffic, pair: number): Promise<number> {
  return await ratioWithinRun(switched, pair, startTcp);
}

/** The same under small UDP datagrams, one flow. */
export async function udpRatio(switched: SwitchedTraffic, pair: number): Promise<number> {
  return await ratioWithinRun(switched, pair, startUdp);
}

/** A run becomes faster or slower as it goes on. So it is off, on, off; in the next pair on, off, on. */
async function ratioWithinRun(switched: SwitchedTraffic, pair: number, startLoad: StartLoad): Promise<number> {
  const isOnInTheMiddle = pair % 2 === 0;
  let turnOff = isOnInTheMiddle ? undefined : await switched.turnOn();
  const turn = async (): Promise<void> => {
    const end = turnOff;
    turnOff = undefined;
    if (end === undefined) turnOff = await switched.turnOn();
    else await end();
  };
  const stop = await startLoad(switched.ends);
  try {
    const first = await arrivalRate(switched);
    await turn();
    const middle = await arrivalRate(switched);
    await turn();
    const around = (first + (await arrivalRate(switched))) / 2;
    return isOnInTheMiddle ? middle / around : around / middle;
  } finally {
    await turnOff?.();
    await stop();
  }
}

/** Per ms. */
async function arrivalRate(switched: SwitchedTraffic): Promise<number> {
  await pause(SETTLING_MS);
  const [before, beganMs] = [await switched.arrived(), performance.now()];
  await pause(WINDOW_MS);
  return ((await switched.arrived()) - before) / (performance.now() - beganMs);
}

async function startTcp(ends: Ends): Promise<() => Promise<void>> {
  const { stop } = await startIperf(ends, LOAD_SECONDS);
  return stop;
}

async function startUdp({ a, b }: Ends): Promise<() => Promise<void>> {
  const durationMs = LOAD_SECONDS * 1_000;
  const receive: ReceiveTask = { port: UDP_PORT, lengthBytes: UDP_BYTES, warmUpMs: 0, windowMs: durationMs };
  const receiver = await startAnswering('udp-receiver', receive, b.podNetns);
  const blast: BlastTask = {
    destination: b.podAddress,
    port: UDP_PORT,
    lengthBytes: UDP_BYTES,
    flows: 1,
    durationMs,
  };
  const blaster = startGenerator('udp-blaster', blast, a.podNetns);
  // Its first datagrams come once it is compiled.
  await pause(SETTLING_MS);
  return async () => void (await Promise.all([blaster.stop(), receiver.stop()]));
}
