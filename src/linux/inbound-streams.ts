/**
 * Streams that others open to the gossip port: one request each, which is answered, or begins a conversation.
 *
 *     waiting ──request is whole──> answered ──> closed
 *        │                      └─> handed over to who takes it
 *        └──makes room, too long, too late──> closed
 */
import type { Socket } from 'node:net';
import { parseIpAddress, type Endpoint } from '../wire/address.ts';
import { FrameStream } from './frame-stream.ts';
import { encodeFrame, FrameReader, MAX_FRAME_BYTES, type FrameBudget } from './gossip-frame.ts';
import type { GossipSocketCounters } from './gossip-socket-counters.ts';

/** At one time from one address, so that one client cannot take all. */
const MAX_STREAMS_PER_ADDRESS = 8;

/** Memory for frames that are not complete yet, in bytes, over all streams. */
const MAX_INBOUND_BYTES = 64 * 1024 * 1024;

/** Takes over a stream, after the request that it began with. It is closed with the sockets. */
export type StreamTaker = (stream: FrameStream) => void;

/** How many streams there may be at one time. */
export interface StreamLimits {
  /** Until they have said what they want, and been answered. */
  readonly exchanges: () => number;
  /** That somebody has taken over. */
  readonly conversations: () => number;
}

export interface InboundStreamsOptions {
  readonly limits: StreamLimits;
  readonly counters: GossipSocketCounters;
  /** A request came; returns the reply, `undefined` to refuse it, or who goes on with its stream. */
  readonly exchange: (from: Endpoint, bytes: Uint8Array) => Uint8Array | StreamTaker | undefined;
  /** Sees to it that the stream ends in time, and calls `onClose` once. @returns its deadline, to be refreshed */
  readonly own: (stream: Socket, onClose: () => void) => NodeJS.Timeout;
  /** Whether nobody may come any more. */
  readonly isClosed: () => boolean;
}

export class InboundStreams {
  readonly #options: InboundStreamsOptions;
  readonly #byAddress = new Map<string, number>();
  #count = 0;
  #conversations = 0;
  /** Those whose request is not whole yet, the oldest first. */
  readonly #waiting = new Set<Socket>();
  readonly #budget: FrameBudget = { leftBytes: MAX_INBOUND_BYTES };

  constructor(options: InboundStreamsOptions) {
    this.#options = options;
  }

  /** Takes a connection in, or ends it. */
  accept(stream: Socket): void {
    const { limits, counters, exchange, own, isClosed } = this.#options;
    const address = stream.remoteAddress ?? '';
    const from = senderOf(address, stream.remotePort ?? 0);
    const fromAddress = this.#byAddress.get(address) ?? 0;
    const isBusy = fromAddress >= MAX_STREAMS_PER_ADDRESS || !this.#makeRoom();
    if (from === undefined || isBusy || isClosed()) {
      counters.streamsRefusedBusy++;
      stream.on('error', ignore);
      stream.destroy();
      return;
    }
    this.#count++;
    this.#byAddress.set(address, fromAddress + 1);
    this.#waiting.add(stream);
    const reader = new FrameReader(MAX_FRAME_BYTES, this.#budget);
    const onData = (chunk: Uint8Array): void => {
      // One request per stream: what follows it is not for us.
      if (!this.#waiting.has(stream)) {
        stream.destroy();
        return;
      }
      const outcome = reader.push(chunk);
      if (outcome === 'incomplete') return;
      this.#waiting.delete(stream);
      if (outcome === 'too-long') {
        counters.streamsRefusedTooLong++;
        stream.destroy();
        return;
      }
      counters.exchangesReceived++;
      deadline.refresh();
      const reply = exchange(from, outcome);
      if (reply === undefined) stream.destroy();
      else if (typeof reply !== 'function') stream.end(encodeFrame(reply));
      else if (this.#conversations < limits.conversations()) handOver(reply);
      else {
        counters.streamsRefusedBusy++;
        stream.destroy();
      }
    };
    stream.on('data', onData);
    // A client may close its half once it has asked; it must not keep ours open.
    stream.on('end', () => {
      if (this.#waiting.has(stream)) stream.destroy();
    });
    const deadline = own(stream, () => {
      if (this.#waiting.delete(stream)) counters.streamsRefusedIncomplete++;
      release();
    });
    let isCounted = true;
    const release = (): void => {
      if (!isCounted) return;
      isCounted = false;
      reader.release();
      this.#count--;
      const left = this.#byAddress.get(address)! - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    };
    const handOver = (take: StreamTaker): void => {
      clearTimeout(deadline);
      release();
      this.#conversations++;
      stream.once('close', () => this.#conversations--);
      stream.removeListener('data', onData);
      stream.pause();
      take(new FrameStream(stream));
    };
  }

  /**
   * Whether one more inbound stream may come. The one that keeps its request to itself for the longest makes room: who means
   * it says all within moments, and strangers with many addresses cannot keep others out.
   */
  #makeRoom(): boolean {
    const { limits, counters } = this.#options;
    if (this.#count < limits.exchanges()) return true;
    const [oldest] = this.#waiting;
    if (oldest === undefined) return false;
    counters.streamsRefusedBusy++;
    this.#waiting.delete(oldest);
    oldest.destroy();
    return true;
  }
}

/** Where it came from; `undefined` for what has a zone: a link-local address is none that gossip uses. */
export function senderOf(address: string, port: number): Endpoint | undefined {
  const parsed = parseIpAddress(address);
  return parsed === undefined ? undefined : { address: parsed, port };
}

/** `close` follows every error and is where it is dealt with. */
function ignore(): void {}
