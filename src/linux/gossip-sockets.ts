/**
 * The gossip endpoint on real sockets: UDP for datagrams, TCP for exchanges, on one address and port.
 *
 * On a stream, request and reply are each one frame; then it is closed. Both sockets can be exchanged for others at another
 * address while everything goes on.
 */
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';
import type { GossipTransport } from '../env/transport.ts';
import { equalEndpoints, formatIpAddress, parseIpAddress, type Endpoint } from '../wire/address.ts';
import { FrameStream } from './frame-stream.ts';
import { bindGossipSockets } from './gossip-binding.ts';
import { encodeFrame, FrameReader, type FrameBudget } from './gossip-frame.ts';
import { datagramRoomBytes, StreamSegments, UNMEASURED } from './gossip-segments.ts';
import { noGossipCounters, type GossipSocketCounters } from './gossip-socket-counters.ts';
import { readUdpDrops } from './socket-table.ts';

/** Longest frame, in bytes. Above the longest exchange that membership accepts. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** Inbound streams at one time from one address, so that one client cannot take all. */
const MAX_INBOUND_STREAMS_PER_ADDRESS = 8;

/** Memory for frames that are not complete yet, in bytes, over all inbound streams. */
const MAX_INBOUND_BYTES = 64 * 1024 * 1024;

/**
 * Each part of an exchange (connecting and request; reply) takes at most this long, however busy the stream seems: a client
 * that trickles holds nothing for long.
 */
const STREAM_TIMEOUT_MS = 5_000;

/** Takes over a stream, after the request that it began with. It is closed with the sockets. */
export type StreamTaker = (stream: FrameStream) => void;

/** Where inputs go. */
export interface GossipHandlers {
  /** A datagram came. `bytes` may be kept. */
  datagram(from: Endpoint, bytes: Uint8Array): void;
  /** A request came; returns the reply, `undefined` to refuse it, or who goes on with its stream. */
  exchange(from: Endpoint, bytes: Uint8Array): Uint8Array | StreamTaker | undefined;
}

/** How many inbound streams there may be at one time. */
export interface StreamLimits {
  /** Until they have said what they want, and been answered. */
  readonly exchanges: () => number;
  /** That somebody has taken over. */
  readonly conversations: () => number;
}

const LIMITS: StreamLimits = { exchanges: () => 64, conversations: () => 64 };

export class GossipSockets implements GossipTransport {
  readonly counters: GossipSocketCounters = noGossipCounters();
  readonly #handlers: GossipHandlers;
  readonly #limits: StreamLimits;
  #endpoint: Endpoint;
  #localAddress: string;
  #udp: UdpSocket;
  #tcp: Server;
  readonly #segments: StreamSegments;
  /** Dropped at sockets before the present one, and in all when that could last be looked at. */
  #earlierOverflow = 0;
  #overflow = 0;
  readonly #streams = new Set<Socket>();
  readonly #inboundByAddress = new Map<string, number>();
  #inboundStreams = 0;
  #conversations = 0;
  /** Inbound streams whose request is not whole yet, the oldest first. */
  readonly #waiting = new Set<Socket>();
  readonly #budget: FrameBudget = { leftBytes: MAX_INBOUND_BYTES };
  #isClosed = false;

  private constructor(
    endpoint: Endpoint,
    handlers: GossipHandlers,
    limits: StreamLimits,
    segments: StreamSegments,
    { udp, tcp }: { udp: UdpSocket; tcp: Server },
  ) {
    this.#endpoint = endpoint;
    this.#localAddress = formatIpAddress(endpoint.address);
    this.#handlers = handlers;
    this.#limits = limits;
    this.#udp = udp;
    this.#tcp = tcp;
    this.#segments = segments;
    this.#listen();
  }

