/**
 * Messages for sendmmsg(2), in mapped memory: destinations, vectors, and up to three control messages, of which a row without
 * gaps is handed over:
 *
 *     | size of segments | hop limit, if the table has one | traffic class |
 */
import type { TransmitBatch } from '../dataplane/transmit-batch.ts';
import { AddressTable } from './address-table.ts';
import { Abi, alignControlMessage, Struct } from './kernel-abi.ts';
import type { MappedMemory } from './mapped-memory.ts';
import type { PeerAddresses } from './peer-addresses.ts';
import { socketAddressLength } from './socket-address.ts';

const SEGMENT_SIZE_BYTES = 2;
const NUMBER_BYTES = 4;
const SEGMENT_SIZE_CONTROL_BYTES = alignControlMessage(Struct.cmsghdr.size + SEGMENT_SIZE_BYTES);
const NUMBER_CONTROL_BYTES = alignControlMessage(Struct.cmsghdr.size + NUMBER_BYTES);
const CONTROL_BYTES = SEGMENT_SIZE_CONTROL_BYTES + 2 * NUMBER_CONTROL_BYTES;

/** An array of `mmsghdr`. For each socket: {@link start}, {@link append} and {@link finish} each message, from number 0 on. */
export class MessageTable {
  readonly #memory: MappedMemory;
  readonly #batch: TransmitBatch;
  readonly #addresses: PeerAddresses;
  readonly #hopLimit: number;
  /** Of the control message between the other two. */
  readonly #hopLimitControlBytes: number;
  readonly #messagesAt: number;
  readonly #messages: AddressTable;
  readonly #controlAt: number;
  readonly #iovecsAt: number;
  /** Per message: its first vector, and the number of them. */
  readonly #firstIovec: Int32Array;
  readonly #pieces: Int32Array;

  /** Bytes of mapped memory that a table takes. */
  static memoryBytes(maxMessages: number, maxPieces: number): number {
    return maxMessages * (Struct.mmsghdr.size + CONTROL_BYTES) + maxPieces * Struct.iovec.size + 3 * 64;
  }

  /** @param hopLimit of the IP header (TTL), 1 to 255; 0: the kernel's. */
  constructor(
    memory: MappedMemory,
    maxMessages: number,
    batch: TransmitBatch,
    addresses: PeerAddresses,
    hopLimit: number,
  ) {
    this.#memory = memory;
    this.#batch = batch;
    this.#addresses = addresses;
    this.#hopLimit = hopLimit;
    this.#hopLimitControlBytes = hopLimit > 0 ? NUMBER_CONTROL_BYTES : 0;
    this.#messagesAt = memory.allocate(maxMessages * Struct.mmsghdr.size).at;
    this.#messages = new AddressTable(memory, this.#messagesAt, Struct.mmsghdr.size, maxMessages);
    this.#controlAt = memory.allocate(maxMessages * CONTROL_BYTES).at;
    this.#iovecsAt = memory.allocate(batch.maxPieces * Struct.iovec.size).at;
    this.#firstIovec = new Int32Array(maxMessages + 1);
    this.#pieces = new Int32Array(maxMessages);
    for (let message = 0; message < maxMessages; message++) this.#prepare(message);
    for (let piece = 0; piece < batch.maxPieces; piece++) memory.writePointer(this.#iovecAt(piece), 0);
  }

  /** Before each batch: endpoints of peers may have changed. */
  begin(): void {
    this.#addresses.begin();
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
    this.#memory.changePointer(at + Struct.msghdr.msg_name, this.#addresses.at(peer));
    this.#memory.words[(at + Struct.msghdr.msg_namelen) >> 2] = this.#addresses.lengthOf(peer);
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
    memory.writePointer(at + Struct.msghdr.msg_name, 0);
    memory.writePointer(at + Struct.msghdr.msg_iov, this.#iovecsAt);
    memory.writePointer(at + Struct.msghdr.msg_control, control);
    memory.words[(control + Struct.cmsghdr.cmsg_len) >> 2] = Struct.cmsghdr.size + SEGMENT_SIZE_BYTES;
    memory.words[(control + Struct.cmsghdr.cmsg_level) >> 2] = Abi.IPPROTO_UDP;
    memory.words[(control + Struct.cmsghdr.cmsg_type) >> 2] = Abi.UDP_SEGMENT;
    const hopLimitAt = control + SEGMENT_SIZE_CONTROL_BYTES;
    for (const at of [hopLimitAt, hopLimitAt + this.#hopLimitControlBytes]) {
      memory.words[(at + Struct.cmsghdr.cmsg_len) >> 2] = Struct.cmsghdr.size + NUMBER_BYTES;
    }
  }

  /** Hands over what is needed of the control messages. Their destination is known by now. */
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
      (isSegmented ? SEGMENT_SIZE_CONTROL_BYTES : 0) +
      this.#hopLimitControlBytes +
      (hasTrafficClass ? NUMBER_CONTROL_BYTES : 0);
    if (!hasTrafficClass && this.#hopLimit === 0) return;
    const isIpv4 = words[(at + Struct.msghdr.msg_namelen) >> 2] === socketAddressLength(4);
    const hopLimitAt = control + SEGMENT_SIZE_CONTROL_BYTES;
    if (this.#hopLimit > 0) this.#setNumber(hopLimitAt, isIpv4, Abi.IP_TTL, Abi.IPV6_HOPLIMIT, this.#hopLimit);
    if (!hasTrafficClass) return;
    this.#setNumber(hopLimitAt + this.#hopLimitControlBytes, isIpv4, Abi.IP_TOS, Abi.IPV6_TCLASS, trafficClass);
  }

  #setNumber(at: number, isIpv4: boolean, type4: number, type6: number, value: number): void {
    const { words } = this.#memory;
    words[(at + Struct.cmsghdr.cmsg_level) >> 2] = isIpv4 ? Abi.IPPROTO_IP : Abi.IPPROTO_IPV6;
    words[(at + Struct.cmsghdr.cmsg_type) >> 2] = isIpv4 ? type4 : type6;
    words[(at + Struct.cmsghdr.size) >> 2] = value;
  }

  #messageAt(message: number): number {
    return this.#messagesAt + message * Struct.mmsghdr.size;
  }

  #iovecAt(piece: number): number {
    return this.#iovecsAt + piece * Struct.iovec.size;
  }
}
