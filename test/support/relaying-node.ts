/** A node of three, A, B and C, with the real dataplane between arrays instead of devices: A and C may need B as relay. */
import type { WorkerAccount } from '../../src/dataplane/accounts.ts';
import { Counters, createCountersMemory, readWorkerAccount } from '../../src/dataplane/counters.ts';
import { DeliveryBatch } from '../../src/dataplane/delivery-batch.ts';
import { EGRESS_HEADROOM, Egress, MAX_SEGMENTS, MIN_HEADER_AREA_LENGTH } from '../../src/dataplane/egress.ts';
import type { DropReason } from '../../src/dataplane/drop-reason.ts';
import { relayFailureReason } from '../../src/dataplane/failure-reason.ts';
import { createFaultCountsMemory } from '../../src/dataplane/fault-counts.ts';
import { FaultInjection } from '../../src/dataplane/fault-injection.ts';
import type { ForwardingPeer, ForwardingState } from '../../src/dataplane/forwarding-state.ts';
import { ForwardingPublisher, ForwardingReader, createForwardingMemory } from '../../src/dataplane/forwarding-table.ts';
import { HeldDatagrams } from '../../src/dataplane/held-datagrams.ts';
import { ICMP_ERROR_BYTES, IcmpErrors, MAX_ICMP_ERRORS } from '../../src/dataplane/icmp-errors.ts';
import { Ingress, MAX_PACKETS_PER_DATAGRAM } from '../../src/dataplane/ingress.ts';
import { PathProbes } from '../../src/dataplane/path-probes.ts';
import { PeerCounters, createPeerCountersMemory, readPeerCounters } from '../../src/dataplane/peer-counters.ts';
import { createProbeCountsMemory } from '../../src/dataplane/probe-counts.ts';
import { PROBE_RECORD_WORDS, ProbeRing, createProbeRingMemory } from '../../src/dataplane/probe-ring.ts';
import { Relay } from '../../src/dataplane/relay.ts';
import type { Taps } from '../../src/dataplane/taps.ts';
import { DatagramOwner, TransmitBatch, WITHHELD } from '../../src/dataplane/transmit-batch.ts';
import { testTaps } from './tap-records.ts';
import { COALESCING, type DeliveredPacket, MTU, PLAIN_VIRTIO, type SentDatagram, VNI, joined } from './overlay-node.ts';
import { peerAccountFaults } from './peer-accounts.ts';

export type NodeName = 'a' | 'b' | 'c';

/** Numbers of the peers, at every node. Of the way to a peer through another: {@link wayNumber}. */
export const number = { a: 1, b: 2, c: 3 } as const;

/** MAC addresses, and underlay addresses. */
export const station = {
  a: Uint8Array.of(2, 0, 0, 0, 0, 0xa),
  b: Uint8Array.of(2, 0, 0, 0, 0, 0xb),
  c: Uint8Array.of(2, 0, 0, 0, 0, 0xc),
} as const;
export const place = {
  a: Uint8Array.of(198, 18, 0, 1),
  b: Uint8Array.of(198, 18, 0, 2),
  c: Uint8Array.of(198, 18, 0, 3),
} as const;

/** What a node makes of the others. */
export interface RelayingNodeOptions {
  /** Whether it relays. */
  readonly relays?: boolean;
  /** Which peers announce to. */
  readonly mayRelay?: readonly NodeName[];
  /** Which peers are static ones, and may not have anything relayed. */
  readonly fixed?: readonly NodeName[];
  /** Which peers it reaches through another only: through B, and B itself through A. */
  readonly through?: readonly NodeName[];
  /** Peers that it does not know. */
  readonly without?: readonly NodeName[];
  /** Path MTU to a peer. */
  readonly mtuBytes?: Partial<Record<NodeName, number>>;
  /** With whom Remote Checksum Offload was agreed on. */
  readonly remoteChecksum?: readonly NodeName[];
  readonly outerFragmentation?: boolean;
}

