/** An underlay in virtual time: datagrams get lost, late, doubled and out of order, streams get slow, links are cut. */
import { HEAD_BYTES } from '../authentication/envelope.ts';
import { TAG_BYTES } from '../env/cipher.ts';
import type { Clock } from '../env/clock.ts';
import type { GossipTransport } from '../env/transport.ts';
import type { Endpoint } from '../wire/address.ts';
import { Cuts } from './cut.ts';
import { endpointAt, MAX_PLACES, placeOf } from './place.ts';
import { GOSSIP_PORT } from '../membership/parameters.ts';
import type { SeededRandom } from './seeded-random.ts';
import { drawPassage, RETRANSMIT_MS, STREAM_TIMEOUT_MS, SYN_RETRANSMIT_MS } from './stream.ts';
import { drawDelayMs, fairWeather, type Weather } from './weather.ts';

/** Takes what arrives at a place. */
export interface Listener {
  datagram(from: Endpoint, bytes: Uint8Array): void;
  /** `reply` is to be called once, at once or later; with `undefined` to refuse. */
  exchange(from: Endpoint, bytes: Uint8Array, reply: (bytes: Uint8Array | undefined) => void): void;
}

/** Headers of IPv4 and UDP, in bytes. */
const DATAGRAM_HEADER_BYTES = 28;

/** What authentication adds to a datagram, a request or a reply, in bytes; to longer ones a little more. */
const SEAL_BYTES = HEAD_BYTES + TAG_BYTES;

/** Ports that clients of streams draw for themselves begin here. */
const FIRST_CLIENT_PORT = 32_768;

export class SimulatedNetwork {
  readonly cuts = new Cuts();
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  /** What is added to each message on the wire, beyond what is there. */
  readonly #sealBytes: number;
  readonly #listeners = new Map<number, Listener>();
  /** Where a machine is that nobody listens on: it refuses streams at once. Elsewhere nothing answers. */
  readonly #closed = new Set<number>();
  /** Endpoints of the gossip ports, made once. */
  readonly #endpoints: Endpoint[] = [];
  /** What each place put on the wire, headers and retransmissions included. */
  readonly #bytesSent = new Float64Array(MAX_PLACES + 1);
  /** Sees every datagram before its fate is drawn: for those who listen in. */
  onDatagram: ((from: number, to: number, bytes: Uint8Array) => void) | undefined;
  weather: Weather;
  datagramsSent = 0;
  longestDatagramBytes = 0;
  streamsOpened = 0;

  /** @param isSealed whether what is sent is sealed already; if not, what that adds is counted all the same */
  constructor(clock: Clock, random: SeededRandom, weather: Weather = fairWeather, isSealed = true) {
    this.#sealBytes = isSealed ? 0 : SEAL_BYTES;
    this.#clock = clock;
    this.#random = random;
    this.weather = weather;
  }

  /** Whoever listens at a place is found there from now on; instead of who did before. */
  attach(place: number, listener: Listener): void {
    this.#listeners.set(place, listener);
  }

  /** Nobody is at a place any more, unless another came meanwhile. */
  detach(place: number, listener: Listener): void {
    if (this.#listeners.get(place) === listener) this.#listeners.delete(place);
  }

  /** Says whether there is a machine at a place: one on which nobody listens refuses streams, where none is nothing answers. */
  setMachine(place: number, isThere: boolean): void {
    if (isThere) this.#closed.add(place);
    else this.#closed.delete(place);
  }

  /** Delivers a datagram that claims to come from a place. */
  forge(from: number, to: number, bytes: Uint8Array): void {
    this.#clock.after(drawDelayMs(this.weather, this.#random), () =>
      this.#listeners.get(to)?.datagram(this.#gossipEndpoint(from), bytes),
    );
  }

  /** How a node reaches others from wherever it is; -1 while it is nowhere. */
  transport(place: () => number): GossipTransport {
    return {
      sendDatagram: (to, bytes) => this.#sendDatagram(place(), placeOf(to), bytes),
      exchange: (to, request, onReply) => this.#exchange(place(), placeOf(to), Uint8Array.from(request), onReply),
    };
  }

  /** Bytes that all places put on the wire until now. */
  bytesSent(): number {
    return this.#bytesSent.reduce((sum, bytes) => sum + bytes, 0);
  }