  /**
   * Binds both sockets.
   *
   * @param paths how long packets may be
   * @throws WeftError `port-in-use`, its details with `protocol` (`udp` or `tcp`), `address` and `port`
   * @throws SystemCallError if binding fails otherwise
   */
  static async open(
    endpoint: Endpoint,
    handlers: GossipHandlers,
    limits = LIMITS,
    paths = UNMEASURED,
  ): Promise<GossipSockets> {
    const bound = await bindGossipSockets(endpoint);
    return new GossipSockets(endpoint, handlers, limits, new StreamSegments(paths), bound);
  }

  /**
   * Binds sockets at another endpoint, and closes those before it. Exchanges under way end without a reply.
   *
   * @throws as {@link open}, and then nothing has changed
   */
  async moveTo(endpoint: Endpoint): Promise<void> {
    if (this.#isClosed || equalEndpoints(endpoint, this.#endpoint)) return;
    const { udp, tcp } = await bindGossipSockets(endpoint);
    if (this.#isClosed) {
      udp.close();
      tcp.close();
      return;
    }
    this.#earlierOverflow = this.datagramOverflow();
    this.#udp.close();
    this.#tcp.close();
    for (const stream of this.#streams) stream.destroy();
    this.#udp = udp;
    this.#tcp = tcp;
    this.#endpoint = endpoint;
    this.#localAddress = formatIpAddress(endpoint.address);
    this.#listen();
  }

  /** Where both sockets are bound. */
  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** Datagrams that the kernel dropped because they came faster than they were read. */
  datagramOverflow(): number {
    this.#overflow = Math.max(this.#overflow, this.#earlierOverflow + readUdpDrops(this.#endpoint));
    return this.#overflow;
  }

  datagramRoomBytes(to: Endpoint): number {
    return datagramRoomBytes(this.#segments.paths, to.address);
  }

  sendDatagram(to: Endpoint, bytes: Uint8Array): void {
    if (this.#isClosed) return;
    // Datagrams do come from port 0 (RFC 768: no answer is wanted), and Node throws when asked to send to it.
    if (to.port === 0) {
      this.counters.datagramsFailed++;
      return;
    }
    // Sending may happen after this returns, and the caller's bytes are not ours to keep.
    this.#udp.send(Uint8Array.from(bytes), to.port, formatIpAddress(to.address), (error) => {
      if (error === null) this.counters.datagramsSent++;
      else this.#countFailure(error);
    });
  }

  exchange(to: Endpoint, request: Uint8Array, onReply: (reply: Uint8Array | undefined) => void): void {
    if (this.#isClosed) {
      setImmediate(onReply, undefined);
      return;
    }
    const stream = this.#segments.connect(to, this.#localAddress);
    let reply: Uint8Array | undefined;
    // What we asked for ourselves is limited by its length and by how many exchanges membership begins at a time.
    const reader = new FrameReader(MAX_FRAME_BYTES, { leftBytes: MAX_FRAME_BYTES });
    stream.on('data', (chunk) => {
      const outcome = reader.push(chunk);
      if (outcome === 'incomplete') return;
      if (typeof outcome !== 'string') reply = outcome;
      stream.destroy();
    });
    stream.on('end', () => stream.destroy());
    const deadline = this.#own(stream, () => {
      reader.release();
      if (reply === undefined) this.counters.exchangesFailed++;
      else this.counters.exchangesAnswered++;
      this.#segments.ended(to, stream, reply !== undefined);
      onReply(reply);
    });
    stream.once('connect', () => deadline.refresh());
    stream.write(encodeFrame(request));
  }

