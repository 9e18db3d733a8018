/** Messages for sendmmsg(2), in mapped memory: destinations, vectors, and the size of segments where there are several. */
import type { TransmitBatch } from '../dataplane/transmit-batch.ts';
import { AddressTable } from './address-table.ts';
import { Abi, alignControlMessage, Struct } from './kernel-abi.ts';
import type { MappedMemory } from './mapped-memory.ts';
import { encodeSocketAddress, ipAddressOffset, SOCKET_ADDRESS_BYTES, socketAddressLength } from './socket-address.ts';

const SEGMENT_SIZE_BYTES = 2;
const TRAFFIC_CLASS_BYTES = 4;
/** Two control messages, of which the first, the second, or both are handed over. */
const SEGMENT_SIZE_CONTROL_BYTES = alignControlMessage(Struct.cmsghdr.size + SEGMENT_SIZE_BYTES);
const TRAFFIC_CLASS_CONTROL_BYTES = alignControlMessage(Struct.cmsghdr.size + TRAFFIC_CLASS_BYTES);
const CONTROL_BYTES = SEGMENT_SIZE_CONTROL_BYTES + TRAFFIC_CLASS_CONTROL_BYTES;

/** Where a peer's datagrams go to. `dataplane/forwarding-table.ts` has it. */
export interface PeerEndpoints {
  /** Changes whenever a peer's endpoint may have changed. */
  readonly generation: number;
  endpointFamily(peer: number): 4 | 6;
  endpointPort(peer: number): number;
  copyEndpointAddress(peer: number, bytes: Uint8Array, at: number): void;
}

/**
 * An array of `mmsghdr`. For each socket: {@link start}, {@link append} and {@link finish} each message, from number 0 on.
 *
 * Socket addresses of peers are kept until the forwarding state changes.
 */
export class MessageTable {
  readonly #memory: MappedMemory;
  readonly #batch: TransmitBatch;
  readonly #endpoints: PeerEndpoints;
  readonly #messagesAt: number;
  readonly #messages: AddressTable;
  readonly #controlAt: number;
  readonly #iovecsAt: number;
  readonly #addressesAt: number;
  /** Per peer: generation of the endpoint in its socket address. */
  readonly #addressGeneration: Float64Array;
  /** Per message: its first vector, and the number of them. */
  readonly #firstIovec: Int32Array;
  readonly #pieces: Int32Array;
  #generation = 0;

  /** Bytes of mapped memory that a table takes. */
  static memoryBytes(maxMessages: number, maxPieces: number, maxPeers: number): number {
    const perMessage = Struct.mmsghdr.size + CONTROL_BYTES;
    return maxMessages * perMessage + maxPieces * Struct.iovec.size + (maxPeers + 1) * SOCKET_ADDRESS_BYTES + 4 * 64;
  }

  constructor(
    memory: MappedMemory,
    maxMessages: number,
    batch: TransmitBatch,
    maxPeers: number,
    endpoints: PeerEndpoints,
  ) {
    this.#memory = memory;
    this.#batch = batch;
    this.#endpoints = endpoints;
    this.#messagesAt = memory.allocate(maxMessages * Struct.mmsghdr.size).at;
    this.#messages = new AddressTable(memory, this.#messagesAt, Struct.mmsghdr.size, maxMessages);
    this.#controlAt = memory.allocate(maxMessages * CONTROL_BYTES).at;
    this.#iovecsAt = memory.allocate(batch.maxPieces * Struct.iovec.size).at;
    this.#addressesAt = memory.allocate((maxPeers + 1) * SOCKET_ADDRESS_BYTES).at;
    this.#addressGeneration = new Float64Array(maxPeers + 1).fill(-1);
    this.#firstIovec = new Int32Array(maxMessages + 1);
    this.#pieces = new Int32Array(maxMessages);
    for (let message = 0; message < maxMessages; message++) this.#prepare(message);
    for (let piece = 0; piece < batch.maxPieces; piece++) memory.writePointer(this.#iovecAt(piece), 0);
  }

  /** Before each batch: endpoints of peers may have changed. */
  begin(): void {
    this.#generation = this.#endpoints.generation;
  }

  /** Address of message `message`, for the kernel. */
  address(message: number): number {
    return this.#messages.get(message);
  }

  /** Pieces that were appended to message `message` so far. */
  pieces(message: number): number {
    return this.#pieces[message]!;
  }

  /** Begins message `message`, behind the one before it. Messages are begun in order, from 0. */
  start(message: number, peer: number): void {
    if (message === 0) this.#firstIovec[0] = 0;
    this.#pieces[message] = 0;
    const at = this.#messageAt(message);
    this.#memory.changePointer(at + Struct.msghdr.msg_name, this.#addressAt(peer));
    this.#memory.words[(at + Struct.msghdr.msg_namelen) >> 2] = socketAddressLength(
      this.#endpoints.endpointFamily(peer),
    );
  }

  /** Adds the pieces of `datagram` to message `message`. */
  append(message: number, datagram: number): void {
    const { words } = this.#memory;
    const { firstPiece, pieceAt, pieceLengthBytes } = this.#batch;
    let iovec = this.#firstIovec[message]! + this.#pieces[message]!;
    const end = firstPiece[datagram + 1]!;
    for (let piece = firstPiece[datagram]!; piece < end; piece++) {
      const at = this.#iovecAt(iovec++);
      this.#memory.changePointer(at, pieceAt[piece]!);
      words[(at + Struct.iovec.iov_len) >> 2] = pieceLengthBytes[piece]!;
    }
    this.#pieces[message] = iovec - this.#firstIovec[message]!;
  }

