/**
 * Makes packets of a tap's record, as they are on the wire: super-packets are cut into segments, partial checksums completed,
 * Remote Checksum Offload undone, and the outer header put before what has one.
 *
 *     record   | virtio | IP | TCP |  payload, of 3 segments  |
 *     packets  | IP | TCP | payload |    | IP | TCP | payload |    | IP | TCP | payload |
 *
 * All of it happens in a memory of its own; the record stays as it is. What is malformed comes out as it went in.
 */
import { ETHERNET_HEADER_LENGTH, EtherType, readEtherType } from '../wire/ethernet.ts';
import { ENCAPSULATION_LENGTH } from '../dataplane/encapsulation.ts';
import { InnerFault, InnerPacket } from '../dataplane/inner-packet.ts';
import { writeIpHeader, writeTcpHeader, writeTransportChecksum } from '../dataplane/segmentation.ts';
import { innerPacketLength } from '../dataplane/joined-datagrams.ts';
import { MAX_SEGMENT_HEADER_LENGTH, segmentCount } from '../dataplane/super-packet.ts';
import { TapForm } from '../dataplane/tap-record.ts';
import { IpProtocol } from '../wire/ip.ts';
import { writeUdpLength } from '../wire/udp.ts';
import {
  VIRTIO_NET_HEADER_LENGTH,
  VirtioFlag,
  readChecksumOffset,
  readChecksumStart,
  readVirtioFlags,
} from '../wire/virtio-net.ts';
import { clearRemoteChecksum, hasRemoteChecksum } from '../wire/vxlan.ts';
import { completeChecksumAt, completeIfPartial } from './checksum-completion.ts';
import { outerHeaderLength, writeOuterHeader } from './outer-header.ts';
import type { TapHeader } from './tap-reader.ts';

/**
 * What became of the checksum of the inner packet. `as-is`: nothing, be it right or wrong. `completed`: it was partial.
 * `unverified`: it was partial and stays so, because not all of the packet is there.
 */
export type ChecksumNote = 'as-is' | 'completed' | 'unverified';

/** Longest record: a datagram, or a packet with its virtio-net header. */
const MAX_RECORDED_BYTES = 65_535 + 64;
/** Room before a packet, for the outer header and encapsulation; a multiple of 4 more would do as well. */
const HEADROOM_BYTES = 128;
/** Headers are looked at before their length is known: what lies behind a short record is zero. */
const ZEROED_BYTES = MAX_SEGMENT_HEADER_LENGTH + ENCAPSULATION_LENGTH;
/** The packet, or segment, that is made. */
const PACKET_AT = HEADROOM_BYTES;
const RECORD_AT = 2 * HEADROOM_BYTES + MAX_RECORDED_BYTES + ZEROED_BYTES;

/** Packets of one record after the other. Nothing is allocated per packet. */
export class TappedPackets {
  /** Where {@link at} and {@link innerAt} are offsets into. */
  readonly bytes = new Uint8Array(RECORD_AT + MAX_RECORDED_BYTES + ZEROED_BYTES);
  /** The packet in hand, from its outermost IP header on: where it is, how long, and how much of that is there. */
  at = 0;
  lengthBytes = 0;
  capturedBytes = 0;
  /** The inner packet in it; -1: there is none. */
  innerAt = -1;
  innerLengthBytes = 0;
  innerCapturedBytes = 0;
  /** Which one of how many that the record stands for, from 1. */
  segment = 0;
  segments = 0;
  checksum: ChecksumNote = 'as-is';
  /** Whether the inner checksum was left to the receiver on the wire (Remote Checksum Offload), which the bytes do not show. */
  hadRemoteChecksum = false;
  readonly #packet = new InnerPacket();
  #header!: TapHeader;
  #record!: Uint8Array;
  /** Of the record: where its inner packet is, if any; how long; how much is there; what lies before it in the datagram. */
  #innerAt = -1;
  #innerLength = 0;
  #innerCaptured = 0;
  #prefix = 0;
  /** What lies behind it. */
  #paddingLength = 0;
  #paddingCaptured = 0;
  #headerLength = 0;

