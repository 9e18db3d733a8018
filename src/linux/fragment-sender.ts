/**
 * Sends single datagrams as outer fragments that are no longer than their path carries, whatever the MTU of the device: a
 * socket of the kernel fragments by its own idea of the path only.
 *
 *     datagram    | UDP | VXLAN | Ethernet | inner packet |
 *     fragments   | IP (IPv6: and fragment header) | slice |  ...
 *
 * This is for the few packets that IPv6 obliges us to carry over a path below its minimum (RFC 8200, section 5), so that
 * their bytes are copied. The receiver's kernel puts them together, and the UDP checksum, which covers all of it, tells when
 * it took parts of two (RFC 4963).
 */
import { randomInt } from 'node:crypto';
import type { TransmitBatch } from '../dataplane/transmit-batch.ts';
import type { IpAddress } from '../wire/address.ts';
import { onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../wire/checksum.ts';
import { IpProtocol } from '../wire/ip.ts';
import {
  encodeIpv4,
  IPV4_MIN_HEADER_LENGTH,
  Ipv4Flag,
  writeIpv4Fragment,
  writeIpv4HeaderChecksum,
} from '../wire/ipv4.ts';
import { encodeIpv6, IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { encodeIpv6Fragment, IPV6_FRAGMENT_HEADER_LENGTH } from '../wire/ipv6-extensions.ts';
import { encodeUdp, finishUdpChecksum, UDP_HEADER_LENGTH, writeUdpChecksum } from '../wire/udp.ts';
import { errnoName } from './errno.ts';
import { lastErrno, libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';
import type { MappedMemory } from './mapped-memory.ts';
import type { PeerEndpoints } from './peer-addresses.ts';
import { AddressTable } from './address-table.ts';
import { encodeSocketAddress, ipAddressOffset, SOCKET_ADDRESS_BYTES, socketAddressLength } from './socket-address.ts';

export interface FragmentSenderOptions {
  /** A raw socket of the underlay's family. */
  readonly fd: number;
  readonly underlayAddress: IpAddress;
  /** Ports of the sending sockets: a datagram leaves from that of its socket, so that flows stay together. */
  readonly sourcePorts: readonly number[];
  readonly memory: MappedMemory;
  readonly batch: TransmitBatch;
  readonly endpoints: PeerEndpoints;
  /** Hop limit (TTL) of the IP header; 64, the default of hosts, if there is none. */
  readonly hopLimit?: number;
}

/** Longest datagram, UDP header included, in bytes: an inner packet of 1280 bytes in all its headers, and some. */
const MAX_DATAGRAM_BYTES = 2048;
/** The smallest IPv4 path, 68 bytes, makes 43 of the longest datagram. */
const MAX_FRAGMENTS = 43;
const MAX_HEADER_BYTES = IPV6_HEADER_LENGTH + IPV6_FRAGMENT_HEADER_LENGTH;
/** Lengths of all fragments but the last are multiples of this, in bytes. */
const OFFSET_UNIT_BYTES = 8;
/** RFC 1700. */
const DEFAULT_HOP_LIMIT = 64;
/** Its header and its slice. */
const IOVECS_PER_FRAGMENT = 2;

/** Belongs to the worker that owns its memory. */
export class FragmentSender {
  readonly #options: FragmentSenderOptions;
  readonly #family: 4 | 6;
  #underlayAddress: IpAddress;
  #sourcePorts: readonly number[];
  readonly #datagramAt: number;
  readonly #headersAt: number;
  readonly #iovecsAt: number;
  readonly #messagesAt: number;
  readonly #addressAt: number;
  readonly #messages: AddressTable;
  #identification = randomInt(0x1_0000_0000);

  /** Bytes of mapped memory that a sender takes. */
  static readonly memoryBytes =
    MAX_DATAGRAM_BYTES +
    MAX_FRAGMENTS * (MAX_HEADER_BYTES + IOVECS_PER_FRAGMENT * Struct.iovec.size + Struct.mmsghdr.size) +
    SOCKET_ADDRESS_BYTES +
    5 * 64;

  constructor(options: FragmentSenderOptions) {
    const { memory } = options;
    this.#options = options;
    this.#family = options.underlayAddress.family;
    this.#underlayAddress = options.underlayAddress;
    this.#sourcePorts = options.sourcePorts;
    this.#datagramAt = memory.allocate(MAX_DATAGRAM_BYTES).at;
    this.#headersAt = memory.allocate(MAX_FRAGMENTS * MAX_HEADER_BYTES).at;
    this.#iovecsAt = memory.allocate(MAX_FRAGMENTS * IOVECS_PER_FRAGMENT * Struct.iovec.size).at;
    this.#messagesAt = memory.allocate(MAX_FRAGMENTS * Struct.mmsghdr.size).at;
    this.#addressAt = memory.allocate(SOCKET_ADDRESS_BYTES).at;
    this.#messages = new AddressTable(memory, this.#messagesAt, Struct.mmsghdr.size, MAX_FRAGMENTS);
    for (let fragment = 0; fragment < MAX_FRAGMENTS; fragment++) this.#prepare(fragment);
  }

  /** Sends from another address of the same family, and other ports, from now on. */
  changeSource(underlayAddress: IpAddress, sourcePorts: readonly number[]): void {
    this.#underlayAddress = underlayAddress;
    this.#sourcePorts = sourcePorts;
  }

  /**
   * Sends `datagram` of the batch in fragments of at most its `outerFragmentBytes`. Returns '' or the name of the errno:
   * some of its fragments may have left then, of which the receiver makes nothing.
   */
  send(datagram: number): string {
    const { fd, batch, endpoints, memory } = this.#options;
    const trafficClass = batch.trafficClass[datagram]!;
    if (endpoints.endpointFamily(batch.peer[datagram]!) !== this.#family) return 'EAFNOSUPPORT';
    const headerLength = this.#family === 4 ? IPV4_MIN_HEADER_LENGTH : MAX_HEADER_BYTES;
    const room = (batch.outerFragmentBytes[datagram]! - headerLength) & ~(OFFSET_UNIT_BYTES - 1);
    const lengthBytes = UDP_HEADER_LENGTH + batch.lengthBytes[datagram]!;
    const count = room > 0 ? Math.ceil(lengthBytes / room) : Infinity;
    if (lengthBytes > MAX_DATAGRAM_BYTES || count > MAX_FRAGMENTS) return 'EMSGSIZE';

    this.#addressTo(batch.peer[datagram]!);
    this.#identification = (this.#identification + 1) >>> 0;
    for (let fragment = 0; fragment < count; fragment++) {
      const offset = fragment * room;
      const sliceLength = Math.min(room, lengthBytes - offset);
      this.#writeHeader(fragment, trafficClass, offset, sliceLength, fragment < count - 1);
      const iovecs = this.#iovecsAt + fragment * IOVECS_PER_FRAGMENT * Struct.iovec.size;
      const slice = iovecs + Struct.iovec.size;
      memory.words[(iovecs + Struct.iovec.iov_len) >> 2] = headerLength;
      memory.changePointer(slice, this.#datagramAt + offset);
      memory.words[(slice + Struct.iovec.iov_len) >> 2] = sliceLength;
    }
    this.#gather(datagram, lengthBytes);
    return this.#submit(fd, count);
  }

  #submit(fd: number, count: number): string {
    let fragment = 0;
    while (fragment < count) {
      const sent = libc.sendmmsg(fd, this.#messages.get(fragment), count - fragment, Abi.MSG_DONTWAIT);
      if (sent > 0) {
        fragment += sent;
        continue;
      }
      const name = errnoName(lastErrno());
      if (name !== 'EINTR') return name;
    }
    return '';
  }

  /** Puts the datagram together behind its UDP header, and computes the checksum. The headers of fragments are written. */
  #gather(datagram: number, lengthBytes: number): void {
    const { batch, endpoints, memory } = this.#options;
    const { bytes } = memory;
    const udpAt = this.#datagramAt;
    const port = endpoints.endpointPort(batch.peer[datagram]!);
    encodeUdp(this.#sourcePorts[batch.socket[datagram]!]!, port, lengthBytes, 0, bytes, udpAt);
    let at = udpAt + UDP_HEADER_LENGTH;
    for (let piece = batch.firstPiece[datagram]!; piece < batch.firstPiece[datagram + 1]!; piece++) {
      const from = batch.pieceAt[piece]!;
      const pieceLength = batch.pieceLengthBytes[piece]!;
      bytes.copyWithin(at, from, from + pieceLength);
      at += pieceLength;
    }
    const pseudoHeader =
      this.#family === 4
        ? pseudoHeaderSum4(bytes, this.#headersAt, IpProtocol.udp, lengthBytes)
        : pseudoHeaderSum6(bytes, this.#headersAt, IpProtocol.udp, lengthBytes);
    writeUdpChecksum(bytes, udpAt, finishUdpChecksum(onesComplementSum(bytes, udpAt, lengthBytes, pseudoHeader)));
  }

  #writeHeader(fragment: number, trafficClass: number, offset: number, sliceLength: number, hasMore: boolean): void {
    const { memory, hopLimit = DEFAULT_HOP_LIMIT } = this.#options;
    const { bytes } = memory;
    const at = this.#headersAt + fragment * MAX_HEADER_BYTES;
    const source = this.#underlayAddress.bytes;
    const destinationAt = this.#addressAt + ipAddressOffset(this.#family);
    const id = this.#identification;
    const { udp } = IpProtocol;
    if (this.#family === 4) {
      const totalLength = IPV4_MIN_HEADER_LENGTH + sliceLength;
      encodeIpv4(trafficClass, totalLength, id & 0xffff, 0, hopLimit, udp, source, 0, bytes, destinationAt, bytes, at);
      writeIpv4Fragment(bytes, at, hasMore ? Ipv4Flag.moreFragments : 0, offset);
      writeIpv4HeaderChecksum(bytes, at);
      return;
    }
    const payloadLength = IPV6_FRAGMENT_HEADER_LENGTH + sliceLength;
    const next = IpProtocol.fragment;
    encodeIpv6(trafficClass, 0, payloadLength, next, hopLimit, source, 0, bytes, destinationAt, bytes, at);
    encodeIpv6Fragment(udp, offset, hasMore, id, bytes, at + IPV6_HEADER_LENGTH);
  }

  /** The kernel takes the port of a raw socket's destination for a protocol: it stays 0. */
  #addressTo(peer: number): void {
    const { bytes } = this.#options.memory;
    encodeSocketAddress(this.#family, 0, bytes, this.#addressAt);
    this.#options.endpoints.copyEndpointAddress(peer, bytes, this.#addressAt + ipAddressOffset(this.#family));
  }

  #prepare(fragment: number): void {
    const { memory } = this.#options;
    const message = this.#messagesAt + fragment * Struct.mmsghdr.size;
    const iovecs = this.#iovecsAt + fragment * IOVECS_PER_FRAGMENT * Struct.iovec.size;
    memory.writePointer(iovecs, this.#headersAt + fragment * MAX_HEADER_BYTES);
    memory.writePointer(iovecs + Struct.iovec.size, this.#datagramAt);
    memory.writePointer(message + Struct.msghdr.msg_name, this.#addressAt);
    memory.words[(message + Struct.msghdr.msg_namelen) >> 2] = socketAddressLength(this.#family);
    memory.writePointer(message + Struct.msghdr.msg_iov, iovecs);
    memory.words[(message + Struct.msghdr.msg_iovlen) >> 2] = IOVECS_PER_FRAGMENT;
  }
}
