/**
 * Passes on what one peer has for another, because the underlay has no way between the two: one hop, and never a second.
 *
 *     A ──> B    inner Ethernet header: to C, from A            judged here, at B
 *     B ──> C    the same datagram, its hop limit one lower     judged at C, by `origin.ts`
 *
 * Nothing on the wire says "relayed": an inner frame for another station does, as on any Ethernet. Hence what comes to a relay
 * under another MAC address than its sender's was relayed before, and is dropped. And hence only nodes of the cluster may ask: a
 * static peer that floods what it has no forwarding entry for means nobody by it.
 *
 * The payload is passed on as it is, in place: neither copied nor changed, the VXLAN header with its flags included. The outer
 * header keeps its traffic class, with the congestion that the first hop marked. Datagrams that the kernel had joined (`UDP_GRO`)
 * are neighbours of one length in the batch, so that they leave as one again (`UDP_SEGMENT`); path probes leave alone.
 *
 *     take -> batch -> sent | failed
 */
import {
  ETHERNET_DESTINATION_OFFSET,
  ETHERNET_SOURCE_OFFSET,
  EtherType,
  isGroupFrame,
  readEtherType,
} from '../wire/ethernet.ts';
import { IPV6_DESTINATION_OFFSET, IPV6_MIN_MTU } from '../wire/ipv6.ts';
import { isLinkLocalAddress } from '../wire/link-local-address.ts';
import { VXLAN_HEADER_LENGTH } from '../wire/vxlan.ts';
import type { Counters } from './counters.ts';
import { DropReason } from './drop-reason.ts';
import { ENCAPSULATION_LENGTH, OVERHEAD_BYTES } from './encapsulation.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import { flowHash } from './flow-hash.ts';
import { Hook } from './hook.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { InnerFault, InnerPacket } from './inner-packet.ts';
import { MAX_PACKETS_PER_DATAGRAM } from './joined-datagrams.ts';
import type { PeerCounters } from './peer-counters.ts';
import { looksLikeProbe } from './probe-frame.ts';
import type { Taps } from './taps.ts';
import { DatagramOwner, type TransmitBatch } from './transmit-batch.ts';

/** Hop limit of what is relayed, at the edge: one below the default of hosts (RFC 1700). */
export const RELAYED_HOP_LIMIT = 63;

export interface RelayOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  readonly forwarding: ForwardingReader;
  readonly counters: Counters;
  readonly peerCounters: PeerCounters;
  /** Room for at least {@link MAX_PACKETS_PER_DATAGRAM} datagrams of one piece; nobody else puts anything into it. */
  readonly batch: TransmitBatch;
  /** How many sending sockets flows are spread over. */
  readonly sendingSockets: number;
  /** Whether the edge can fragment outer packets, and shall, where IPv6 needs it. */
  readonly outerFragmentation: boolean;
  /** Where captures look. Without it, there are none. */
  readonly taps?: Taps;
  /** Remembers what became of packets. Without it, nobody does. */
  readonly recorder?: FlightRecorder | undefined;
}

