/**
 * How often something may happen for each source: a share of its own, so that one pod cannot use up that of the others. Sources
 * that meet in one of a fixed number of places share one. Time is passed in.
 */
import { readU32 } from '../wire/octets.ts';
import type { InnerPacket } from './inner-packet.ts';

/** A power of two. */
const PLACES = 1_024;
/** Knuth's multiplier: neighbouring addresses go to places far apart. */
const MULTIPLIER = 0x9e37_79b1;

/** Nothing here allocates. */
export class SourceBuckets {
  readonly #ratePerMs: number;
  readonly #burst: number;
  readonly #tokens = new Float64Array(PLACES);
  readonly #filledMs = new Float64Array(PLACES);

  /** All are full at the start. */
  constructor(ratePerSecond: number, burst: number) {
    this.#ratePerMs = ratePerSecond / 1000;
    this.#burst = burst;
    this.#tokens.fill(burst);
  }

  /** Takes a token of the source of `packet` at `nowMs`, a monotonic time. False if there is none. */
  take(bytes: Uint8Array, packet: InnerPacket, nowMs: number): boolean {
    const place = placeOf(bytes, packet);
    const elapsedMs = Math.max(0, nowMs - this.#filledMs[place]!);
    const tokens = Math.min(this.#burst, this.#tokens[place]! + elapsedMs * this.#ratePerMs);
    this.#filledMs[place] = nowMs;
    this.#tokens[place] = tokens < 1 ? tokens : tokens - 1;
    return tokens >= 1;
  }
}

function placeOf(bytes: Uint8Array, packet: InnerPacket): number {
  let mixed = 0;
  for (let at = packet.sourceAt; at < packet.destinationAt; at += 4) {
    mixed = Math.imul(mixed ^ readU32(bytes, at), MULTIPLIER);
    mixed ^= mixed >>> 15;
  }
  return mixed & (PLACES - 1);
}
