/**
 * Path probes of one worker: sends what the main thread orders, answers what peers ask, and reports what comes back.
 *
 *     orders ──fill──> batch ──> underlay             underlay ──take──> request: a reply waits for the next fill
 *                                                                   └──> reply: results
 *
 * A probe is an ordinary VXLAN datagram of our VNI. Inside is UDP over IPv6 from this node's link-local address to the
 * peer's, each made from the synthetic MAC address: no pod can have such an address, and middleboxes see nothing but data.
 *
 * Through a relay it goes as data does: the order names the way, and the relay sees an inner frame for another. A reply goes back
 * the way its request came, so that the round trip, the losses and the path MTU found are those of the way that was asked about.
 *
 * In the accounts a probe that leaves is `originated` and `sent` (egress); one that came in is `received`, and `delivered` to
 * the node itself (ingress).
 */
import { finishChecksum, onesComplementSum, pseudoHeaderSum6 } from '../wire/checksum.ts';
import { MAC_ADDRESS_LENGTH } from '../wire/ethernet.ts';
import { IpProtocol, readIpVersion } from '../wire/ip.ts';
import {
  IPV6_ADDRESS_LENGTH,
  IPV6_DESTINATION_OFFSET,
  IPV6_HEADER_LENGTH,
  IPV6_SOURCE_OFFSET,
  encodeIpv6,
  readIpv6HopLimit,
  readIpv6NextHeader,
  readIpv6PayloadLength,
} from '../wire/ipv6.ts';
import { encodeLinkLocalAddress, isLinkLocalAddress } from '../wire/link-local-address.ts';
import { equalOctets } from '../wire/octets.ts';
import {
  MIN_PATH_PROBE_LENGTH,
  PATH_PROBE_LENGTH,
  PATH_PROBE_PORT,
  PathProbeKind,
  encodePathProbe,
  readPathProbeKind,
  readPathProbeSeen,
  readPathProbeSequence,
  readPathProbeSize,
  readPathProbeTime,
  writePathProbeSeen,
} from '../wire/path-probe.ts';
import {
  UDP_HEADER_LENGTH,
  encodeUdp,
  finishUdpChecksum,
  readUdpDestinationPort,
  readUdpLength,
  writeUdpChecksum,
} from '../wire/udp.ts';
import { VXLAN_HEADER_LENGTH } from '../wire/vxlan.ts';
import type { Counters } from './counters.ts';
import { DropReason } from './drop-reason.ts';
import { ENCAPSULATION_LENGTH, encodeEncapsulation } from './encapsulation.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { Hook } from './hook.ts';
import { relayedOrigin } from './origin.ts';
import { type ProbeCountsMemory, countProbe, probesSeen } from './probe-counts.ts';
import { PROBE_RECORD_WORDS, ProbeOrder, type ProbeRing, TOO_BIG } from './probe-ring.ts';
import type { Taps } from './taps.ts';
import { DatagramOwner, type TransmitBatch } from './transmit-batch.ts';

/** Smallest inner IP packet that a probe can be, in bytes: its headers, and the shortest probe. */
export const MIN_PROBE_BYTES = IPV6_HEADER_LENGTH + UDP_HEADER_LENGTH + MIN_PATH_PROBE_LENGTH;

/** Inner IP packet of a reply, in bytes. */
export const PROBE_REPLY_BYTES = IPV6_HEADER_LENGTH + UDP_HEADER_LENGTH + PATH_PROBE_LENGTH;

/** A reply that waits: the peer that asked, and the one that it is sent to, which is a relay if they are not one. */
const Reply = { origin: 0, way: 1, sizeBytes: 2, sequence: 3, sentAtUs: 4, requestsSeen: 5 } as const;
const REPLY_WORDS = 6;

/** The highest: whoever is not this node's neighbour on the tunnel could not send it (RFC 5082). */
const HOP_LIMIT = 255;

/** Probes per fill, and replies that wait for one. A turn brings some thousand datagrams at most; who asks more is flooding. */
const SLOTS = 64;
/** Encapsulation and all headers, rounded up. */
const SLOT_BYTES = 96;
const CACHE_LINE_BYTES = 64;

