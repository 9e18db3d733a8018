/**
 * From the underlay to the TUN device: datagrams become packets in a batch, or are dropped for a reason.
 *
 *     push -> split -> VXLAN -> sender -> Ethernet -> parse -> source -> destination -> checksum -> ECN -> coalesce
 *     batch -> delivered | failed           └──> Relay: for another peer
 *
 * A datagram is one inner packet, possibly a super-packet far above any MTU (a Linux `vxlan` device on the other side of a
 * veth sends such, without saying so), or several datagrams that the kernel joined (`UDP_GRO`). See `joinedDatagrams`.
 *
 * The virtio-net header is written over the inner Ethernet header, so that it and the packet are one piece.
 */
import {
  ETHERNET_DESTINATION_OFFSET,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_MIN_PAYLOAD_LENGTH,
  EtherType,
  readEtherType,
} from '../wire/ethernet.ts';
import { IpProtocol } from '../wire/ip.ts';
import { verifyIpv4HeaderChecksum } from '../wire/ipv4.ts';
import { VIRTIO_NET_HEADER_LENGTH } from '../wire/virtio-net.ts';
import { VXLAN_HEADER_LENGTH, hasRemoteChecksum, readVni } from '../wire/vxlan.ts';
import { Coalescer } from './coalescing.ts';
import type { Counters } from './counters.ts';
import type { DeliveryBatch } from './delivery-batch.ts';
import { encodeDeliveryHeader } from './delivery-header.ts';
import { DropReason } from './drop-reason.ts';
import { ENCAPSULATION_LENGTH, announcesChecksumOf } from './encapsulation.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { ChecksumState, judgeChecksum, makeChecksumPartial } from './inner-checksum.ts';
import { InnerFault, InnerPacket } from './inner-packet.ts';
import { MAX_PACKETS_PER_DATAGRAM, innerPacketLength, joinedDatagrams } from './joined-datagrams.ts';
import { judgeOrigin, mayHaveRemoteChecksum } from './origin.ts';
import type { Relay } from './relay.ts';
import { clampSegmentSize } from './segment-size.ts';
import { segmentCount } from './super-packet.ts';
import { takeOverCongestion } from './traffic-class.ts';

// What a batch must be like for `Ingress`, said where it is needed.
export { MAX_PACKETS_PER_DATAGRAM } from './joined-datagrams.ts';

export interface IngressOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  readonly forwarding: ForwardingReader;
  readonly counters: Counters;
  /** Room for at least {@link MAX_PACKETS_PER_DATAGRAM} packets; a multiple of it allows batches. */
  readonly batch: DeliveryBatch;
  readonly vni: number;
  /** Takes path probes, which are for the node and not for its pods. Without it they are dropped as any forged packet. */
  readonly probes?: { take(at: number, lengthBytes: number, sender: number): boolean };
  /** Takes what is for another peer. Without it that is dropped. */
  readonly relay?: Relay;
  /** MTU of the TUN device: longer TCP packets are handed over as super-packets with segments of this size. */
  readonly overlayMtuBytes: number;
  /** What is put together to super-packets: TCP segments, and UDP datagrams, which needs Linux 6.2. */
  readonly coalescing: { readonly tcp: boolean; readonly udp: boolean };
  /** Whether congestion that the underlay marked (ECN) is told to the pod. */
  readonly ecn: boolean;
}

/** One worker's way in. Nothing here throws for any bytes, and nothing allocates. */
export class Ingress {
  readonly #memory: Uint8Array;
  readonly #forwarding: ForwardingReader;
  readonly #counters: Counters;
  readonly #batch: DeliveryBatch;
  readonly #vni: number;
  readonly #probes: IngressOptions['probes'];
  readonly #relay: Relay | undefined;
  readonly #overlayMtuBytes: number;
  readonly #packet = new InnerPacket();
  readonly #coalescer: Coalescer;
  readonly #ecn: boolean;
  /** Of the datagram in hand: who sent it. */
  #sender = -1;
  #senderFamily: 4 | 6 = 4;
  #senderAt = 0;
  #trafficClass = 0;
  /** Of the packet in hand: how many segments it stands for, */
  #segments = 1;
  /** the payload of each, 0 if it is no super-packet, */
  #gsoSize = 0;
  /** and the length of its IP and transport headers. */
  #headerLength = 0;
  /** Of the packet in hand: where its flow is coalesced, -1 if it is not. */
  #slot = -1;
  /** Of the packet in hand: whether its checksum is left to the kernel. */
  #isPartial = false;

