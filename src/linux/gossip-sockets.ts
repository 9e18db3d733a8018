/**
 * The gossip endpoint on real sockets: UDP for datagrams, TCP for exchanges, on one address and port.
 *
 * On a stream, request and reply are each one frame; then it is closed. Both sockets can be exchanged for others at another
 * address while everything goes on.
 */
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';
import type { GossipTransport } from '../env/transport.ts';
import { equalEndpoints, formatIpAddress, type Endpoint } from '../wire/address.ts';
import { FrameStream } from './frame-stream.ts';
import { bindGossipSockets } from './gossip-binding.ts';
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from './gossip-frame.ts';
import { datagramRoomBytes, StreamSegments, UNMEASURED } from './gossip-segments.ts';
import { noGossipCounters, type GossipSocketCounters } from './gossip-socket-counters.ts';
import { InboundStreams, senderOf, type StreamLimits, type StreamTaker } from './inbound-streams.ts';
import { readUdpDrops } from './socket-table.ts';

/**
 * Each part of an exchange (connecting and request; reply) takes at most this long, however busy the stream seems: a client
 * that trickles holds nothing for long.
 */
const STREAM_TIMEOUT_MS = 5_000;

/** Where inputs go. */
export interface GossipHandlers {
  /** A datagram came. `bytes` may be kept. */
  datagram(from: Endpoint, bytes: Uint8Array): void;
  /** A request came; returns the reply, `undefined` to refuse it, or who goes on with its stream. */
  exchange(from: Endpoint, bytes: Uint8Array): Uint8Array | StreamTaker | undefined;
}

const LIMITS: StreamLimits = { exchanges: () => 64, conversations: () => 64 };

export class GossipSockets implements GossipTransport {
  readonly counters: GossipSocketCounters = noGossipCounters();
  readonly #handlers: GossipHandlers;
  #endpoint: Endpoint;
  #localAddress: string;
  #udp: UdpSocket;
  #tcp: Server;
  readonly #segments: StreamSegments;
  /** Dropped at sockets before the present one, and in all when that could last be looked at. */
  #earlierOverflow = 0;
  #overflow = 0;
  readonly #streams = new Set<Socket>();
  readonly #inbound: InboundStreams;
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
    this.#udp = udp;
    this.#tcp = tcp;
    this.#segments = segments;
    this.#inbound = new InboundStreams({
      limits,
      counters: this.counters,
      exchange: (from, bytes) => handlers.exchange(from, bytes),
      own: (stream, onClose) => this.#own(stream, onClose),
      isClosed: () => this.#isClosed,
    });
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
    this.#tcp.on('connection', (stream) => this.#inbound.accept(stream));
    this.#tcp.on('error', () => this.counters.streamsRefusedBusy++);
  }

  #receive(bytes: Uint8Array, sender: RemoteInfo): void {
    this.counters.datagramsReceived++;
    const from = senderOf(sender.address, sender.port);
    if (from === undefined || this.#isClosed) return;
    this.#handlers.datagram(from, bytes);
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
