/**
 * Puts the segments of a flow together again: several received packets become one super-packet, which the kernel takes
 * with one write and carries to the pod as one.
 *
 *     received    | IP | TCP | payload 1 |  | IP | TCP | payload 2 |  | IP | TCP | payload 3 |
 *     delivered   | virtio | IP | TCP | payload 1 |  + payload 2 + payload 3
 *
 * By gathering: the first packet stays where it is, and its headers become those of the super-packet. What may be put
 * together is in `coalescing-rules.ts`.
 *
 * Several flows are open at once, one per slot of a table; who needs a slot flushes whoever is in it. Nothing waits
 * longer than the batch. Order is kept within a flow, not between flows.
 */
import { foldChecksum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../wire/checksum.ts';
import { IpProtocol } from '../wire/ip.ts';
import { readIpv4Identification, writeIpv4HeaderChecksum, writeIpv4TotalLength } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, writeIpv6PayloadLength } from '../wire/ipv6.ts';
import { TCP_CHECKSUM_OFFSET, readTcpFlags, readTcpSequence, writeTcpChecksum, writeTcpFlags } from '../wire/tcp.ts';
import { UDP_CHECKSUM_OFFSET, writeUdpChecksum, writeUdpLength } from '../wire/udp.ts';
import { GsoType, VIRTIO_NET_HEADER_LENGTH, VirtioFlag, encodeVirtioNet } from '../wire/virtio-net.ts';
import {
  coalesciblePayload,
  continuesIdentification,
  hasSameIpHeader,
  hasSameTcpHeader,
  ipHeaderLength,
  isAlwaysLast,
  isSameFlow,
  lastFlags,
} from './coalescing-rules.ts';
import type { DeliveryBatch } from './delivery-batch.ts';
import { flowHash } from './flow-hash.ts';
import type { InnerPacket } from './inner-packet.ts';

/** Flows that may be open at once: a power of two. */
const SLOTS = 64;
/** Longest super-packet, in bytes: the length fields of IPv4 and UDP have 16 bits. */
const MAX_LENGTH = 65_535;
/** Most segments of a super-packet. TCP: vectors of one writev(2), with room to spare. UDP: `UDP_MAX_SEGMENTS` before Linux 6.9. */
const MAX_SEGMENTS = { tcp: 512, udp: 64 } as const;

export interface CoalescerOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  /** Where packets and super-packets go to. */
  readonly batch: DeliveryBatch;
  /** Whether TCP segments are put together. */
  readonly tcp: boolean;
  /** Whether UDP datagrams are. The kernel must know `VIRTIO_NET_HDR_GSO_UDP_L4`: Linux 6.2. */
  readonly udp: boolean;
}

/**
 * The super-packets that are being put together, of one worker. Nothing here allocates.
 *
 * Per slot:  free ──open──> open ──append──> open ──flush──> free
 */
export class Coalescer {
  readonly #memory: Uint8Array;
  readonly #batch: DeliveryBatch;
  readonly #tcp: boolean;
  readonly #udp: boolean;
  /** Per slot: number of segments, 0 if it is free. */
  readonly #segments = new Int32Array(SLOTS);
  /** Per slot: where the IP header of the first segment is, and who sent it. */
  readonly #firstAt = new Int32Array(SLOTS);
  readonly #sender = new Int32Array(SLOTS);
  /** Per slot: which captures want any of its segments. */
  readonly #marks = new Uint8Array(SLOTS);
  readonly #family = new Uint8Array(SLOTS);
  readonly #isTcp = new Uint8Array(SLOTS);
  /** Per slot: length of IP and transport header, payload of the first segment, and of all of them. */
  readonly #headerLength = new Int32Array(SLOTS);
  readonly #gsoSize = new Int32Array(SLOTS);
  readonly #payloadLength = new Int32Array(SLOTS);
  /** Per slot: whether the checksum of the first segment is partial; whether the IPv4 identification stays the same. */
  readonly #isPartial = new Uint8Array(SLOTS);
  readonly #hasFixedId = new Uint8Array(SLOTS);
  /** Per slot: PSH and FIN of the last segment. */
  readonly #lastFlags = new Uint8Array(SLOTS);
  /** Per slot: its second and its last piece of payload, as numbers of pieces. */
  readonly #second = new Int32Array(SLOTS);
  readonly #last = new Int32Array(SLOTS);
  /** Per piece of payload but the first of each slot: where, how long, and which comes next. */
  readonly #pieceAt: Int32Array;
  readonly #pieceLength: Int32Array;
  readonly #nextPiece: Int32Array;
  #pieceCount = 0;
  #openCount = 0;
  #heldPieces = 0;

  constructor(options: CoalescerOptions) {
    const { maxPieces } = options.batch;
    this.#memory = options.memory;
    this.#batch = options.batch;
    this.#tcp = options.tcp;
    this.#udp = options.udp;
    this.#pieceAt = new Int32Array(maxPieces);
    this.#pieceLength = new Int32Array(maxPieces);
    this.#nextPiece = new Int32Array(maxPieces);
  }