/** One worker's way across. Nothing here throws for any bytes, and nothing allocates. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #memory: Uint8Array;
  readonly #forwarding: ForwardingReader;
  readonly #batch: TransmitBatch;
  readonly #packet = new InnerPacket();
  /** Of the datagram in hand: whether its outer packet is to be fragmented. */
  #outerFragments = false;

  /** @throws RangeError if the batch cannot take the most packets that one datagram can hold. */
  constructor(options: RelayOptions) {
    const { batch } = options;
    if (Math.min(batch.maxDatagrams, batch.maxPieces) < MAX_PACKETS_PER_DATAGRAM) {
      throw new RangeError(`a batch of ${batch.maxDatagrams} datagrams is below ${MAX_PACKETS_PER_DATAGRAM}`);
    }
    this.#options = options;
    this.#memory = options.memory;
    this.#forwarding = options.forwarding;
    this.#batch = batch;
  }

  /** Whether the batch holds anything. */
  get isFilled(): boolean {
    return this.#batch.datagramCount > 0;
  }

  /** Whether another datagram, with whatever was joined to it, may be taken. If not, send the batch and {@link clear} it. */
  get hasRoom(): boolean {
    return this.#batch.datagramCount + MAX_PACKETS_PER_DATAGRAM <= this.#batch.maxDatagrams;
  }

  /**
   * Puts a datagram of `sender`, whose inner frame is for another station than this node, into the batch, or says why it must
   * not be passed on. Its encapsulation was found good up to there. Its bytes belong to the batch until {@link clear}.
   *
   * @param senderAt where the sender's underlay address lies in the memory.
   * @param trafficClass of the outer header: DSCP and ECN.
   * @param marks of the datagram, see `Taps`.
   */
  take(
    at: number,
    lengthBytes: number,
    sender: number,
    senderFamily: 4 | 6,
    senderAt: number,
    trafficClass: number,
    marks = 0,
  ): DropReason | -1 {
    const ethernetAt = at + VXLAN_HEADER_LENGTH;
    const target = this.#forwarding.peerByMac(this.#memory, ethernetAt + ETHERNET_DESTINATION_OFFSET);
    const reason = this.#judge(ethernetAt, lengthBytes, target, sender, senderFamily, senderAt);
    if (reason !== -1) return reason;
    const batch = this.#batch;
    const datagram = batch.datagramCount;
    const innerBytes = lengthBytes - ENCAPSULATION_LENGTH;
    batch.datagram(DatagramOwner.relay, target, this.#socketFor(at, lengthBytes), innerBytes);
    batch.piece(at, lengthBytes);
    batch.accountPeer[datagram] = sender;
    batch.trafficClass[datagram] = trafficClass;
    batch.isAlone[datagram] = looksLikeProbe(this.#memory, at, lengthBytes) ? 1 : 0;
    batch.marks[datagram] = marks;
    if (this.#outerFragments) {
      const overheadBytes = OVERHEAD_BYTES[this.#forwarding.endpointFamily(target)];
      batch.outerFragmentBytes[datagram] = this.#forwarding.mtuOf(target) + overheadBytes;
    }
    const innerAt = at + ENCAPSULATION_LENGTH;
    this.#options.recorder?.forwarded(Hook.relay, 1, target, innerAt, innerBytes, 1, 0);
    return -1;
  }

  /** Datagram `datagram` of the batch has left. To be called once per datagram, or {@link failed}. */
  sent(datagram: number): void {
    const { counters, peerCounters } = this.#options;
    const batch = this.#batch;
    const lengthBytes = batch.innerLengthBytes[datagram]!;
    counters.ingressRelayed(1, lengthBytes, batch.accountPeer[datagram]!);
    peerCounters.sent(batch.peer[datagram]!, 1, lengthBytes);
    if (batch.outerFragmentBytes[datagram]! > 0) counters.outerFragmented();
    if (batch.marks[datagram] !== 0) this.#record(Hook.relay, datagram, -1);
  }

  /** The datagram could not be sent. */
  failed(datagram: number, reason: DropReason): void {
    this.#options.counters.ingressFailed(1, reason, this.#batch.accountPeer[datagram]!);
    this.#options.recorder?.unsent(this.#batch, datagram, 1, reason);
    if (this.#batch.marks[datagram] !== 0) this.#record(Hook.drop, datagram, reason);
  }

  /** Forgets the batch. Each of its datagrams was reported before: one that was not stays `queued` in the accounts. */
  clear(): void {
    this.#batch.clear();
  }

  #record(hook: Hook, datagram: number, reason: DropReason | -1): void {
    this.#options.taps!.recordDatagram(hook, this.#forwarding, this.#batch, datagram, 1, RELAYED_HOP_LIMIT, reason);
  }

  #judge(
    ethernetAt: number,
    lengthBytes: number,
    target: number,
    sender: number,
    senderFamily: 4 | 6,
    senderAt: number,
  ): DropReason | -1 {
    const memory = this.#memory;
    const forwarding = this.#forwarding;
    const asker = this.#askerAt(sender, senderFamily, senderAt, ethernetAt + ETHERNET_SOURCE_OFFSET);
    if (!forwarding.mayAskRelay(asker === -1 ? sender : asker)) return DropReason.innerWrongMac;
    const isOwn = asker !== -1;
    if (target === -1) {
      const isMeant = forwarding.relays && isOwn && !isGroupFrame(memory, ethernetAt);
      return isMeant ? DropReason.relayTargetUnknown : DropReason.innerWrongMac;
    }
    if (!forwarding.relays) return DropReason.relayOff;
    if (!isOwn) return DropReason.relayedTwice;
    // Back to where it came from: whoever needs no way there.
    if (forwarding.hasMac(target, memory, ethernetAt + ETHERNET_SOURCE_OFFSET)) return DropReason.innerWrongMac;
    if (forwarding.isRelayed(target)) return DropReason.relayTargetUnreachable;
    const innerBytes = lengthBytes - ENCAPSULATION_LENGTH;
    this.#outerFragments = innerBytes > forwarding.mtuOf(target);
    if (!this.#outerFragments || this.#mustPass(ethernetAt, innerBytes)) return -1;
    return DropReason.relayTooBig;
  }

  /** Whose MAC address is at `sourceAt`: `sender`, or another peer with the same underlay address; -1: it is none of these. */
  #askerAt(sender: number, senderFamily: 4 | 6, senderAt: number, sourceAt: number): number {
    if (this.#forwarding.hasMac(sender, this.#memory, sourceAt)) return sender;
    const source = this.#forwarding.peerByMac(this.#memory, sourceAt);
    if (source === -1 || this.#forwarding.peerHasAddress(source, this.#memory, senderAt, senderFamily)) return source;
    return -1;
  }

  /** Whether a packet too big for its path is one that IPv6 demands to be carried. Path probes, which measure it, are not. */
  #mustPass(ethernetAt: number, innerBytes: number): boolean {
    if (!this.#options.outerFragmentation || innerBytes > IPV6_MIN_MTU) return false;
    if (readEtherType(this.#memory, ethernetAt) !== EtherType.ipv6) return false;
    const ipAt = ethernetAt + ENCAPSULATION_LENGTH - VXLAN_HEADER_LENGTH;
    return !isLinkLocalAddress(this.#memory, ipAt + IPV6_DESTINATION_OFFSET);
  }

  /** The same as at the sender, so that neighbours stay neighbours. What is no packet goes as well: its target will say so. */
  #socketFor(at: number, lengthBytes: number): number {
    const packet = this.#packet;
    const fault = packet.parse(this.#memory, at + ENCAPSULATION_LENGTH, lengthBytes - ENCAPSULATION_LENGTH);
    return fault === InnerFault.none ? flowHash(this.#memory, packet) % this.#options.sendingSockets : 0;
  }
}