export interface PathProbesOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  /** {@link PathProbes.areaBytes} bytes, all zero: headers of probes and their padding. */
  readonly area: { readonly at: number; readonly lengthBytes: number };
  readonly forwarding: ForwardingReader;
  readonly counters: Counters;
  /** Empty whenever {@link PathProbes.fill} is called. */
  readonly batch: TransmitBatch;
  readonly vni: number;
  /** How many sending sockets probes are spread over: the ways that flows take through the underlay may differ. */
  readonly sendingSockets: number;
  /** Longest inner IP packet that may be ordered. */
  readonly maxProbeBytes: number;
  /** See `ProbeOrder`. */
  readonly orders: ProbeRing;
  /** See `ProbeResult`. What does not fit is lost, as if the network had lost it. */
  readonly results: ProbeRing;
  /** Requests seen, by all workers of the process. */
  readonly counts: ProbeCountsMemory;
  /** Time in microseconds, the same for all workers of the process. */
  readonly nowUs: () => number;
  /** Where captures look. Without it, there are none. */
  readonly taps?: Taps;
}

/** Nothing here throws for any bytes, and nothing allocates. */
export class PathProbes {
  readonly #options: PathProbesOptions;
  readonly #memory: Uint8Array;
  readonly #batch: TransmitBatch;
  readonly #paddingAt: number;
  readonly #scratch = new Uint8Array(MAC_ADDRESS_LENGTH + 2 * IPV6_ADDRESS_LENGTH);
  readonly #order = new Int32Array(PROBE_RECORD_WORDS);
  /** Replies to be sent: see {@link Reply}. */
  readonly #replies = new Int32Array(SLOTS * REPLY_WORDS);
  #replyCount = 0;
  /** Per datagram of the batch: its order, all 0 for a reply. */
  readonly #orders = new Int32Array(SLOTS * PROBE_RECORD_WORDS);