  /** Takes the record whose header, read from `record`, is `header`. {@link next} gives its packets. */
  begin(record: Uint8Array, header: TapHeader): void {
    const { form } = header;
    const captured = Math.min(header.capturedBytes, MAX_RECORDED_BYTES);
    const { bytes } = this;
    bytes.set(record.subarray(header.packetAt, header.packetAt + captured), RECORD_AT);
    bytes.fill(0, RECORD_AT + captured, RECORD_AT + captured + ZEROED_BYTES);
    this.#header = header;
    this.#record = record;
    this.#prefix = form === TapForm.datagram ? ENCAPSULATION_LENGTH : 0;
    const innerOffset = form === TapForm.virtio ? VIRTIO_NET_HEADER_LENGTH : this.#prefix;
    this.#innerAt = RECORD_AT + innerOffset;
    this.#innerLength = header.lengthBytes - innerOffset;
    if (form === TapForm.datagram) {
      const claimed = innerPacketLength(bytes, RECORD_AT, captured);
      if (claimed > 0 && claimed < this.#innerLength) this.#innerLength = claimed;
    }
    this.#innerCaptured = Math.min(captured - innerOffset, this.#innerLength);
    this.#paddingLength = header.lengthBytes - innerOffset - this.#innerLength;
    this.#paddingCaptured = captured - innerOffset - this.#innerCaptured;
    const isPacket = this.#innerCaptured > 0 && (form !== TapForm.datagram || this.#isIpFrame());
    const fault = isPacket ? this.#packet.parse(bytes, this.#innerAt, this.#innerLength) : InnerFault.notIp;
    this.#headerLength = fault === InnerFault.none ? this.#knownHeaderLength() : 0;
    this.segment = 0;
    this.segments =
      this.#headerLength > 0 && header.gsoSize > 0
        ? segmentCount(this.#innerLength - this.#headerLength, header.gsoSize)
        : 1;
    this.hadRemoteChecksum =
      form === TapForm.datagram && captured >= ENCAPSULATION_LENGTH && hasRemoteChecksum(bytes, RECORD_AT);
    if (!isPacket) this.#innerAt = -1;
  }

  /** Makes the next packet of the record the one in hand; false if there are no more. */
  next(): boolean {
    if (this.segment >= this.segments) return false;
    this.segment++;
    this.checksum = 'as-is';
    if (this.segments > 1) this.#cutSegment(this.segment - 1);
    else this.#takeWhole();
    if (this.#header.form === TapForm.datagram) this.#addOuterHeader();
    return true;
  }

  /** Whether the datagram says that there is an IP packet in it. */
  #isIpFrame(): boolean {
    const etherType = readEtherType(this.bytes, this.#innerAt - ETHERNET_HEADER_LENGTH);
    return etherType === EtherType.ipv4 || etherType === EtherType.ipv6;
  }

  /** Length of the IP and transport headers, 0 if they are not to be relied on or not all there. */
  #knownHeaderLength(): number {
    const packet = this.#packet;
    const transport = packet.transportHeaderLength(this.bytes);
    const length = transport === 0 ? 0 : packet.transportAt - packet.at + transport;
    return length <= this.#innerCaptured && length <= MAX_SEGMENT_HEADER_LENGTH ? length : 0;
  }

  #takeWhole(): void {
    const { bytes } = this;
    const prefix = this.#prefix;
    if (this.#innerAt === -1) {
      this.#takeWithoutPacket();
      return;
    }
    const innerAt = PACKET_AT + prefix;
    bytes.copyWithin(PACKET_AT, this.#innerAt - prefix, this.#innerAt + this.#innerCaptured + this.#paddingCaptured);
    this.#setPacket(innerAt, this.#innerLength, this.#innerCaptured);
    if (this.#headerLength > 0) this.#completeWhole(innerAt);
  }

  /** A datagram without a packet in it is shown as it is, and of anything else there is nothing to show. */
  #takeWithoutPacket(): void {
    const { lengthBytes, form } = this.#header;
    const isDatagram = form === TapForm.datagram;
    const captured = isDatagram ? this.#innerCaptured + this.#prefix : 0;
    this.bytes.copyWithin(PACKET_AT, RECORD_AT, RECORD_AT + captured);
    this.#setPacket(PACKET_AT, isDatagram ? lengthBytes : Math.max(0, this.#innerLength), captured);
    this.innerAt = -1;
    this.innerLengthBytes = this.innerCapturedBytes = 0;
  }

  #completeWhole(innerAt: number): void {
    const { bytes } = this;
    const isWhole = this.#innerCaptured === this.#innerLength;
    if (this.#header.form === TapForm.virtio) {
      if ((readVirtioFlags(bytes, RECORD_AT) & VirtioFlag.needsChecksum) === 0) return;
      if (isWhole) {
        const start = readChecksumStart(bytes, RECORD_AT);
        const field = start + readChecksumOffset(bytes, RECORD_AT);
        const isDone = completeChecksumAt(bytes, innerAt, this.#innerLength, this.#packet.protocol, start, field);
        this.checksum = isDone ? 'completed' : 'as-is';
      } else this.checksum = 'unverified';
      return;
    }
    if (this.#header.form === TapForm.inner) return;
    if (!isWhole) {
      if (this.hadRemoteChecksum) this.checksum = 'unverified';
      return;
    }
    this.#packet.parse(bytes, innerAt, this.#innerLength);
    const wasPartial = completeIfPartial(bytes, this.#packet);
    if (wasPartial) this.checksum = 'completed';
    if (this.hadRemoteChecksum && wasPartial) clearRemoteChecksum(bytes, innerAt - ENCAPSULATION_LENGTH);
  }

  #cutSegment(index: number): void {
    const { bytes } = this;
    const packet = this.#packet;
    const headerLength = this.#headerLength;
    const { gsoSize } = this.#header;
    const prefix = this.#prefix;
    const offset = index * gsoSize;
    const payloadLength = Math.min(gsoSize, this.#innerLength - headerLength - offset);
    const captured = Math.max(0, Math.min(payloadLength, this.#innerCaptured - headerLength - offset));
    const innerAt = PACKET_AT + prefix;
    const from = this.#innerAt;
    bytes.copyWithin(PACKET_AT, from - prefix, from + headerLength);
    bytes.copyWithin(innerAt + headerLength, from + headerLength + offset, from + headerLength + offset + captured);
    packet.parse(bytes, from, this.#innerLength);
    writeIpHeader(bytes, packet, innerAt, headerLength + payloadLength, index);
    const transportAt = innerAt + packet.transportAt - packet.at;
    const transportLength = innerAt + headerLength - transportAt;
    if (packet.protocol === IpProtocol.tcp) {
      writeTcpHeader(bytes, transportAt, offset, index === 0, index === this.segments - 1);
    } else writeUdpLength(bytes, transportAt, transportLength + payloadLength);
    const isWhole = captured === payloadLength;
    const payloadAt = innerAt + headerLength;
    writeTransportChecksum(bytes, packet, innerAt, transportAt, transportLength, payloadAt, payloadLength, !isWhole);
    this.checksum = isWhole ? 'completed' : 'unverified';
    this.#setPacket(innerAt, headerLength + payloadLength, headerLength + captured);
    if (this.hadRemoteChecksum && isWhole) clearRemoteChecksum(bytes, innerAt - ENCAPSULATION_LENGTH);
  }

  #setPacket(innerAt: number, lengthBytes: number, capturedBytes: number): void {
    this.innerAt = innerAt;
    this.innerLengthBytes = lengthBytes;
    this.innerCapturedBytes = capturedBytes;
    this.at = innerAt;
    this.lengthBytes = lengthBytes;
    this.capturedBytes = capturedBytes;
  }

  #addOuterHeader(): void {
    const header = this.#header;
    const hasInner = this.innerAt !== -1;
    const prefix = hasInner ? this.#prefix : 0;
    const isWhole = hasInner && this.segments === 1;
    const lengthBytes = prefix + this.lengthBytes + (isWhole ? this.#paddingLength : 0);
    const captured = prefix + this.capturedBytes + (isWhole ? this.#paddingCaptured : 0);
    this.at = writeOuterHeader(header, this.#record, lengthBytes, captured, this.bytes, this.at - prefix);
    const outerLength = outerHeaderLength(header.family);
    this.lengthBytes = outerLength + lengthBytes;
    this.capturedBytes = outerLength + captured;
  }
}