  /** A stream to the node at `to`, not yet connected: it is closed if that fails, and with the sockets. */
  openStream(to: Endpoint): FrameStream {
    const stream = this.#segments.connect(to, this.#localAddress);
    const deadline = this.#own(stream, ignore);
    stream.once('connect', () => clearTimeout(deadline));
    if (this.#isClosed) stream.destroy();
    return new FrameStream(stream);
  }

  /** Closes both sockets and every stream. Exchanges under way end without a reply. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#segments.close();
    const closed = Promise.all([
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
      new Promise<void>((resolve) => this.#tcp.close(() => resolve())),
    ]);
    for (const stream of this.#streams) stream.destroy();
    await closed;
  }

  #countFailure({ code }: NodeJS.ErrnoException): void {
    this.counters.datagramsFailed++;
    if (code === 'EPERM' || code === 'EACCES') this.counters.datagramsForbidden++;
  }

  #listen(): void {
    this.#segments.listen(this.#tcp, this.#endpoint.address.family);
    this.#udp.on('message', (bytes, sender) => this.#receive(bytes, sender));
    // An ICMP error about some peer is not the end of the socket.
    this.#udp.on('error', () => this.counters.datagramsFailed++);
    this.#tcp.on('connection', (stream) => this.#accept(stream));
    this.#tcp.on('error', () => this.counters.streamsRefusedBusy++);
  }

  #receive(bytes: Uint8Array, sender: RemoteInfo): void {
    this.counters.datagramsReceived++;
    const from = endpointOf(sender.address, sender.port);
    if (from === undefined || this.#isClosed) return;
    this.#handlers.datagram(from, bytes);
  }

  #accept(stream: Socket): void {
    const address = stream.remoteAddress ?? '';
    const from = endpointOf(address, stream.remotePort ?? 0);
    const fromAddress = this.#inboundByAddress.get(address) ?? 0;
    const isBusy = fromAddress >= MAX_INBOUND_STREAMS_PER_ADDRESS || !this.#makeRoom();
    if (from === undefined || isBusy || this.#isClosed) {
      this.counters.streamsRefusedBusy++;
      stream.on('error', ignore);
      stream.destroy();
      return;
    }
    this.#inboundStreams++;
    this.#inboundByAddress.set(address, fromAddress + 1);
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
        this.counters.streamsRefusedTooLong++;
        stream.destroy();
        return;
      }
      this.counters.exchangesReceived++;
      deadline.refresh();
      const reply = this.#handlers.exchange(from, outcome);
      if (reply === undefined) stream.destroy();
      else if (typeof reply !== 'function') stream.end(encodeFrame(reply));
      else if (this.#conversations < this.#limits.conversations()) handOver(reply);
      else {
        this.counters.streamsRefusedBusy++;
        stream.destroy();
      }
    };
    stream.on('data', onData);
    // A client may close its half once it has asked; it must not keep ours open.
    stream.on('end', () => {
      if (this.#waiting.has(stream)) stream.destroy();
    });
    const deadline = this.#own(stream, () => {
      if (this.#waiting.delete(stream)) this.counters.streamsRefusedIncomplete++;
      release();
    });
    let isCounted = true;
    const release = (): void => {
      if (!isCounted) return;
      isCounted = false;
      reader.release();
      this.#inboundStreams--;
      const left = this.#inboundByAddress.get(address)! - 1;
      if (left === 0) this.#inboundByAddress.delete(address);
      else this.#inboundByAddress.set(address, left);
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
    if (this.#inboundStreams < this.#limits.exchanges()) return true;
    const [oldest] = this.#waiting;
    if (oldest === undefined) return false;
    this.counters.streamsRefusedBusy++;
    this.#waiting.delete(oldest);
    oldest.destroy();
    return true;
  }

  /**
   * Sees to it that the stream ends in time, without an error nobody hears, and calls `onClose` once.
   *
   * @returns its deadline, to be refreshed when a part of the exchange is done.
   */
  #own(stream: Socket, onClose: () => void): NodeJS.Timeout {
    this.#streams.add(stream);
    const timer = setTimeout(() => stream.destroy(), STREAM_TIMEOUT_MS);
    stream.on('error', ignore);
    stream.once('close', () => {
      clearTimeout(timer);
      this.#streams.delete(stream);
      onClose();
    });
    return timer;
  }
}

/** `close` follows every error and is where it is dealt with. */
function ignore(): void {}

/** `undefined` for what has a zone: a link-local address is none that gossip uses. */
function endpointOf(address: string, port: number): Endpoint | undefined {
  const parsed = parseIpAddress(address);
  return parsed === undefined ? undefined : { address: parsed, port };
}