const names = ['a', 'b', 'c'] as const;
const MAX_PROBE_BYTES = 1_500;
const PROBES_BYTES = PathProbes.areaBytes(MAX_PROBE_BYTES);
const PROBES_AT = MIN_HEADER_AREA_LENGTH;
const ERRORS_AT = PROBES_AT + PROBES_BYTES;
const ERRORS_BYTES = MAX_ICMP_ERRORS * ICMP_ERROR_BYTES;
const SENDER_AT = ERRORS_AT + ERRORS_BYTES;
const SLOT_AT = SENDER_AT + 64;
const HELD_AT = SLOT_AT + 70_000;
/** Datagrams that faults hold back at a time. */
export const HELD_SLOTS = 32;
const HELD_BYTES = HeldDatagrams.memoryBytes(HELD_SLOTS);
const WAY_OFFSET = 10;

/** Number of the way to `target` through another. */
export function wayNumber(target: NodeName): number {
  return WAY_OFFSET + number[target];
}

/** Address of a pod on a node. */
export function podOf(name: NodeName, family: 4 | 6 = 4): number[] {
  return family === 4
    ? [10, 244, number[name], 2]
    : [0xfd, 0, 0, 0x10, 0x02, 0x44, 0, number[name], 0, 0, 0, 0, 0, 0, 0, 2];
}

export class RelayingNode {
  readonly name: NodeName;
  readonly forwarding: ForwardingReader;
  /** Without a capture: `capture` of `tap-records.ts` begins one. */
  readonly taps: Taps;
  readonly orders = new ProbeRing(createProbeRingMemory(64));
  readonly results = new ProbeRing(createProbeRingMemory(64));
  nowUs = 1_000;
  /** Without a fault: `replace` begins some. They have no more than {@link HELD_SLOTS} places to hold datagrams back. */
  readonly faults: FaultInjection;
  readonly faultCounts = createFaultCountsMemory(1);
  readonly #memory = new Uint8Array(HELD_AT + HELD_BYTES);
  readonly #transmitBatch = new TransmitBatch(MAX_SEGMENTS, 2 * MAX_SEGMENTS);
  readonly #relayBatch = new TransmitBatch(2 * MAX_PACKETS_PER_DATAGRAM, 2 * MAX_PACKETS_PER_DATAGRAM);
  readonly #deliveryBatch = new DeliveryBatch(MAX_PACKETS_PER_DATAGRAM, MAX_PACKETS_PER_DATAGRAM);
  readonly #egress: Egress;
  readonly #ingress: Ingress;
  readonly #relay: Relay;
  readonly #probes: PathProbes;
  readonly #countersMemory = createCountersMemory(1);
  readonly #peerCountersMemory = createPeerCountersMemory(1, 20);
  readonly #peerCounters = new PeerCounters(this.#peerCountersMemory, 0);
  readonly #counters = new Counters(this.#countersMemory, 0, this.#peerCounters);

