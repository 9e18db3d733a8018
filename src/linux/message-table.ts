/** Messages for sendmmsg(2), in mapped memory: destinations, vectors, and the size of segments where there are several. */
import type { TransmitBatch } from '../dataplane/transmit-batch.ts';
import { Abi, alignControlMessage, Struct } from './kernel-abi.ts';
import type { MappedMemory } from './mapped-memory.ts';
import { encodeSocketAddress, ipAddressOffset, SOCKET_ADDRESS_BYTES, socketAddressLength } from './socket-address.ts';

const SEGMENT_SIZE_BYTES = 2;
const CONTROL_BYTES = alignControlMessage(Struct.cmsghdr.size + SEGMENT_SIZE_BYTES);

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
    return this.#memory.address + this.#messageAt(message);
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

  /** Ends message `message`. @param segmentBytes length of its segments; 0: it is a single datagram. */
  finish(message: number, segmentBytes: number): void {
    const { words, halfWords } = this.#memory;
    const at = this.#messageAt(message);
    const first = this.#firstIovec[message]!;
    this.#firstIovec[message + 1] = first + this.#pieces[message]!;
    this.#memory.changePointer(at + Struct.msghdr.msg_iov, this.#iovecAt(first));
    words[(at + Struct.msghdr.msg_iovlen) >> 2] = this.#pieces[message]!;
    words[(at + Struct.msghdr.msg_controllen) >> 2] = segmentBytes > 0 ? CONTROL_BYTES : 0;
    halfWords[(this.#controlAt + message * CONTROL_BYTES + Struct.cmsghdr.size) >> 1] = segmentBytes;
  }

  /**
   * Makes messages `begin` to `begin + count` of the `count` datagrams that message `whole` consists of: `datagram` and
   * those that follow it in `next`. They share its vectors.
   */
  split(whole: number, begin: number, count: number, datagram: number, next: Int32Array): void {
    const { words } = this.#memory;
    const { firstPiece } = this.#batch;
    const wholeAt = this.#messageAt(whole);
    let iovec = this.#firstIovec[whole]!;
    for (let message = begin; message < begin + count; message++) {
      const at = this.#messageAt(message);
      const pieces = firstPiece[datagram + 1]! - firstPiece[datagram]!;
      words[at >> 2] = words[wholeAt >> 2]!;
      words[(at + Struct.msghdr.msg_namelen) >> 2] = words[(wholeAt + Struct.msghdr.msg_namelen) >> 2]!;
      this.#memory.changePointer(at + Struct.msghdr.msg_iov, this.#iovecAt(iovec));
      words[(at + Struct.msghdr.msg_iovlen) >> 2] = pieces;
      words[(at + Struct.msghdr.msg_controllen) >> 2] = 0;
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
