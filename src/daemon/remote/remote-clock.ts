/** How much the clock of another node is ahead: round trips on one connection, of which the shortest counts (Cristian, 1989). */
import { WeftError } from '../../errors.ts';
import { realtimeNs } from '../../linux/clock.ts';
import type { ClockOffset } from './remote-nodes.ts';

/** The question, answered with {@link ClockReading}. */
export const CLOCK_QUESTION = 'clock';

/** Round trips: the shortest of so few is close to the shortest there is, on a path that is not full. */
const ROUNDS = 8;

/** What a node's clock shows. */
export interface ClockReading {
  /** CLOCK_REALTIME, in ns; text, as JSON has no integers of that size. */
  readonly realtimeNs: string;
}

/** What this node's clock shows. */
export function readClock(): ClockReading {
  return { realtimeNs: String(realtimeNs()) };
}

/** Measures it. @param ask asks for one reading; `more`: another question follows */
export async function measureClock(ask: (more: boolean) => Promise<unknown>): Promise<ClockOffset> {
  let best: { roundTripNs: bigint; offsetNs: bigint } | undefined;
  for (let round = 1; round <= ROUNDS; round++) {
    const sentNs = realtimeNs();
    const reading = await ask(round < ROUNDS);
    const heardNs = realtimeNs();
    const offsetNs = parseReading(reading) - (sentNs + heardNs) / 2n;
    const roundTripNs = heardNs - sentNs;
    if (best === undefined || roundTripNs < best.roundTripNs) best = { roundTripNs, offsetNs };
  }
  const { roundTripNs, offsetNs } = best!;
  return { offsetNs: Number(offsetNs), uncertaintyNs: Math.ceil(Number(roundTripNs) / 2) };
}

function parseReading(reading: unknown): bigint {
  const text =
    typeof reading === 'object' && reading !== null && 'realtimeNs' in reading ? reading.realtimeNs : undefined;
  if (typeof text === 'string' && /^\d{1,20}$/.test(text)) return BigInt(text);
  throw new WeftError('remote-unsupported', 'the answer is no time');
}
