/**
 * Frames on a gossip stream: a length in bytes (4 bytes, big-endian), then as many bytes.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |                            Length                             |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |                           Message ...                         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { readU32, writeU32 } from '../wire/octets.ts';

/** Longest frame, in bytes. Above the longest exchange that membership accepts. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** Length of what precedes a message, in bytes. */
export const FRAME_HEADER_BYTES = 4;

/** Memory that several readers share. */
export interface FrameBudget {
  leftBytes: number;
}

/** The frame of `message`. */
export function encodeFrame(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + message.length);
  writeU32(frame, 0, message.length);
  frame.set(message, FRAME_HEADER_BYTES);
  return frame;
}

/** Collects one frame. Memory grows with what has come, never with what was promised, and is taken from the budget. */
export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #budget: FrameBudget;
  #held = new Uint8Array(0);
  #lengthBytes = 0;
  #takenBytes = 0;

  constructor(maxFrameBytes: number, budget: FrameBudget) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#budget = budget;
  }

  /**
   * Takes what came next. The message once it is whole; what follows it in `chunk` is dropped.
   *
   * `too-long`: the message is longer than a frame may be, or the budget is used up. The reader is of no use then.
   */
  push(chunk: Uint8Array): Uint8Array | 'incomplete' | 'too-long' {
    if (!this.#reserve(this.#lengthBytes + chunk.length)) return 'too-long';
    this.#held.set(chunk, this.#lengthBytes);
    this.#lengthBytes += chunk.length;
    if (this.#lengthBytes < FRAME_HEADER_BYTES) return 'incomplete';
    const messageBytes = readU32(this.#held, 0);
    if (messageBytes > this.#maxFrameBytes) return 'too-long';
    if (this.#lengthBytes < FRAME_HEADER_BYTES + messageBytes) return 'incomplete';
    return this.#held.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + messageBytes);
  }

  /** Gives back what was taken from the budget. */
  release(): void {
    this.#budget.leftBytes += this.#takenBytes;
    this.#takenBytes = 0;
    this.#held = new Uint8Array(0);
    this.#lengthBytes = 0;
  }

  /**
   * Grows by doubling, so that a long frame in small pieces is copied only a few times; but not beyond the whole frame, or one
   * that is within its limit could be beyond the budget.
   */
  #reserve(wantedBytes: number): boolean {
    if (wantedBytes <= this.#held.length) return true;
    const frameBytes = this.#lengthBytes < FRAME_HEADER_BYTES ? Infinity : FRAME_HEADER_BYTES + readU32(this.#held, 0);
    const sizeBytes = Math.max(wantedBytes, Math.min(2 * this.#held.length, frameBytes));
    const moreBytes = sizeBytes - this.#held.length;
    if (moreBytes > this.#budget.leftBytes) return false;
    this.#budget.leftBytes -= moreBytes;
    this.#takenBytes += moreBytes;
    const grown = new Uint8Array(sizeBytes);
    grown.set(this.#held.subarray(0, this.#lengthBytes));
    this.#held = grown;
    return true;
  }
}