  /**
   * Ends message `message`.
   *
   * @param segmentBytes length of its segments; 0: it is a single datagram.
   * @param trafficClass of the IP header: DSCP and ECN.
   */
  finish(message: number, segmentBytes: number, trafficClass: number): void {
    const { words, halfWords } = this.#memory;
    const at = this.#messageAt(message);
    const first = this.#firstIovec[message]!;
    this.#firstIovec[message + 1] = first + this.#pieces[message]!;
    this.#memory.changePointer(at + Struct.msghdr.msg_iov, this.#iovecAt(first));
    words[(at + Struct.msghdr.msg_iovlen) >> 2] = this.#pieces[message]!;
    this.#setControl(message, segmentBytes > 0, trafficClass);
    halfWords[(this.#controlAt + message * CONTROL_BYTES + Struct.cmsghdr.size) >> 1] = segmentBytes;
  }

  /**
   * Makes messages `begin` to `begin + count` of the `count` datagrams that message `whole` consists of: `datagram` and
   * those that follow it in `next`. They share its vectors.
   */
  split(whole: number, begin: number, count: number, datagram: number, next: Int32Array): void {
    const { words } = this.#memory;
    const { firstPiece, trafficClass } = this.#batch;
    const wholeAt = this.#messageAt(whole);
    let iovec = this.#firstIovec[whole]!;
    for (let message = begin; message < begin + count; message++) {
      const at = this.#messageAt(message);
      const pieces = firstPiece[datagram + 1]! - firstPiece[datagram]!;
      words[at >> 2] = words[wholeAt >> 2]!;
      words[(at + Struct.msghdr.msg_namelen) >> 2] = words[(wholeAt + Struct.msghdr.msg_namelen) >> 2]!;
      this.#memory.changePointer(at + Struct.msghdr.msg_iov, this.#iovecAt(iovec));
      words[(at + Struct.msghdr.msg_iovlen) >> 2] = pieces;
      this.#setControl(message, false, trafficClass[datagram]!);
      iovec += pieces;
      datagram = next[datagram]!;
    }
  }

  #prepare(message: number): void {
    const memory = this.#memory;
    const at = this.#messageAt(message);
    const control = this.#controlAt + message * CONTROL_BYTES;
    memory.writePointer(at + Struct.msghdr.msg_name, this.#addressesAt);
    memory.writePointer(at + Struct.msghdr.msg_iov, this.#iovecsAt);
    memory.writePointer(at + Struct.msghdr.msg_control, control);
    memory.words[(control + Struct.cmsghdr.cmsg_len) >> 2] = Struct.cmsghdr.size + SEGMENT_SIZE_BYTES;
    memory.words[(control + Struct.cmsghdr.cmsg_level) >> 2] = Abi.IPPROTO_UDP;
    memory.words[(control + Struct.cmsghdr.cmsg_type) >> 2] = Abi.UDP_SEGMENT;
    const second = control + SEGMENT_SIZE_CONTROL_BYTES;
    memory.words[(second + Struct.cmsghdr.cmsg_len) >> 2] = Struct.cmsghdr.size + TRAFFIC_CLASS_BYTES;
  }

  /** Hands over what is needed of the two control messages. Their destination is known by now. */
  #setControl(message: number, isSegmented: boolean, trafficClass: number): void {
    const { words } = this.#memory;
    const at = this.#messageAt(message);
    const control = this.#controlAt + message * CONTROL_BYTES;
    const hasTrafficClass = trafficClass !== 0;
    this.#memory.changePointer(
      at + Struct.msghdr.msg_control,
      isSegmented ? control : control + SEGMENT_SIZE_CONTROL_BYTES,
    );
    words[(at + Struct.msghdr.msg_controllen) >> 2] =
      (isSegmented ? SEGMENT_SIZE_CONTROL_BYTES : 0) + (hasTrafficClass ? TRAFFIC_CLASS_CONTROL_BYTES : 0);
    if (!hasTrafficClass) return;
    const second = control + SEGMENT_SIZE_CONTROL_BYTES;
    const isIpv4 = words[(at + Struct.msghdr.msg_namelen) >> 2] === socketAddressLength(4);
    words[(second + Struct.cmsghdr.cmsg_level) >> 2] = isIpv4 ? Abi.IPPROTO_IP : Abi.IPPROTO_IPV6;
    words[(second + Struct.cmsghdr.cmsg_type) >> 2] = isIpv4 ? Abi.IP_TOS : Abi.IPV6_TCLASS;
    words[(second + Struct.cmsghdr.size) >> 2] = trafficClass;
  }

  /** Offset of the peer's socket address, brought up to date. */
  #addressAt(peer: number): number {
    const at = this.#addressesAt + peer * SOCKET_ADDRESS_BYTES;
    if (this.#addressGeneration[peer] === this.#generation) return at;
    const { bytes } = this.#memory;
    const family = this.#endpoints.endpointFamily(peer);
    encodeSocketAddress(family, this.#endpoints.endpointPort(peer), bytes, at);
    this.#endpoints.copyEndpointAddress(peer, bytes, at + ipAddressOffset(family));
    this.#addressGeneration[peer] = this.#generation;
    return at;
  }

  #messageAt(message: number): number {
    return this.#messagesAt + message * Struct.mmsghdr.size;
  }

  #iovecAt(piece: number): number {
    return this.#iovecsAt + piece * Struct.iovec.size;
  }
}