  #sendDatagram(from: number, to: number, borrowed: Uint8Array): void {
    if (from < 0) return;
    this.datagramsSent++;
    this.#bytesSent[from]! += borrowed.length + this.#sealBytes + DATAGRAM_HEADER_BYTES;
    if (borrowed.length > this.longestDatagramBytes) this.longestDatagramBytes = borrowed.length;
    this.onDatagram?.(from, to, borrowed);
    const { weather } = this;
    const copies = this.#random.happens(weather.duplicationProbability) ? 2 : 1;
    let bytes: Uint8Array | undefined;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random.happens(weather.lossProbability)) continue;
      const own = (bytes ??= Uint8Array.from(borrowed));
      this.#clock.after(drawDelayMs(weather, this.#random), () => {
        if (this.cuts.any && this.cuts.blocks(from, to)) return;
        this.#listeners.get(to)?.datagram(this.#gossipEndpoint(from), own);
      });
    }
  }

  /** Handshake and request, then the reply: each part has its own time-out. Nobody there is silence, not a refusal. */
  #exchange(from: number, to: number, request: Uint8Array, onReply: (reply: Uint8Array | undefined) => void): void {
    this.streamsOpened++;
    const untilMs = this.#clock.nowMs() + STREAM_TIMEOUT_MS;
    const fail = (): void => onReply(undefined);
    const failAtTimeout = (): void => this.#clock.after(Math.max(0, untilMs - this.#clock.nowMs()), fail);
    this.#pass(from, to, 0, untilMs, fail, () => {
      const isSilent = !this.#listeners.has(to) && !this.#closed.has(to);
      if (isSilent) return failAtTimeout();
      this.#pass(to, from, 0, untilMs, fail, () => {
        if (!this.#listeners.has(to)) return fail();
        this.#pass(from, to, request.length, untilMs, fail, () => {
          const listener = this.#listeners.get(to);
          if (listener === undefined) return failAtTimeout();
          this.#serve(from, to, listener, request, onReply);
        });
      });
    });
  }

  #serve(
    from: number,
    to: number,
    listener: Listener,
    request: Uint8Array,
    onReply: (reply: Uint8Array | undefined) => void,
  ): void {
    const untilMs = this.#clock.nowMs() + STREAM_TIMEOUT_MS;
    let isOver = false;
    const end = (reply: Uint8Array | undefined): void => {
      if (isOver) return;
      isOver = true;
      onReply(reply);
    };
    // Whoever is asked may take longer than the asker waits.
    this.#clock.after(STREAM_TIMEOUT_MS, () => end(undefined));
    const client = endpointAt(from, FIRST_CLIENT_PORT + this.#random.below(0x1_0000 - FIRST_CLIENT_PORT));
    listener.exchange(client, request, (reply) => {
      if (reply === undefined) return this.#clock.after(drawDelayMs(this.weather, this.#random), () => end(undefined));
      const own = Uint8Array.from(reply);
      this.#pass(
        to,
        from,
        own.length,
        untilMs,
        () => end(undefined),
        () => end(own),
      );
    });
  }

  /** Gets bytes from one place to another; into a cut they are sent again and again. */
  #pass(from: number, to: number, lengthBytes: number, untilMs: number, fail: () => void, done: () => void): void {
    const isHandshake = lengthBytes === 0;
    const attempt = (timerMs: number): void => {
      const { durationMs, wireBytes } = drawPassage(
        lengthBytes,
        isHandshake ? SYN_RETRANSMIT_MS : RETRANSMIT_MS,
        this.weather,
        this.#random,
      );
      if (from >= 0) this.#bytesSent[from]! += wireBytes + (isHandshake ? 0 : this.#sealBytes);
      const arrivesMs = this.#clock.nowMs() + durationMs;
      if (arrivesMs >= untilMs) return this.#clock.after(untilMs - this.#clock.nowMs(), fail);
      this.#clock.after(durationMs, () => {
        if (from >= 0 && !(this.cuts.any && this.cuts.blocks(from, to))) return done();
        if (this.#clock.nowMs() + timerMs >= untilMs) return this.#clock.after(untilMs - this.#clock.nowMs(), fail);
        this.#clock.after(timerMs, () => attempt(2 * timerMs));
      });
    };
    attempt(isHandshake ? SYN_RETRANSMIT_MS : RETRANSMIT_MS);
  }

  #gossipEndpoint(place: number): Endpoint {
    return (this.#endpoints[place] ??= endpointAt(place, GOSSIP_PORT));
  }
}
