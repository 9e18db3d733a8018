/**
 * How long packets of gossip may be on the way to a node: what was measured for data goes for gossip between the same two
 * addresses, too. A path that loses long packets in silence leaves a stream standing for ever otherwise.
 *
 * The largest segment of a stream (`TCP_MAXSEG`, tcp(7)) is agreed on with its first packets. Whoever opens it says what passes
 * to the other side. Whoever listens does not know who will come: it says what passes to all the nodes that it knows.
 */
import { connect, type Server, type Socket } from 'node:net';
import { formatIpAddress, type Endpoint, type IpAddress } from '../wire/address.ts';
import { IPV4_MIN_HEADER_LENGTH } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, IPV6_MIN_MTU } from '../wire/ipv6.ts';
import { TCP_MIN_HEADER_LENGTH } from '../wire/tcp.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import { libc } from './ffi.ts';
import { Abi } from './kernel-abi.ts';

/** What is known of the paths between nodes. Sizes are those of the whole packet, in bytes. */
export interface GossipPaths {
  /** The longest packet that passes to this address; `undefined`: nobody has measured it. */
  passingTo(address: IpAddress): number | undefined;
  /** The longest that passes to whichever node, the least of all those that were measured; `undefined`: none was. */
  readonly passingToAll: number | undefined;
  /** Whether there are nodes to which nobody has measured it yet. */
  readonly hasUnmeasured: boolean;
}

/** Where nothing is measured. */
export const UNMEASURED: GossipPaths = { passingTo: () => undefined, passingToAll: undefined, hasUnmeasured: true };

/** What every path takes: 576 bytes of IPv4 (RFC 1122, section 3.3.3), and IPv6's least MTU. */
const SAFE_PACKET_BYTES = { 4: 576, 6: IPV6_MIN_MTU } as const;
const IP_HEADER_BYTES = { 4: IPV4_MIN_HEADER_LENGTH, 6: IPV6_HEADER_LENGTH } as const;

/** Longest payload of a datagram to `address` that passes, in bytes. Of a path that is not known, the worst that is known counts. */
export function datagramRoomBytes(paths: GossipPaths, address: IpAddress): number {
  const passing = paths.passingTo(address) ?? paths.passingToAll ?? Infinity;
  return passing - IP_HEADER_BYTES[address.family] - UDP_HEADER_LENGTH;
}

/** Largest segment of a stream that is opened to `address`. Before the path is known, or where one got stuck: a safe one. */
export function segmentTo(paths: GossipPaths, address: IpAddress, isStuck: boolean): number {
  const safe = SAFE_PACKET_BYTES[address.family];
  const passing = paths.passingTo(address) ?? Math.min(safe, paths.passingToAll ?? safe);
  return segmentOf(isStuck ? Math.min(passing, safe) : passing, address.family);
}

/** Largest segment of streams that others open. */
export function segmentOfAll(paths: GossipPaths, family: 4 | 6): number {
  const { passingToAll, hasUnmeasured } = paths;
  const safe = SAFE_PACKET_BYTES[family];
  return segmentOf(Math.min(passingToAll ?? safe, hasUnmeasured ? safe : Infinity), family);
}

/** Has streams of a server, or one that is about to connect, agree on no larger segments. Where that fails, the kernel's stay. */
export function limitSegments(socket: Server | Socket, segmentBytes: number): void {
  // Node has no other name for it.
  const { _handle: handle } = socket as unknown as { readonly _handle: { readonly fd: number } | null };
  if (handle === null || handle.fd < 0) return;
  const option = new Uint8Array(Int32Array.of(segmentBytes).buffer);
  libc.setsockopt(handle.fd, Abi.IPPROTO_TCP, Abi.TCP_MAXSEG, option, option.length);
}

/** TCP counts its options to the segment. */
function segmentOf(packetBytes: number, family: 4 | 6): number {
  return packetBytes - IP_HEADER_BYTES[family] - TCP_MIN_HEADER_LENGTH;
}

/** How often is looked whether streams that others open may have other segments, in ms. */
const LOOK_INTERVAL_MS = 1_000;
/** Addresses to which a stream got stuck lately, and that are remembered. */
const MAX_STUCK = 256;

/** The streams of one node. */
export class StreamSegments {
  readonly paths: GossipPaths;
  readonly #connected = new WeakSet<Socket>();
  /** Addresses to which the last stream connected, and then brought nothing. */
  readonly #stuck = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(paths: GossipPaths) {
    this.paths = paths;
  }

  /** A stream that is about to connect, with segments that pass. */
  connect({ address, port }: Endpoint, localAddress: string): Socket {
    const host = formatIpAddress(address);
    const stream = connect({ host, port, localAddress });
    // Its descriptor exists from when it was bound, which is just before that.
    stream.once('connectionAttempt', () =>
      limitSegments(stream, segmentTo(this.paths, address, this.#stuck.has(host))),
    );
    stream.once('connect', () => this.#connected.add(stream));
    return stream;
  }

  /** What was measured may be out of date: after a stream that connected and stood still, the next one is careful. */
  ended({ address }: Endpoint, stream: Socket, isAnswered: boolean): void {
    const host = formatIpAddress(address);
    this.#stuck.delete(host);
    if (isAnswered || !this.#connected.has(stream)) return;
    this.#stuck.add(host);
    const [longestAgo] = this.#stuck;
    if (this.#stuck.size > MAX_STUCK) this.#stuck.delete(longestAgo!);
  }

  /** From now on, streams that others open to `server` have segments that pass. */
  listen(server: Server, family: 4 | 6): void {
    this.close();
    let before = 0;
    const look = (): void => {
      const segmentBytes = segmentOfAll(this.paths, family);
      if (segmentBytes !== before) limitSegments(server, segmentBytes);
      before = segmentBytes;
    };
    look();
    this.#timer = setInterval(look, LOOK_INTERVAL_MS).unref();
  }

  /** Looks no more. */
  close(): void {
    clearInterval(this.#timer);
  }
}
