/** What TCP makes of a bad network: nothing is lost, everything takes longer, until somebody gives up. */
import type { SeededRandom } from './seeded-random.ts';
import { drawDelayMs, type Weather } from './weather.ts';

/** Each part of an exchange takes at most this long, as on the real sockets of `linux/gossip-sockets.ts`. */
export const STREAM_TIMEOUT_MS = 5_000;

/** Payload of a segment, and its IPv4 and TCP headers, in bytes. */
const SEGMENT_BYTES = 1_448;
const SEGMENT_HEADER_BYTES = 52;

/** Segments in the first flight (RFC 6928); each further flight has twice as many. */
const FIRST_FLIGHT_SEGMENTS = 10;

/** Retransmission timers of Linux: the first for a SYN, the least otherwise. Each doubles. */
export const SYN_RETRANSMIT_MS = 1_000;
export const RETRANSMIT_MS = 200;

/** Bytes per millisecond of a link of 1 Gbit/s. */
const LINK_BYTES_PER_MS = 125_000;

/** One passage of bytes through a stream, or of a handshake (0 bytes). */
export interface Passage {
  readonly durationMs: number;
  /** What it takes on the underlay, headers and retransmissions included. */
  readonly wireBytes: number;
}

/**
 * How long `lengthBytes` take one way. A flight that loses something costs a round trip if enough comes after the gap to
 * tell of it, and a retransmission timer otherwise.
 */
export function drawPassage(
  lengthBytes: number,
  firstTimerMs: number,
  weather: Weather,
  random: SeededRandom,
): Passage {
  let segments = Math.max(1, Math.ceil(lengthBytes / SEGMENT_BYTES));
  let flight = FIRST_FLIGHT_SEGMENTS;
  let durationMs = lengthBytes / LINK_BYTES_PER_MS;
  let wireBytes = lengthBytes + segments * SEGMENT_HEADER_BYTES;
  for (; segments > 0; flight *= 2) {
    const sent = Math.min(flight, segments);
    segments -= sent;
    durationMs += drawDelayMs(weather, random);
    let lost = drawLost(sent, weather, random);
    if (lost > 0 && sent - lost >= 3) {
      durationMs += 2 * weather.maxDelayMs;
      wireBytes += lost * (SEGMENT_BYTES + SEGMENT_HEADER_BYTES);
      lost = drawLost(lost, weather, random);
    }
    for (let timerMs = firstTimerMs; lost > 0 && durationMs < STREAM_TIMEOUT_MS; timerMs *= 2) {
      durationMs += timerMs;
      wireBytes += lost * (Math.min(lengthBytes, SEGMENT_BYTES) + SEGMENT_HEADER_BYTES);
      lost = drawLost(lost, weather, random);
    }
  }
  return { durationMs, wireBytes };
}

/** How many of `count` segments are lost. */
function drawLost(count: number, weather: Weather, random: SeededRandom): number {
  if (weather.lossProbability === 0) return 0;
  let lost = 0;
  for (let segment = 0; segment < count; segment++) {
    if (random.happens(weather.lossProbability)) lost++;
  }
  return lost;
}