  constructor(name: NodeName, options: RelayingNodeOptions = {}) {
    const { outerFragmentation = true } = options;
    this.name = name;
    const forwardingMemory = createForwardingMemory(16, 8);
    new ForwardingPublisher(forwardingMemory, 1).publish(stateOf(name, options));
    this.forwarding = new ForwardingReader(forwardingMemory, 0);
    this.forwarding.enter();
    const taps = (this.taps = testTaps(this.#memory, this.forwarding));
    const common = { memory: this.#memory, forwarding: this.forwarding, counters: this.#counters, vni: VNI, taps };
    const peerCounters = this.#peerCounters;
    const sendingSockets = 16;
    this.#egress = new Egress({
      ...common,
      headerArea: { at: 0, lengthBytes: MIN_HEADER_AREA_LENGTH },
      peerCounters,
      batch: this.#transmitBatch,
      sendingSockets,
      errors: new IcmpErrors({
        ...common,
        area: { at: ERRORS_AT, lengthBytes: ERRORS_BYTES },
        batch: new DeliveryBatch(MAX_ICMP_ERRORS, MAX_ICMP_ERRORS),
        nodeAddresses: [],
      }),
      outerFragmentation,
      trafficClass: { ecn: true, dscp: 'copy' },
    });
    this.faults = new FaultInjection({
      ...common,
      area: { at: HELD_AT, lengthBytes: HELD_BYTES },
      worker: 0,
      counts: this.faultCounts,
      nowUs: () => this.nowUs,
    });
    this.#relay = new Relay({ ...common, peerCounters, batch: this.#relayBatch, sendingSockets, outerFragmentation });
    this.#probes = new PathProbes({
      ...common,
      area: { at: PROBES_AT, lengthBytes: PROBES_BYTES },
      batch: this.#transmitBatch,
      sendingSockets,
      maxProbeBytes: MAX_PROBE_BYTES,
      orders: this.orders,
      results: this.results,
      counts: createProbeCountsMemory(20),
      nowUs: () => this.nowUs,
    });
    this.#ingress = new Ingress({
      ...common,
      batch: this.#deliveryBatch,
      probes: this.#probes,
      relay: this.#relay,
      overlayMtuBytes: MTU,
      coalescing: COALESCING,
      ecn: true,
      faults: this.faults,
    });
  }

  /** Pushes what a TUN device would give, and takes what comes out. */
  send(packet: Uint8Array, virtio: Uint8Array = PLAIN_VIRTIO): SentDatagram[] {
    const at = SLOT_AT + EGRESS_HEADROOM;
    this.#memory.set(joined([virtio, packet]), at);
    this.#egress.push(at, virtio.length + packet.length);
    const sent = this.#leave(this.#transmitBatch);
    this.#egress.clear();
    return sent;
  }

  /** The probes that leave now. @param failure why none of them can. */
  transmitProbes(failure?: DropReason): SentDatagram[] {
    const all: SentDatagram[] = [];
    while (this.#probes.fill()) {
      all.push(...this.#leave(this.#transmitBatch, failure));
      this.#probes.clear();
    }
    return all;
  }

  /** Takes what comes from a node, and does with it what is to be done. With an errno, nothing can be passed on. */
  receive(
    from: NodeName | Uint8Array,
    bytes: Uint8Array,
    groSizeBytes = 0,
    trafficClass = 0,
    errnoName?: string,
  ): { delivered: DeliveredPacket[]; relayed: SentDatagram[] } {
    // An odd offset: nothing may depend on alignment.
    const at = SLOT_AT + 1;
    this.#memory.set(bytes, at);
    this.#memory.set(typeof from === 'string' ? place[from] : from, SENDER_AT);
    if (!this.#ingress.hasRoom()) throw new Error('a batch that was cleared has no room');
    this.#ingress.push(at, bytes.length, groSizeBytes, 4, SENDER_AT, trafficClass);
    this.#ingress.flush();
    const delivered = this.#takeDelivered();
    const relay = this.#relay;
    const failure = errnoName === undefined ? undefined : relayFailureReason(errnoName);
    const relayed = this.#leave(this.#relayBatch, failure);
    relay.clear();
    return { delivered, relayed };
  }

  /** Takes what faults held back, and what is due by now. @param failure why none of what pods sent and of probes can leave. */
  release(failure?: DropReason): { sent: SentDatagram[]; delivered: DeliveredPacket[]; relayed: SentDatagram[] } {
    const all: ReturnType<RelayingNode['release']> = { sent: [], delivered: [], relayed: [] };
    const targets = { transmitBatch: this.#transmitBatch, relayBatch: this.#relayBatch, ingress: this.#ingress };
    while (this.faults.release(targets)) {
      all.sent.push(...this.#leave(this.#transmitBatch, failure));
      this.#egress.clear();
      this.#ingress.flush();
      all.delivered.push(...this.#takeDelivered());
      all.relayed.push(...this.#leave(this.#relayBatch));
      this.#relay.clear();
      this.faults.clear();
    }
    return all;
  }

  /** Results of probes that came in. */
  takeResults(): number[][] {
    const record = new Int32Array(PROBE_RECORD_WORDS);
    const found: number[][] = [];
    while (this.results.take(record)) found.push([...record]);
    return found;
  }

  account(): WorkerAccount {
    this.#counters.publish();
    const account = readWorkerAccount(this.#countersMemory, 0);
    const faults = peerAccountFaults(account, this.#peerCountersMemory);
    if (faults.length > 0) throw new Error(faults.join('; '));
    return account;
  }

  /** Drops of what came in, without those that are 0. */
  drops(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.account().ingress.dropped).filter(([, count]) => count > 0));
  }

  /** Packets that were sent to the peer with this number. */
  sentTo(peer: number): number {
    return readPeerCounters(this.#peerCountersMemory, peer).packets;
  }

  #leave(batch: TransmitBatch, failure?: DropReason): SentDatagram[] {
    const failed = (datagram: number, reason: DropReason): void =>
      this.#ownerOf(batch, datagram).failed(datagram, reason);
    this.faults.withhold(batch, failed);
    const left = this.#taken(batch).filter((_, datagram) => batch.socket[datagram] !== WITHHELD);
    for (let datagram = 0; datagram < batch.datagramCount; datagram++) {
      if (batch.socket[datagram] === WITHHELD) continue;
      if (failure === undefined) this.#ownerOf(batch, datagram).sent(datagram);
      else failed(datagram, failure);
    }
    return left;
  }

  #ownerOf(batch: TransmitBatch, datagram: number): Egress | PathProbes | Relay {
    const owner = batch.owner[datagram];
    if (owner === DatagramOwner.relay) return this.#relay;
    return owner === DatagramOwner.probe ? this.#probes : this.#egress;
  }

  #taken(batch: TransmitBatch): SentDatagram[] {
    return Array.from({ length: batch.datagramCount }, (_, index) => ({
      bytes: joined(
        Array.from({ length: batch.firstPiece[index + 1]! - batch.firstPiece[index]! }, (_, offset) => {
          const piece = batch.firstPiece[index]! + offset;
          const at = batch.pieceAt[piece]!;
          return this.#memory.slice(at, at + batch.pieceLengthBytes[piece]!);
        }),
      ),
      peer: batch.peer[index]!,
      socket: batch.socket[index]!,
      outerFragmentBytes: batch.outerFragmentBytes[index]!,
      trafficClass: batch.trafficClass[index]!,
      isAlone: batch.isAlone[index] === 1,
    }));
  }

  #takeDelivered(): DeliveredPacket[] {
    const batch = this.#deliveryBatch;
    const delivered = Array.from({ length: batch.packetCount }, (_, index) => {
      const pieces: Uint8Array[] = [];
      for (let piece = batch.firstPiece[index]!; piece < batch.firstPiece[index + 1]!; piece++) {
        const at = batch.pieceAt[piece]!;
        pieces.push(this.#memory.slice(at, at + batch.pieceLengthBytes[piece]!));
      }
      const written = joined(pieces);
      this.#ingress.delivered(index);
      return { virtio: written.slice(0, 10), packet: written.slice(10), innerPackets: batch.innerPackets[index]! };
    });
    this.#ingress.clear();
    return delivered;
  }
}

function stateOf(self: NodeName, options: RelayingNodeOptions): ForwardingState {
  const { relays = false, mayRelay = [], fixed = [], through = [], without = [] } = options;
  const { mtuBytes = {}, remoteChecksum = [] } = options;
  const relay = self === 'b' ? 'a' : 'b';
  const others = names.filter((name) => name !== self && !without.includes(name));
  const peer = (name: NodeName, at: NodeName): Omit<ForwardingPeer, 'index'> => ({
    endpoint: { address: { family: 4, bytes: place[at] }, port: 4789 },
    mac: station[name],
    mtuBytes: mtuBytes[name] ?? MTU,
    remoteChecksum: remoteChecksum.includes(name),
    mayRelay: mayRelay.includes(name),
    mayAskRelay: !fixed.includes(name),
  });
  return {
    mac: station[self],
    peers: [
      ...others.map((name) => ({ ...peer(name, name), index: number[name] })),
      ...through.map((name) => ({
        ...peer(name, relay),
        index: wayNumber(name),
        via: { target: number[name], relay: number[relay] },
      })),
    ],
    relays,
    routes: [self, ...others].flatMap((name) => {
      const to = name === self ? 0 : through.includes(name) ? wayNumber(name) : number[name];
      return [
        { prefix: { address: { family: 4, bytes: prefixOf(podOf(name), 3) }, lengthBits: 24 }, peer: to },
        { prefix: { address: { family: 6, bytes: prefixOf(podOf(name, 6), 8) }, lengthBits: 64 }, peer: to },
      ] as const;
    }),
  };
}

function prefixOf(address: readonly number[], keptBytes: number): Uint8Array {
  return Uint8Array.from(address, (octet, index) => (index < keptBytes ? octet : 0));
}