  /** @throws RangeError if the batch cannot take the most packets that one datagram can hold. */
  constructor(options: IngressOptions) {
    const { batch } = options;
    if (Math.min(batch.maxPackets, batch.maxPieces) < MAX_PACKETS_PER_DATAGRAM) {
      throw new RangeError(`a batch of ${batch.maxPackets} packets is below ${MAX_PACKETS_PER_DATAGRAM}`);
    }
    this.#memory = options.memory;
    this.#forwarding = options.forwarding;
    this.#counters = options.counters;
    this.#batch = batch;
    this.#vni = options.vni;
    this.#probes = options.probes;
    this.#relay = options.relay;
    this.#overlayMtuBytes = options.overlayMtuBytes;
    this.#coalescer = new Coalescer({ memory: options.memory, batch, ...options.coalescing });
    this.#ecn = options.ecn;
  }

  /**
   * Whether another datagram, whatever is in it, may be pushed. If not, {@link flush}, write the batch and {@link clear}
   * it, and send what is to be relayed.
   */
  hasRoom(): boolean {
    const batch = this.#batch;
    const { openCount, heldPieces } = this.#coalescer;
    return (
      this.#relay?.hasRoom !== false &&
      batch.packetCount + openCount + MAX_PACKETS_PER_DATAGRAM <= batch.maxPackets &&
      batch.pieceCount + heldPieces + MAX_PACKETS_PER_DATAGRAM <= batch.maxPieces
    );
  }

