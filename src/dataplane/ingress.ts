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
import { ETHERNET_DESTINATION_OFFSET, ETHERNET_HEADER_LENGTH, EtherType, readEtherType } from '../wire/ethernet.ts';
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
import type { FlightRecorder } from './flight-recorder.ts';
import { lengthWithoutPadding } from './frame-padding.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { type FaultInjection, HELD } from './fault-injection.ts';
import type { IngressOptions } from './ingress-options.ts';
import { IngressTaps } from './ingress-taps.ts';
import { ChecksumState, judgeChecksum, makeChecksumPartial } from './inner-checksum.ts';
import { checksumReason, ingressFaultReason } from './inner-fault-reason.ts';
import { InnerFault, InnerPacket } from './inner-packet.ts';
import { MAX_PACKETS_PER_DATAGRAM, joinedDatagrams } from './joined-datagrams.ts';
import { judgeOrigin, mayHaveRemoteChecksum } from './origin.ts';
import type { Relay } from './relay.ts';
import { clampSegmentSize } from './segment-size.ts';
import { segmentCount } from './super-packet.ts';
import { takeOverCongestion } from './traffic-class.ts';

// What a batch must be like for `Ingress`, said where it is needed.
export { MAX_PACKETS_PER_DATAGRAM } from './joined-datagrams.ts';

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
  readonly #taps: IngressTaps;
  readonly #recorder: FlightRecorder | undefined;
  readonly #faults: FaultInjection | undefined;
  /** Of the datagram in hand: who sent it. */
  #sender = -1;
  /** Of the datagram in hand: in whose account it is, 0 for a stranger. */
  #accountPeer = 0;
  #senderFamily: 4 | 6 = 4;
  #senderAt = 0;
  #trafficClass = 0;
  /** Of the packet in hand: how many segments it stands for. */
  #segments = 1;
  /** Of the packet in hand: the payload of each segment, 0 if it is no super-packet. */
  #gsoSize = 0;
  /** Of the packet in hand: length of its IP and transport headers. */
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
    this.#faults = options.faults;
    this.#recorder = options.recorder;
    this.#taps = new IngressTaps(options.taps, options.memory, batch, options.overlayMtuBytes);
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
   * @param senderPort from where the sender sent it; 0 if nobody knows.
   */
  push(
    at: number,
    lengthBytes: number,
    groSizeBytes: number,
    senderFamily: 4 | 6,
    senderAt: number,
    trafficClass: number,
    senderPort = 0,
  ): void {
    this.#trafficClass = trafficClass;
    this.#sender = this.#forwarding.peerBySender(this.#memory, senderAt, senderFamily);
    this.#accountPeer = Math.max(0, this.#sender);
    this.#senderFamily = senderFamily;
    this.#senderAt = senderAt;
    this.#faults?.sender(this.#accountPeer, senderFamily, senderAt, senderPort, trafficClass);
    if (this.#taps.isOn) this.#taps.sender(this.#sender, senderFamily, senderAt, senderPort, trafficClass);
    const count = joinedDatagrams(this.#memory, at, lengthBytes, groSizeBytes);
    if (count === 1) {
      this.#take(at, lengthBytes, groSizeBytes);
      return;
    }
    if (count > MAX_PACKETS_PER_DATAGRAM) {
      const packetBytes = Math.max(0, lengthBytes - count * ENCAPSULATION_LENGTH);
      this.#counters.ingressReceived(count, packetBytes, this.#accountPeer);
      this.#counters.drop(DropReason.datagramMalformedGro, count, this.#accountPeer);
      this.#recorder?.refused(this.#accountPeer, at, lengthBytes, count, 0, DropReason.datagramMalformedGro);
      if (this.#taps.isOn) this.#taps.unreadable(at, lengthBytes, count, DropReason.datagramMalformedGro);
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
    const { innerPackets, innerBytes, peer } = this.#batch;
    this.#counters.ingressDelivered(innerPackets[packet]!, innerBytes[packet]!, peer[packet]!);
    this.#recorder?.delivered(this.#batch, packet, 1);
    if (this.#batch.marks[packet] !== 0) this.#taps.delivered(packet);
  }

  /** Packet `packet` of the batch could not be written. */
  failed(packet: number, reason: DropReason): void {
    this.#counters.ingressFailed(this.#batch.innerPackets[packet]!, reason, this.#batch.peer[packet]!);
    this.#recorder?.undelivered(this.#batch, packet, 1, reason);
    if (this.#batch.marks[packet] !== 0) this.#taps.failed(packet, reason);
  }

  /** Forgets the batch. Each of its packets was reported before: one that was not stays `queued` in the accounts. */
  clear(): void {
    this.#batch.clear();
  }

  /** Takes one VXLAN datagram. `groSize`, if not 0, is what a UDP super-packet in it is made of. */
  #take(at: number, paddedBytes: number, groSize: number): void {
    const lengthBytes = lengthWithoutPadding(this.#memory, at, paddedBytes);
    const fault = this.#faults?.judgesIncoming === true ? this.#faults.take(at, paddedBytes, groSize) : -1;
    if (fault === HELD) return;
    const marks = this.#taps.isOn ? this.#taps.fromUnderlay(at, paddedBytes, lengthBytes, groSize) : 0;
    this.#segments = 1;
    this.#gsoSize = 0;
    this.#headerLength = 0;
    let reason = fault === -1 ? this.#judgeEncapsulation(at, lengthBytes) : fault;
    if (reason === DropReason.innerWrongMac && this.#relay !== undefined) {
      this.#passOn(this.#relay, at, paddedBytes, marks);
      return;
    }
    if (reason === -1 && this.#probes?.take(at, lengthBytes, this.#sender) === true) {
      if (marks !== 0) this.#taps.consumed(marks, at + ENCAPSULATION_LENGTH, lengthBytes - ENCAPSULATION_LENGTH);
      return;
    }
    if (reason === -1) reason = this.#judgePacket(at, lengthBytes, groSize);
    const segments = this.#segments;
    const packetBytes = Math.max(0, lengthBytes - ENCAPSULATION_LENGTH) + (segments - 1) * this.#headerLength;
    this.#counters.ingressReceived(segments, packetBytes, this.#accountPeer);
    if (marks !== 0) this.#taps.settled(segments, this.#gsoSize, this.#headerLength);
    if (reason !== -1) {
      this.#counters.drop(reason, segments, this.#accountPeer);
      this.#recorder?.refused(this.#accountPeer, at, lengthBytes, segments, this.#gsoSize, reason);
      if (marks !== 0) this.#taps.dropped(marks, reason);
      return;
    }
    this.#counters.ingressQueued(segments);
    if (marks !== 0) this.#taps.decapsulated(marks, this.#packet, this.#isPartial);
    const slot = this.#slot;
    if (slot !== -1) {
      if (segments > 1) this.#coalescer.flushFor(slot);
      else if (this.#coalescer.take(slot, this.#packet, this.#sender, this.#isPartial, marks)) return;
    }
    this.#deliver(packetBytes, marks);
  }

  /** Takes a datagram whose inner frame is for another station. */
  #passOn(relay: Relay, at: number, lengthBytes: number, marks: number): void {
    this.#counters.ingressReceived(1, lengthBytes - ENCAPSULATION_LENGTH, this.#accountPeer);
    if (marks !== 0) this.#taps.settled(1, 0, 0);
    const family = this.#senderFamily;
    const reason = relay.take(at, lengthBytes, this.#sender, family, this.#senderAt, this.#trafficClass, marks);
    if (reason === -1) {
      this.#counters.ingressQueued(1);
      return;
    }
    this.#counters.drop(reason, 1, this.#accountPeer);
    this.#recorder?.refused(this.#accountPeer, at, lengthBytes, 1, 0, reason);
    if (marks !== 0) this.#taps.dropped(marks, reason);
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
    if (fault !== InnerFault.none) return ingressFaultReason[fault];
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
  #deliver(innerBytes: number, marks: number): void {
    const memory = this.#memory;
    const packet = this.#packet;
    const virtioAt = packet.at - VIRTIO_NET_HEADER_LENGTH;
    // The kernel takes a super-packet only with a partial checksum. A complete one was verified a moment ago; UDP over
    // IPv4 that had none gets one.
    if (this.#gsoSize > 0 && !this.#isPartial) makeChecksumPartial(memory, packet);
    const isPartial = this.#gsoSize > 0 || this.#isPartial;
    encodeDeliveryHeader(packet, this.#gsoSize, this.#headerLength, isPartial, memory, virtioAt);
    this.#batch.packet(this.#segments, packet.lengthBytes, innerBytes, this.#accountPeer, marks);
    this.#batch.piece(virtioAt, VIRTIO_NET_HEADER_LENGTH + packet.lengthBytes);
  }
}
