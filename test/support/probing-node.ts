/** The path probes of a node's worker, between arrays instead of sockets. */
import { Counters, createCountersMemory, readWorkerAccount } from '../../src/dataplane/counters.ts';
import { DeliveryBatch } from '../../src/dataplane/delivery-batch.ts';
import { sendFailureReason } from '../../src/dataplane/failure-reason.ts';
import { ForwardingPublisher, ForwardingReader, createForwardingMemory } from '../../src/dataplane/forwarding-table.ts';
import { Ingress, MAX_PACKETS_PER_DATAGRAM } from '../../src/dataplane/ingress.ts';
import { PathProbes } from '../../src/dataplane/path-probes.ts';
import { createProbeCountsMemory } from '../../src/dataplane/probe-counts.ts';
import { PROBE_RECORD_WORDS, ProbeRing, createProbeRingMemory } from '../../src/dataplane/probe-ring.ts';
import { TransmitBatch } from '../../src/dataplane/transmit-batch.ts';
import { MTU, NO_COALESCING, PEER, VNI, joined, mac, underlay } from './overlay-node.ts';

const MAX_PROBE_BYTES = 9_000;
const AREA_BYTES = PathProbes.areaBytes(MAX_PROBE_BYTES);
const RECEIVED_AT = AREA_BYTES;
const SENDER_AT = RECEIVED_AT + MAX_PROBE_BYTES + 100;

export class ProbingNode {
  readonly memory = new Uint8Array(SENDER_AT + 16);
  readonly probes: PathProbes;
  readonly orders = new ProbeRing(createProbeRingMemory(256));
  readonly results = new ProbeRing(createProbeRingMemory(256));
  nowUs = 0xffff_ff00;
  readonly #batch = new TransmitBatch(64, 128);
  readonly #delivery = new DeliveryBatch(MAX_PACKETS_PER_DATAGRAM, MAX_PACKETS_PER_DATAGRAM);
  readonly #ingress: Ingress;
  readonly #other: 'a' | 'b';
  readonly #countersMemory = createCountersMemory(1);
  readonly #counters = new Counters(this.#countersMemory, 0);

  constructor(name: 'a' | 'b') {
    const other = name === 'a' ? 'b' : 'a';
    this.#other = other;
    const forwardingMemory = createForwardingMemory(16, 4);
    const endpoint = { address: { family: 4, bytes: underlay[other] }, port: 4789 } as const;
    const peers = [
      {
        index: PEER,
        endpoint,
        mac: mac[other],
        mtuBytes: MTU,
        remoteChecksum: false,
        mayRelay: false,
        mayAskRelay: false,
      },
    ];
    new ForwardingPublisher(forwardingMemory, 1).publish({ mac: mac[name], peers, relays: false, routes: [] });
    const forwarding = new ForwardingReader(forwardingMemory, 0);
    forwarding.enter();
    const common = { memory: this.memory, forwarding, counters: this.#counters, vni: VNI };
    this.probes = new PathProbes({
      ...common,
      area: { at: 0, lengthBytes: AREA_BYTES },
      batch: this.#batch,
      sendingSockets: 16,
      maxProbeBytes: MAX_PROBE_BYTES,
      orders: this.orders,
      results: this.results,
      counts: createProbeCountsMemory(PEER),
      nowUs: () => this.nowUs,
    });
    this.#ingress = new Ingress({
      ...common,
      probes: this.probes,
      batch: this.#delivery,
      overlayMtuBytes: MTU,
      coalescing: NO_COALESCING,
      ecn: true,
    });
  }

  /** The datagrams that leave now. With an errno, none does. */
  transmit(errnoName?: string): Uint8Array[] {
    const sent: Uint8Array[] = [];
    const batch = this.#batch;
    while (this.probes.fill()) {
      for (let datagram = 0; datagram < batch.datagramCount; datagram++) {
        const pieces: Uint8Array[] = [];
        for (let piece = batch.firstPiece[datagram]!; piece < batch.firstPiece[datagram + 1]!; piece++) {
          const at = batch.pieceAt[piece]!;
          pieces.push(this.memory.slice(at, at + batch.pieceLengthBytes[piece]!));
        }
        if (errnoName === undefined) {
          sent.push(joined(pieces));
          this.probes.sent(datagram);
        } else {
          this.probes.failed(datagram, sendFailureReason(errnoName));
        }
      }
      this.probes.clear();
    }
    return sent;
  }

  /** Takes a datagram from the other node; how many packets that makes for the TUN device. */
  receive(datagram: Uint8Array): number {
    this.memory.set(datagram, RECEIVED_AT);
    this.memory.set(underlay[this.#other], SENDER_AT);
    this.#ingress.push(RECEIVED_AT, datagram.length, 0, 4, SENDER_AT, 0);
    this.#ingress.flush();
    const packets = this.#delivery.packetCount;
    for (let packet = 0; packet < packets; packet++) this.#ingress.delivered(packet);
    this.#ingress.clear();
    return packets;
  }

  /** Results that came in. */
  takeResults(): number[][] {
    const record = new Int32Array(PROBE_RECORD_WORDS);
    const found: number[][] = [];
    while (this.results.take(record)) found.push([...record]);
    return found;
  }

  account() {
    this.#counters.publish();
    return readWorkerAccount(this.#countersMemory, 0);
  }
}
