/**
 * Receiving datagrams in batches, one recvmmsg(2) each, into slots of mapped memory.
 *
 * A slot takes the longest datagram that there is, not one MTU: the kernel coalesces, and a vxlan device behind a veth
 * sends super-packets whole. Three control messages are looked for: the size of the coalesced pieces, the traffic class, and
 * how many datagrams the socket had to drop so far.
 */
import { AddressTable } from './address-table.ts';
import { errnoName } from './errno.ts';
import { lastErrno, libc } from './ffi.ts';
import { Abi, alignControlMessage, Struct } from './kernel-abi.ts';
import type { MappedMemory } from './mapped-memory.ts';
import {
  ipAddressOffset,
  readSocketAddressFamily,
  readSocketAddressPort,
  SOCKET_ADDRESS_BYTES,
} from './socket-address.ts';
import { readSocketDrops } from './udp-socket.ts';
import { SystemCallError } from '../errors.ts';

/** The length field of UDP has 16 bits; the next multiple of a cache line. */
const SLOT_BYTES = 65_536;
/** Three control messages with a 32-bit number each, at most. */
const CONTROL_BYTES = 3 * alignControlMessage(Struct.cmsghdr.size + 4);
const BYTES_PER_SLOT = SLOT_BYTES + SOCKET_ADDRESS_BYTES + Struct.iovec.size + Struct.mmsghdr.size + CONTROL_BYTES;

/** Slots for one batch. The datagrams in them stay until the next {@link DatagramReceiver.receive}. */
export class DatagramReceiver {
  /** Per slot: length of the datagram, in bytes. */
  readonly lengthBytes: Int32Array;
  /** Per slot: size of the coalesced pieces, in bytes (the last may be shorter); 0: one piece. */
  readonly pieceSizeBytes: Int32Array;
  /** Per slot: family of the sender's address, which stands at {@link senderAt}. */
  readonly senderFamily: Int32Array;
  /** Per slot: traffic class of the IP header, DSCP and ECN. */
  readonly trafficClass: Uint8Array;
  /** Datagrams that the kernel dropped so far, at this socket and at those before it. */
  overflow = 0;
  /** Datagrams that were longer than a slot, and were cut. There is no such UDP datagram: it stays 0. */
  truncated = 0;
  #fd: number;
  /** Of {@link overflow}, what earlier sockets dropped. */
  #earlierOverflow = 0;
  readonly #memory: MappedMemory;
  readonly #slots: number;
  readonly #slotsAt: number;
  readonly #addressesAt: number;
  readonly #iovecsAt: number;
  readonly #messagesAt: number;
  readonly #messages: AddressTable;
  readonly #controlAt: number;
  #wasFull = false;

  /** Bytes of mapped memory that a receiver with `slots` slots takes. */
  static memoryBytes(slots: number): number {
    return slots * BYTES_PER_SLOT + 5 * 64;
  }

  /** @param fd a receiving socket. */
  constructor(fd: number, memory: MappedMemory, slots: number) {
    this.#fd = fd;
    this.#memory = memory;
    this.#slots = slots;
    this.lengthBytes = new Int32Array(slots);
    this.pieceSizeBytes = new Int32Array(slots);
    this.senderFamily = new Int32Array(slots);
    this.trafficClass = new Uint8Array(slots);
    this.#slotsAt = memory.allocate(slots * SLOT_BYTES).at;
    this.#addressesAt = memory.allocate(slots * SOCKET_ADDRESS_BYTES).at;
    this.#iovecsAt = memory.allocate(slots * Struct.iovec.size).at;
    this.#messagesAt = memory.allocate(slots * Struct.mmsghdr.size).at;
    this.#messages = new AddressTable(memory, this.#messagesAt, 0, 1);
    this.#controlAt = memory.allocate(slots * CONTROL_BYTES).at;
    for (let slot = 0; slot < slots; slot++) {
      this.#prepare(slot);
      this.#reset(slot);
    }
  }

  /** Where the datagram of slot `slot` begins: an offset into the memory. */
  at(slot: number): number {
    return this.#slotsAt + slot * SLOT_BYTES;
  }

  /** Where the bytes of its sender's IP address begin: an offset into the memory. */
  senderAt(slot: number): number {
    const family = this.senderFamily[slot] === 6 ? 6 : 4;
    return this.#addressesAt + slot * SOCKET_ADDRESS_BYTES + ipAddressOffset(family);
  }

