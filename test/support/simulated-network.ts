/** An underlay in virtual time: datagrams get lost, late, doubled and out of order; links can be cut. */
import type { Clock } from '../../src/env/clock.ts';
import type { GossipTransport } from '../../src/env/transport.ts';
import { formatEndpoint, type Endpoint } from '../../src/wire/address.ts';
import type { SeededRandom } from '../../src/sim/seeded-random.ts';

/** Takes what arrives at an endpoint. */
export interface Listener {
  handleDatagram(from: Endpoint, bytes: Uint8Array): void;
  handleExchange(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined;
}

/** How bad the network is. Probabilities are 0 to 1. */
export interface Weather {
  readonly lossProbability: number;
  readonly duplicationProbability: number;
  readonly minDelayMs: number;
  /** Delays are drawn per datagram: that is what puts them out of order. */
  readonly maxDelayMs: number;
}

export const fairWeather: Weather = { lossProbability: 0, duplicationProbability: 0, minDelayMs: 0.1, maxDelayMs: 1 };

/** Streams give up after this long, as those of `linux/gossip-sockets.ts`. */
const STREAM_TIMEOUT_MS = 5_000;
const STREAM_RETRANSMIT_MS = 200;

export class SimulatedNetwork {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #listeners = new Map<string, Listener>();
  #isCut: (from: string, to: string) => boolean = () => false;
  weather: Weather;
  datagramsSent = 0;
  bytesSent = 0;
  longestDatagramBytes = 0;

  constructor(clock: Clock, random: SeededRandom, weather: Weather = fairWeather) {
    this.#clock = clock;
    this.#random = random;
    this.weather = weather;
  }

  attach(endpoint: Endpoint, listener: Listener): void {
    this.#listeners.set(formatEndpoint(endpoint), listener);
  }

  detach(endpoint: Endpoint): void {
    this.#listeners.delete(formatEndpoint(endpoint));
  }

  /** Cuts the links for which `isCut` holds, in the direction asked about, until told otherwise. */
  cut(isCut: (from: string, to: string) => boolean): void {
    this.#isCut = isCut;
  }

  heal(): void {
    this.#isCut = () => false;
  }

  /** How a node at `from` reaches others. */
  transport(from: Endpoint): GossipTransport {
    return {
      sendDatagram: (to, bytes) => this.#sendDatagram(from, to, Uint8Array.from(bytes)),
      exchange: (to, request, onReply) => this.#exchange(from, to, request, onReply),
    };
  }

  #sendDatagram(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    this.datagramsSent++;
    this.bytesSent += bytes.length;
    this.longestDatagramBytes = Math.max(this.longestDatagramBytes, bytes.length);
    const copies = this.#random.fraction() < this.weather.duplicationProbability ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random.fraction() < this.weather.lossProbability) continue;
      this.#clock.after(this.#delayMs(), () => {
        if (this.#isCut(formatEndpoint(from), formatEndpoint(to))) return;
        this.#listeners.get(formatEndpoint(to))?.handleDatagram(from, bytes);
      });
    }
  }

  #exchange(from: Endpoint, to: Endpoint, request: Uint8Array, onReply: (reply: Uint8Array | undefined) => void): void {
    const there = formatEndpoint(to);
    const back = formatEndpoint(from);
    const fail = (afterMs: number): void => this.#clock.after(afterMs, () => onReply(undefined));
    this.#clock.after(this.#streamDelayMs(), () => {
      if (this.#isCut(back, there) || this.#isCut(there, back)) return fail(STREAM_TIMEOUT_MS);
      const listener = this.#listeners.get(there);
      if (listener === undefined) return fail(STREAM_TIMEOUT_MS);
      // The client's port is one of its own choosing.
      const reply = listener.handleExchange({ address: from.address, port: 40_000 }, request);
      if (reply === undefined) return fail(0);
      this.#clock.after(this.#streamDelayMs(), () => {
        if (this.#isCut(there, back)) return fail(STREAM_TIMEOUT_MS);
        onReply(reply);
      });
    });
  }

  #delayMs(): number {
    const { minDelayMs, maxDelayMs } = this.weather;
    return minDelayMs + this.#random.fraction() * (maxDelayMs - minDelayMs);
  }

  /** A stream loses nothing: it takes longer. */
  #streamDelayMs(): number {
    let delayMs = this.#delayMs();
    while (this.#random.fraction() < this.weather.lossProbability) delayMs += STREAM_RETRANSMIT_MS;
    return delayMs;
  }
}