  /**
   * Takes one received UDP payload: `lengthBytes` bytes at `at`, which belong to the batch until {@link clear} and are
   * partly overwritten.
   *
   * @param groSizeBytes what the kernel said beside it (`UDP_GRO`), or 0.
   * @param senderAt where the sender's address lies in the memory: 4 or 16 bytes, by `senderFamily`.
   * @param trafficClass of the outer header: DSCP and ECN.
   */
  push(
    at: number,
    lengthBytes: number,
    groSizeBytes: number,
    senderFamily: 4 | 6,
    senderAt: number,
    trafficClass: number,
  ): void {
    this.#trafficClass = trafficClass;
    this.#sender = this.#forwarding.peerBySender(this.#memory, senderAt, senderFamily);
    this.#senderFamily = senderFamily;
    this.#senderAt = senderAt;
    const count = joinedDatagrams(this.#memory, at, lengthBytes, groSizeBytes);
    if (count === 1) {
      this.#take(at, lengthBytes, groSizeBytes);
      return;
    }
    if (count > MAX_PACKETS_PER_DATAGRAM) {
      this.#counters.ingressReceived(count, Math.max(0, lengthBytes - count * ENCAPSULATION_LENGTH));
      this.#counters.drop(DropReason.datagramMalformedGro, count);
      return;
    }
    const end = at + lengthBytes;
    for (let next = at; next < end; next += groSizeBytes) this.#take(next, Math.min(groSizeBytes, end - next), 0);
  }

  /** Puts what is held to be coalesced into the batch. To be called before the batch is written. */
  flush(): void {
    this.#coalescer.flush();
  }

  /** Packet `packet` of the batch was written. To be called once per packet, or {@link failed}. */
  delivered(packet: number): void {
    this.#counters.ingressDelivered(this.#batch.innerPackets[packet]!, this.#batch.innerBytes[packet]!);
  }

  /** Packet `packet` of the batch could not be written. */
  failed(packet: number, reason: DropReason): void {
    this.#counters.ingressFailed(this.#batch.innerPackets[packet]!, reason);
  }

  /** Forgets the batch. Each of its packets was reported before: one that was not stays `queued` in the accounts. */
  clear(): void {
    this.#batch.clear();
  }

  /** Takes one VXLAN datagram. `groSize`, if not 0, is what a UDP super-packet in it is made of. */
  #take(at: number, paddedBytes: number, groSize: number): void {
    const lengthBytes = this.#withoutPadding(at, paddedBytes);
    this.#segments = 1;
    this.#gsoSize = 0;
    this.#headerLength = 0;
    let reason = this.#judgeEncapsulation(at, lengthBytes);
    if (reason === DropReason.innerWrongMac && this.#relay !== undefined) {
      this.#passOn(this.#relay, at, paddedBytes);
      return;
    }
    if (reason === -1 && this.#probes?.take(at, lengthBytes, this.#sender) === true) return;
    if (reason === -1) reason = this.#judgePacket(at, lengthBytes, groSize);
    const segments = this.#segments;
    const packetBytes = Math.max(0, lengthBytes - ENCAPSULATION_LENGTH) + (segments - 1) * this.#headerLength;
    this.#counters.ingressReceived(segments, packetBytes);
    if (reason !== -1) {
      this.#counters.drop(reason, segments);
      return;
    }
    this.#counters.ingressQueued(segments);
    const slot = this.#slot;
    if (slot !== -1) {
      if (segments > 1) this.#coalescer.flushFor(slot);
      else if (this.#coalescer.take(slot, this.#packet, this.#sender, this.#isPartial)) return;
    }
    this.#deliver(packetBytes);
  }

  /** Takes a datagram whose inner frame is for another station. */
  #passOn(relay: Relay, at: number, lengthBytes: number): void {
    this.#counters.ingressReceived(1, lengthBytes - ENCAPSULATION_LENGTH);
    const reason = relay.take(at, lengthBytes, this.#sender, this.#senderFamily, this.#senderAt, this.#trafficClass);
    if (reason === -1) this.#counters.ingressQueued(1);
    else this.#counters.drop(reason, 1);
  }

  /** Length of a datagram without what filled the inner frame up to the least that Ethernet carries. */
  #withoutPadding(at: number, lengthBytes: number): number {
    if (lengthBytes !== ENCAPSULATION_LENGTH + ETHERNET_MIN_PAYLOAD_LENGTH) return lengthBytes;
    const innerBytes = innerPacketLength(this.#memory, at, lengthBytes);
    return innerBytes > 0 && innerBytes < ETHERNET_MIN_PAYLOAD_LENGTH ? ENCAPSULATION_LENGTH + innerBytes : lengthBytes;
  }

  #judgeEncapsulation(at: number, lengthBytes: number): DropReason | -1 {
    const memory = this.#memory;
    if (lengthBytes < VXLAN_HEADER_LENGTH) return DropReason.vxlanTruncated;
    const vni = readVni(memory, at);
    if (vni === -1) return DropReason.vxlanNoVni;
    if (vni !== this.#vni) return DropReason.vxlanWrongVni;
    if (this.#sender === -1) return DropReason.unknownSender;
    if (lengthBytes < ENCAPSULATION_LENGTH) return DropReason.innerEthernetTruncated;
    const ethernetAt = at + VXLAN_HEADER_LENGTH;
    if (hasRemoteChecksum(memory, at) && !this.#forwarding.hasRemoteChecksum(this.#sender)) {
      const isAgreed = mayHaveRemoteChecksum(this.#forwarding, memory, ethernetAt, this.#sender);
      if (!isAgreed) return DropReason.remoteChecksumNotAgreed;
    }
    const etherType = readEtherType(memory, ethernetAt);
    if (etherType !== EtherType.ipv4 && etherType !== EtherType.ipv6) return DropReason.innerEthertype;
    const isOurs = this.#forwarding.hasMac(0, memory, ethernetAt + ETHERNET_DESTINATION_OFFSET);
    return isOurs ? -1 : DropReason.innerWrongMac;
  }

  #judgePacket(at: number, lengthBytes: number, groSize: number): DropReason | -1 {
    const memory = this.#memory;
    const packet = this.#packet;
    const fault = packet.parse(memory, at + ENCAPSULATION_LENGTH, lengthBytes - ENCAPSULATION_LENGTH);
    if (fault !== InnerFault.none) return faultReason[fault];
    const { family } = packet;
    const etherType = readEtherType(memory, packet.at - ETHERNET_HEADER_LENGTH);
    if (etherType !== (family === 4 ? EtherType.ipv4 : EtherType.ipv6)) return DropReason.innerNotIp;
    this.#recogniseSuperPacket(groSize);
    if (family === 4 && !verifyIpv4HeaderChecksum(memory, packet.at)) return DropReason.innerBadIpChecksum;
    // Whose flow is being coalesced was found good with the packet before, and routes are the same all through a batch.
    this.#slot = this.#coalescer.slotOf(packet);
    let way = this.#sender;
    if (!this.#coalescer.isOpenFor(this.#slot, packet, this.#sender)) {
      way = this.#forwarding.lookup(memory, packet.sourceAt, family);
      const reason = way === this.#sender ? -1 : this.#judgeOrigin(at, way);
      if (reason !== -1) return reason;
      if (this.#forwarding.lookup(memory, packet.destinationAt, family) !== 0) return DropReason.destinationNotOurs;
    }
    const state = judgeChecksum(memory, packet);
    this.#isPartial = state === ChecksumState.partial;
    if (hasRemoteChecksum(memory, at) && (!this.#isPartial || !announcesChecksumOf(packet, memory, at))) {
      return DropReason.remoteChecksumMismatch;
    }
    // What the peer announces is what pods of this node will send; not every peer lowers it itself.
    clampSegmentSize(memory, packet, this.#forwarding.mtuOf(way), this.#isPartial);
    if (checksumReason[state] !== -1) return checksumReason[state];
    const isTold = !this.#ecn || takeOverCongestion(memory, packet, this.#trafficClass);
    return isTold ? -1 : DropReason.congestionNotExpected;
  }

  #judgeOrigin(at: number, way: number): DropReason | -1 {
    const ethernetAt = at + VXLAN_HEADER_LENGTH;
    const family = this.#senderFamily;
    return judgeOrigin(this.#forwarding, this.#memory, ethernetAt, way, this.#sender, family, this.#senderAt);
  }

  /**
   * TCP above the MTU, and UDP that came with a size, is handed over as a super-packet. What else is above the MTU goes as
   * it is: forwarding it to the pod, the kernel fragments it or answers "fragmentation needed".
   */
  #recogniseSuperPacket(groSize: number): void {
    const packet = this.#packet;
    const isTcp = packet.protocol === IpProtocol.tcp;
    if (isTcp ? packet.lengthBytes <= this.#overlayMtuBytes : groSize === 0) return;
    const transportHeaderLength = packet.transportHeaderLength(this.#memory);
    if (transportHeaderLength === 0) return;
    const headerLength = packet.transportAt - packet.at + transportHeaderLength;
    // Any size up to the pod's MSS will do for TCP, and the MTU stands for that.
    const gsoSize = isTcp ? this.#overlayMtuBytes - headerLength : groSize;
    const payloadLength = packet.lengthBytes - headerLength;
    if (gsoSize <= 0 || payloadLength <= gsoSize) return;
    this.#headerLength = headerLength;
    this.#gsoSize = gsoSize;
    this.#segments = segmentCount(payloadLength, gsoSize);
  }

  /** Puts the packet in hand into the batch, by itself. `innerBytes` is its length after segmentation. */
  #deliver(innerBytes: number): void {
    const memory = this.#memory;
    const packet = this.#packet;
    const virtioAt = packet.at - VIRTIO_NET_HEADER_LENGTH;
    // The kernel takes a super-packet only with a partial checksum. A complete one was verified a moment ago; UDP over
    // IPv4 that had none gets one.
    if (this.#gsoSize > 0 && !this.#isPartial) makeChecksumPartial(memory, packet);
    const isPartial = this.#gsoSize > 0 || this.#isPartial;
    encodeDeliveryHeader(packet, this.#gsoSize, this.#headerLength, isPartial, memory, virtioAt);
    this.#batch.packet(this.#segments, packet.lengthBytes, innerBytes);
    this.#batch.piece(virtioAt, VIRTIO_NET_HEADER_LENGTH + packet.lengthBytes);
  }
}

/** What each fault of a packet is called in this direction. */
const faultReason: Readonly<Record<Exclude<InnerFault, typeof InnerFault.none>, DropReason>> = {
  [InnerFault.notIp]: DropReason.innerNotIp,
  [InnerFault.truncated]: DropReason.innerTruncated,
  [InnerFault.badLength]: DropReason.innerBadLength,
  [InnerFault.badExtensions]: DropReason.innerBadExtensions,
};

/** What each outcome of looking at the checksum means for the packet. */
const checksumReason: Readonly<Record<ChecksumState, DropReason | -1>> = {
  [ChecksumState.complete]: -1,
  [ChecksumState.partial]: -1,
  [ChecksumState.wrong]: DropReason.innerBadChecksum,
  [ChecksumState.missing]: DropReason.innerNoChecksum,
  [ChecksumState.truncated]: DropReason.innerTruncated,
  [ChecksumState.badLength]: DropReason.innerBadLength,
};