  /** Packets that {@link flush} would add to the batch. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Pieces that {@link flush} would add to the batch. */
  get heldPieces(): number {
    return this.#heldPieces;
  }

  /**
   * Slot of the flow of `packet`, or -1 if it has none: another protocol, or a fragment, which flushes everything, as it
   * may belong to any flow between its addresses.
   */
  slotOf(packet: InnerPacket): number {
    if (packet.isFragment) {
      this.flush();
      return -1;
    }
    const isCoalesced =
      packet.protocol === IpProtocol.tcp ? this.#tcp : packet.protocol === IpProtocol.udp && this.#udp;
    return isCoalesced && packet.transportLengthBytes >= 8 ? flowHash(this.#memory, packet) & (SLOTS - 1) : -1;
  }

  /** Whether slot `slot`, which is that of `packet`, is open for just its flow and `sender`. */
  isOpenFor(slot: number, packet: InnerPacket, sender: number): boolean {
    if (slot === -1 || this.#segments[slot] === 0 || this.#sender[slot] !== sender) return false;
    return this.#holdsFlowOf(slot, packet);
  }

  /**
   * Takes `packet`, whose checksum is right or partial, into slot `slot`, which is that of the packet. Returns false if
   * it has to travel alone; then whatever came before it in its flow is in the batch.
   */
  take(slot: number, packet: InnerPacket, sender: number, isPartial: boolean, marks: number): boolean {
    const payloadLength = coalesciblePayload(this.#memory, packet);
    if (this.#segments[slot] !== 0) {
      const isSame = this.#holdsFlowOf(slot, packet);
      // What comes from two peers, as routes change, is in two accounts.
      const isOfSender = this.#sender[slot] === sender;
      if (isSame && isOfSender && payloadLength > 0 && this.#continues(slot, packet, payloadLength)) {
        this.#append(slot, packet, payloadLength, marks);
        return true;
      }
      if (isSame || payloadLength > 0) this.#flushSlot(slot);
    }
    if (payloadLength <= 0 || isAlwaysLast(this.#memory, packet)) return false;
    this.#open(slot, packet, payloadLength, sender, isPartial, marks);
    return true;
  }

  /** Flushes slot `slot`, that of `packet`, if it may hold packets of the same flow. */
  flushFor(slot: number): void {
    if (slot !== -1 && this.#segments[slot] !== 0) this.#flushSlot(slot);
  }

  /** Puts everything into the batch. */
  flush(): void {
    for (let slot = 0; this.#openCount > 0; slot++) if (this.#segments[slot] !== 0) this.#flushSlot(slot);
    this.#pieceCount = 0;
  }

  #holdsFlowOf(slot: number, packet: InnerPacket): boolean {
    return isSameFlow(this.#memory, packet, this.#firstAt[slot]!, this.#family[slot] === 6 ? 6 : 4);
  }

  #open(
    slot: number,
    packet: InnerPacket,
    payloadLength: number,
    sender: number,
    isPartial: boolean,
    marks: number,
  ): void {
    this.#segments[slot] = 1;
    this.#firstAt[slot] = packet.at;
    this.#sender[slot] = sender;
    this.#marks[slot] = marks;
    this.#family[slot] = packet.family;
    this.#isTcp[slot] = packet.protocol === IpProtocol.tcp ? 1 : 0;
    this.#headerLength[slot] = packet.lengthBytes - payloadLength;
    this.#gsoSize[slot] = payloadLength;
    this.#payloadLength[slot] = payloadLength;
    this.#isPartial[slot] = isPartial ? 1 : 0;
    this.#hasFixedId[slot] = 0;
    this.#lastFlags[slot] = 0;
    this.#openCount++;
    this.#heldPieces++;
  }

  #continues(slot: number, packet: InnerPacket, payloadLength: number): boolean {
    const memory = this.#memory;
    const segments = this.#segments[slot]!;
    const isTcp = this.#isTcp[slot] === 1;
    const first = this.#firstAt[slot]!;
    const headerLength = this.#headerLength[slot]!;
    const heldLength = this.#payloadLength[slot]!;
    if (payloadLength > this.#gsoSize[slot]! || segments === (isTcp ? MAX_SEGMENTS.tcp : MAX_SEGMENTS.udp))
      return false;
    if (headerLength + heldLength + payloadLength > MAX_LENGTH) return false;
    const { family, at, transportAt } = packet;
    if (!hasSameIpHeader(memory, first, at, family)) return false;
    if (family === 4 && !continuesIdentification(memory, first, at, segments, this.#hasFixedId[slot] === 1))
      return false;
    if (!isTcp) return true;
    const firstTransport = first + ipHeaderLength(family);
    const expected = (readTcpSequence(memory, firstTransport) + heldLength) >>> 0;
    return readTcpSequence(memory, transportAt) === expected && hasSameTcpHeader(memory, firstTransport, transportAt);
  }

  #append(slot: number, packet: InnerPacket, payloadLength: number, marks: number): void {
    const memory = this.#memory;
    const piece = this.#pieceCount++;
    this.#pieceAt[piece] = packet.at + packet.lengthBytes - payloadLength;
    this.#pieceLength[piece] = payloadLength;
    if (this.#segments[slot] === 1) {
      this.#second[slot] = piece;
      // The identification goes on in one of two ways, and the second segment shows which.
      const first = this.#firstAt[slot]!;
      const isFixed =
        packet.family === 4 && readIpv4Identification(memory, first) === readIpv4Identification(memory, packet.at);
      this.#hasFixedId[slot] = isFixed ? 1 : 0;
    } else {
      this.#nextPiece[this.#last[slot]!] = piece;
    }
    this.#last[slot] = piece;
    this.#marks[slot] = this.#marks[slot]! | marks;
    this.#segments[slot] = this.#segments[slot]! + 1;
    this.#payloadLength[slot] = this.#payloadLength[slot]! + payloadLength;
    this.#heldPieces++;
    if (this.#isTcp[slot] === 1) this.#lastFlags[slot] = lastFlags(memory, packet.transportAt);
    if (this.#lastFlags[slot] !== 0 || payloadLength < this.#gsoSize[slot]!) this.#flushSlot(slot);
  }

  #flushSlot(slot: number): void {
    const batch = this.#batch;
    const segments = this.#segments[slot]!;
    const headerLength = this.#headerLength[slot]!;
    const lengthBytes = headerLength + this.#payloadLength[slot]!;
    const first = this.#firstAt[slot]!;
    this.#writeHeaders(slot, lengthBytes);
    const innerBytes = lengthBytes + (segments - 1) * headerLength;
    batch.packet(segments, lengthBytes, innerBytes, this.#sender[slot], this.#marks[slot]);
    const virtioAt = first - VIRTIO_NET_HEADER_LENGTH;
    batch.piece(virtioAt, VIRTIO_NET_HEADER_LENGTH + headerLength + this.#gsoSize[slot]!);
    let piece = this.#second[slot]!;
    for (let count = segments; count > 1; count--) {
      batch.piece(this.#pieceAt[piece]!, this.#pieceLength[piece]!);
      piece = this.#nextPiece[piece]!;
    }
    this.#segments[slot] = 0;
    this.#openCount--;
    this.#heldPieces -= segments;
  }

  /** Writes the virtio-net header, and makes the headers of the first segment those of the super-packet. */
  #writeHeaders(slot: number, lengthBytes: number): void {
    const memory = this.#memory;
    const first = this.#firstAt[slot]!;
    const virtioAt = first - VIRTIO_NET_HEADER_LENGTH;
    const family = this.#family[slot] === 6 ? 6 : 4;
    const isTcp = this.#isTcp[slot] === 1;
    const start = ipHeaderLength(family);
    const offset = isTcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET;
    const { needsChecksum } = VirtioFlag;
    if (this.#segments[slot] === 1) {
      if (this.#isPartial[slot] === 1)
        encodeVirtioNet(needsChecksum, GsoType.none, 0, 0, start, offset, memory, virtioAt);
      else encodeVirtioNet(0, GsoType.none, 0, 0, 0, 0, memory, virtioAt);
      return;
    }
    const gsoType = isTcp ? (family === 4 ? GsoType.tcp4 : GsoType.tcp6) : GsoType.udp;
    encodeVirtioNet(
      needsChecksum,
      gsoType,
      this.#headerLength[slot]!,
      this.#gsoSize[slot]!,
      start,
      offset,
      memory,
      virtioAt,
    );
    if (family === 4) {
      writeIpv4TotalLength(memory, first, lengthBytes);
      writeIpv4HeaderChecksum(memory, first);
    } else {
      writeIpv6PayloadLength(memory, first, lengthBytes - IPV6_HEADER_LENGTH);
    }
    const transportLength = lengthBytes - start;
    const protocol = isTcp ? IpProtocol.tcp : IpProtocol.udp;
    const partial = foldChecksum(
      family === 4
        ? pseudoHeaderSum4(memory, first, protocol, transportLength)
        : pseudoHeaderSum6(memory, first, protocol, transportLength),
    );
    const transportAt = first + start;
    if (isTcp) {
      writeTcpFlags(memory, transportAt, readTcpFlags(memory, transportAt) | this.#lastFlags[slot]!);
      writeTcpChecksum(memory, transportAt, partial);
    } else {
      writeUdpLength(memory, transportAt, transportLength);
      writeUdpChecksum(memory, transportAt, partial);
    }
  }
}