  /** UDP port that it was sent from. */
  senderPort(slot: number): number {
    return readSocketAddressPort(this.#memory.bytes, this.#addressesAt + slot * SOCKET_ADDRESS_BYTES);
  }

  /** Receives from another socket from now on. */
  changeSocket(fd: number): void {
    this.#fd = fd;
    this.#earlierOverflow = this.overflow;
    this.#wasFull = false;
  }

  /**
   * Receives what is waiting, at most a datagram per slot, without blocking. Returns how many; they are in the first slots,
   * in the order of their arrival.
   *
   * @throws SystemCallError when the socket is unusable.
   */
  receive(): number {
    const count = libc.recvmmsg(this.#fd, this.#messages.get(0), this.#slots, Abi.MSG_DONTWAIT, 0);
    if (count === -1) {
      const name = errnoName(lastErrno());
      if (name !== 'EAGAIN' && name !== 'EINTR' && name !== 'ENOMEM') {
        throw new SystemCallError('recvmmsg', name, 'receive from the underlay');
      }
    }
    const received = Math.max(count, 0);
    for (let slot = 0; slot < received; slot++) {
      this.#readMessage(slot);
      this.#reset(slot);
    }
    // A datagram tells what was dropped before it. What was dropped after the last one, nobody tells: ask. Also after a full
    // batch, which may have been the last one.
    const isFull = received === this.#slots;
    if (isFull || this.#wasFull) this.#setOverflow(readSocketDrops(this.#fd));
    this.#wasFull = isFull;
    return received;
  }

  #prepare(slot: number): void {
    const memory = this.#memory;
    const message = this.#messagesAt + slot * Struct.mmsghdr.size;
    const iovec = this.#iovecsAt + slot * Struct.iovec.size;
    memory.writePointer(iovec, this.at(slot));
    memory.words[(iovec + Struct.iovec.iov_len) >> 2] = SLOT_BYTES;
    memory.writePointer(message + Struct.msghdr.msg_name, this.#addressesAt + slot * SOCKET_ADDRESS_BYTES);
    memory.writePointer(message + Struct.msghdr.msg_iov, iovec);
    memory.words[(message + Struct.msghdr.msg_iovlen) >> 2] = 1;
    memory.writePointer(message + Struct.msghdr.msg_control, this.#controlAt + slot * CONTROL_BYTES);
  }

  /** Puts back what the kernel overwrites in each message that it fills. */
  #reset(slot: number): void {
    const { words } = this.#memory;
    const message = this.#messagesAt + slot * Struct.mmsghdr.size;
    words[(message + Struct.msghdr.msg_namelen) >> 2] = SOCKET_ADDRESS_BYTES;
    words[(message + Struct.msghdr.msg_controllen) >> 2] = CONTROL_BYTES;
  }

  #readMessage(slot: number): void {
    const { words, bytes } = this.#memory;
    const message = this.#messagesAt + slot * Struct.mmsghdr.size;
    this.lengthBytes[slot] = words[(message + Struct.mmsghdr.msg_len) >> 2]!;
    this.senderFamily[slot] = readSocketAddressFamily(bytes, this.#addressesAt + slot * SOCKET_ADDRESS_BYTES);
    if ((words[(message + Struct.msghdr.msg_flags) >> 2]! & Abi.MSG_TRUNC) !== 0) this.truncated++;
    this.pieceSizeBytes[slot] = 0;
    this.trafficClass[slot] = 0;
    let control = this.#controlAt + slot * CONTROL_BYTES;
    const end = control + words[(message + Struct.msghdr.msg_controllen) >> 2]!;
    while (control + Struct.cmsghdr.size < end) {
      const value = words[(control + Struct.cmsghdr.size) >> 2]!;
      const level = words[(control + Struct.cmsghdr.cmsg_level) >> 2]!;
      const type = words[(control + Struct.cmsghdr.cmsg_type) >> 2]!;
      if (level === Abi.IPPROTO_UDP && type === Abi.UDP_GRO) this.pieceSizeBytes[slot] = value;
      else if (level === Abi.SOL_SOCKET && type === Abi.SO_RXQ_OVFL) this.#setOverflow(value);
      // IPv4 has a single byte there, IPv6 a number whose upper bytes are 0.
      else if (level === Abi.IPPROTO_IP && type === Abi.IP_TOS) this.trafficClass[slot] = value;
      else if (level === Abi.IPPROTO_IPV6 && type === Abi.IPV6_TCLASS) this.trafficClass[slot] = value;
      control += alignControlMessage(words[(control + Struct.cmsghdr.cmsg_len) >> 2]!);
    }
  }

  /** @param count the kernel's counter, 32 bits wide, which wraps around; a value from before the present one is ignored. */
  #setOverflow(count: number): void {
    const increase = (count - (this.overflow - this.#earlierOverflow)) | 0;
    if (count !== -1 && increase > 0) this.overflow += increase;
  }
}