  /** Bytes of {@link PathProbesOptions.area}. */
  static areaBytes(maxProbeBytes: number): number {
    return SLOTS * SLOT_BYTES + Math.ceil(maxProbeBytes / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
  }

  constructor(options: PathProbesOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#batch = options.batch;
    this.#paddingAt = options.area.at + SLOTS * SLOT_BYTES;
  }

  /** Puts probes that are due into the batch. False if there are none. To be called until then. */
  fill(): boolean {
    this.#fillReplies();
    const { batch, forwarding, orders } = this.#options;
    const order = this.#order;
    while (batch.datagramCount < SLOTS && orders.take(order)) {
      const peer = order[ProbeOrder.peer]!;
      const sizeBytes = order[ProbeOrder.sizeBytes]!;
      if (sizeBytes < MIN_PROBE_BYTES || sizeBytes > this.#options.maxProbeBytes) continue;
      // The peer may have gone since the order, and nothing have taken its place in the table.
      if (forwarding.endpointPort(peer) === 0) continue;
      this.#orders.set(order, batch.datagramCount * PROBE_RECORD_WORDS);
      const sequence = order[ProbeOrder.sequence]!;
      this.#add(PathProbeKind.request, peer, peer, sizeBytes, sequence, this.#options.nowUs(), 0);
    }
    return batch.datagramCount > 0;
  }

  /** Datagram `datagram` of the batch has left. To be called once per datagram, or {@link failed}. */
  sent(datagram: number): void {
    const batch = this.#batch;
    this.#options.counters.egressSent(1, batch.innerLengthBytes[datagram]!, batch.accountPeer[datagram]!);
    if (batch.marks[datagram] !== 0) this.#record(Hook.toUnderlay, datagram, -1);
  }

  /** The datagram could not be sent. */
  failed(datagram: number, reason: DropReason): void {
    this.#options.counters.egressFailed(1, reason, this.#batch.accountPeer[datagram]!);
    if (this.#batch.marks[datagram] !== 0) this.#record(Hook.drop, datagram, reason);
    // Of what injected faults held back, the order is forgotten.
    if (this.#batch.held[datagram] !== 0) return;
    const at = datagram * PROBE_RECORD_WORDS;
    const orders = this.#orders;
    if (reason !== DropReason.datagramTooBig || orders[at + ProbeOrder.sizeBytes] === 0) return;
    const sequence = orders[at + ProbeOrder.sequence]!;
    this.#options.results.put(orders[at + ProbeOrder.peer]!, orders[at + ProbeOrder.sizeBytes]!, sequence, TOO_BIG);
  }

  /** Forgets the batch. Each of its datagrams was reported before. */
  clear(): void {
    this.#batch.clear();
  }

  /**
   * Takes a datagram from `sender`, a peer, if it is a probe of that peer, or of one for which it relays: it is dealt with and
   * counted then, and the answer is true. Its encapsulation was found good: a VNI of ours, addressed to our MAC, and as long as
   * that. What is reported names the peer that answered, whichever way.
   */
  take(at: number, lengthBytes: number, sender: number): boolean {
    const memory = this.#memory;
    const ipAt = at + ENCAPSULATION_LENGTH;
    const ipBytes = lengthBytes - ENCAPSULATION_LENGTH;
    // Almost all datagrams go no further than this.
    if (ipBytes < MIN_PROBE_BYTES || !isLinkLocalAddress(memory, ipAt + IPV6_DESTINATION_OFFSET)) return false;
    let origin = sender;
    let kind = this.#judge(ipAt, ipBytes, origin);
    if (kind === -1) {
      origin = relayedOrigin(this.#options.forwarding, memory, at + VXLAN_HEADER_LENGTH, sender);
      if (origin !== -1) kind = this.#judge(ipAt, ipBytes, origin);
    }
    if (kind === -1) return false;
    this.#options.counters.ingressConsumed(1, ipBytes, sender);
    const probeAt = ipAt + IPV6_HEADER_LENGTH + UDP_HEADER_LENGTH;
    if (kind === PathProbeKind.reply) this.#report(probeAt, ipBytes, origin);
    else if (readPathProbeSize(memory, probeAt) === ipBytes) this.#keepReply(probeAt, origin, sender);
    return true;
  }

  #report(probeAt: number, ipBytes: number, origin: number): void {
    const memory = this.#memory;
    const { results, nowUs } = this.#options;
    const roundTripUs = (nowUs() - readPathProbeTime(memory, probeAt)) >>> 0;
    const requestsSeen = ipBytes < PROBE_REPLY_BYTES ? 0 : readPathProbeSeen(memory, probeAt);
    const sizeBytes = readPathProbeSize(memory, probeAt);
    results.put(origin, sizeBytes, readPathProbeSequence(memory, probeAt), roundTripUs, requestsSeen);
  }

  #keepReply(probeAt: number, origin: number, way: number): void {
    const memory = this.#memory;
    const { counts } = this.#options;
    if (way === origin) countProbe(counts, origin);
    if (this.#replyCount === SLOTS) return;
    const replies = this.#replies;
    const reply = this.#replyCount++ * REPLY_WORDS;
    replies[reply + Reply.origin] = origin;
    replies[reply + Reply.way] = way;
    replies[reply + Reply.sizeBytes] = readPathProbeSize(memory, probeAt);
    replies[reply + Reply.sequence] = readPathProbeSequence(memory, probeAt);
    replies[reply + Reply.sentAtUs] = readPathProbeTime(memory, probeAt);
    replies[reply + Reply.requestsSeen] = probesSeen(counts, origin);
  }

  /** Kind of the probe from `sender`, or -1 if the packet is none, or not from that peer to this node. */
  #judge(ipAt: number, ipBytes: number, sender: number): PathProbeKind | -1 {
    const memory = this.#memory;
    const udpAt = ipAt + IPV6_HEADER_LENGTH;
    const udpBytes = ipBytes - IPV6_HEADER_LENGTH;
    if (readIpVersion(memory, ipAt) !== 6 || readIpv6NextHeader(memory, ipAt) !== IpProtocol.udp) return -1;
    if (readIpv6PayloadLength(memory, ipAt) !== udpBytes || readIpv6HopLimit(memory, ipAt) !== HOP_LIMIT) return -1;
    if (readUdpDestinationPort(memory, udpAt) !== PATH_PROBE_PORT) return -1;
    if (readUdpLength(memory, udpAt) !== udpBytes) return -1;
    this.#writeAddresses(sender, 0);
    const addresses = this.#scratch;
    if (!equalOctets(addresses, MAC_ADDRESS_LENGTH, memory, ipAt + IPV6_SOURCE_OFFSET, 2 * IPV6_ADDRESS_LENGTH))
      return -1;
    const sum = pseudoHeaderSum6(memory, ipAt, IpProtocol.udp, udpBytes);
    if (finishChecksum(onesComplementSum(memory, udpAt, udpBytes, sum)) !== 0) return -1;
    return readPathProbeKind(memory, udpAt + UDP_HEADER_LENGTH);
  }

  #fillReplies(): void {
    const replies = this.#replies;
    for (let reply = 0; reply < this.#replyCount; reply++) {
      const at = reply * REPLY_WORDS;
      const datagramAt = this.#batch.datagramCount * PROBE_RECORD_WORDS;
      this.#orders.fill(0, datagramAt, datagramAt + PROBE_RECORD_WORDS);
      this.#add(
        PathProbeKind.reply,
        replies[at + Reply.origin]!,
        replies[at + Reply.way]!,
        replies[at + Reply.sizeBytes]!,
        replies[at + Reply.sequence]!,
        replies[at + Reply.sentAtUs]!,
        replies[at + Reply.requestsSeen]!,
      );
    }
    this.#replyCount = 0;
  }

  /** Adds a probe to `peer` by `way`, which is a peer or, as is `peer` then, a relayed way. */
  #add(
    kind: PathProbeKind,
    peer: number,
    way: number,
    sizeBytes: number,
    sequence: number,
    sentAtUs: number,
    requestsSeen: number,
  ): void {
    // What is behind the shortest probe is zeros in a request, as is its padding.
    const [headBytes, lengthBytes] =
      kind === PathProbeKind.reply ? [PROBE_REPLY_BYTES, PROBE_REPLY_BYTES] : [MIN_PROBE_BYTES, sizeBytes];
    const memory = this.#memory;
    const { area, counters, forwarding, vni, sendingSockets, taps } = this.#options;
    const at = area.at + this.#batch.datagramCount * SLOT_BYTES;
    const ipAt = at + ENCAPSULATION_LENGTH;
    const udpAt = ipAt + IPV6_HEADER_LENGTH;
    const udpBytes = lengthBytes - IPV6_HEADER_LENGTH;
    encodeEncapsulation(forwarding, peer, vni, 6, memory, at);
    this.#writeAddresses(0, peer);
    const addresses = this.#scratch;
    const [source, destination] = [MAC_ADDRESS_LENGTH, MAC_ADDRESS_LENGTH + IPV6_ADDRESS_LENGTH];
    encodeIpv6(0, 0, udpBytes, IpProtocol.udp, HOP_LIMIT, addresses, source, addresses, destination, memory, ipAt);
    encodeUdp(PATH_PROBE_PORT, PATH_PROBE_PORT, udpBytes, 0, memory, udpAt);
    encodePathProbe(kind, sizeBytes, sequence, sentAtUs, memory, udpAt + UDP_HEADER_LENGTH);
    if (kind === PathProbeKind.reply) writePathProbeSeen(requestsSeen, memory, udpAt + UDP_HEADER_LENGTH);
    // The padding is zeros, which add nothing to the sum.
    const sum = pseudoHeaderSum6(memory, ipAt, IpProtocol.udp, udpBytes);
    const summed = onesComplementSum(memory, udpAt, headBytes - IPV6_HEADER_LENGTH, sum);
    writeUdpChecksum(memory, udpAt, finishUdpChecksum(summed));
    counters.egressOriginated(1, way);
    counters.egressQueued(1);
    const datagram = this.#batch.datagramCount;
    this.#batch.datagram(DatagramOwner.probe, way, (sequence >>> 0) % sendingSockets, lengthBytes);
    this.#batch.isAlone[datagram] = 1;
    this.#batch.piece(at, ENCAPSULATION_LENGTH + headBytes);
    if (lengthBytes > headBytes) this.#batch.piece(this.#paddingAt, lengthBytes - headBytes);
    if (taps === undefined || !taps.egress) return;
    this.#batch.marks[datagram] = taps.judge(ipAt, lengthBytes, false);
    this.#record(Hook.encapsulate, datagram, -1);
  }

  #record(hook: Hook, datagram: number, reason: DropReason | -1): void {
    this.#options.taps?.recordDatagram(hook, this.#options.forwarding, this.#batch, datagram, 0, 0, reason);
  }

  /** Link-local addresses of two peers, one after the other, behind room for a MAC address in the scratch bytes. */
  #writeAddresses(source: number, destination: number): void {
    const { forwarding } = this.#options;
    const scratch = this.#scratch;
    forwarding.writeMac(source, scratch, 0);
    encodeLinkLocalAddress(scratch, 0, scratch, MAC_ADDRESS_LENGTH);
    forwarding.writeMac(destination, scratch, 0);
    encodeLinkLocalAddress(scratch, 0, scratch, MAC_ADDRESS_LENGTH + IPV6_ADDRESS_LENGTH);
  }
}
