/** A node of two, with the real dataplane between arrays instead of devices. */
import { Counters, createCountersMemory, readWorkerAccount } from '../../src/dataplane/counters.ts';
import type { DirectionAccount, WorkerAccount } from '../../src/dataplane/accounts.ts';
import { DeliveryBatch } from '../../src/dataplane/delivery-batch.ts';
import type { DropReason } from '../../src/dataplane/drop-reason.ts';
import { EGRESS_HEADROOM, Egress, MAX_SEGMENTS, MIN_HEADER_AREA_LENGTH } from '../../src/dataplane/egress.ts';
import type { FlightRecorder, FlightRecorderMemory } from '../../src/dataplane/flight-recorder.ts';
import { ForwardingPublisher, ForwardingReader, createForwardingMemory } from '../../src/dataplane/forwarding-table.ts';
import type { ForwardingRoute, ForwardingState } from '../../src/dataplane/forwarding-state.ts';
import { ICMP_ERROR_BYTES, IcmpErrors, MAX_ICMP_ERRORS } from '../../src/dataplane/icmp-errors.ts';
import { Ingress, MAX_PACKETS_PER_DATAGRAM } from '../../src/dataplane/ingress.ts';
import {
  type PeerAccount,
  type PeerCount,
  PeerCounters,
  createPeerCountersMemory,
  readPeerAccount,
  readPeerCounters,
} from '../../src/dataplane/peer-counters.ts';
import type { OuterTrafficClass } from '../../src/dataplane/traffic-class.ts';
import type { Taps } from '../../src/dataplane/taps.ts';
import { TransmitBatch } from '../../src/dataplane/transmit-batch.ts';
import { testRecorder, testTaps } from './tap-records.ts';
import { peerAccountFaults } from './peer-accounts.ts';

/** What is put together to super-packets: everything, or nothing. */
export const COALESCING = { tcp: true, udp: true };
export const NO_COALESCING = { tcp: false, udp: false };

/** VNI of both nodes. */
export const VNI = 42;

/** Overlay MTU of both nodes. */
export const MTU = 1450;

/** Addresses of pods: `a` is on node A, `b` on node B, `c` nowhere. */
export const pod = {
  a4: [10, 244, 1, 2],
  b4: [10, 244, 2, 2],
  c4: [10, 244, 3, 2],
  a6: [0xfd, 0, 0, 0x10, 0x02, 0x44, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2],
  b6: [0xfd, 0, 0, 0x10, 0x02, 0x44, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2],
} as const;

/** Overlay addresses of the nodes. */
export const nodeAddress = {
  a4: [10, 244, 1, 1],
  b4: [10, 244, 2, 1],
  a6: [...pod.a6.slice(0, 15), 1],
  b6: [...pod.b6.slice(0, 15), 1],
} as const;

/** MAC addresses of the nodes. */
export const mac = { a: Uint8Array.of(2, 0, 0, 0, 0, 0xa), b: Uint8Array.of(2, 0, 0, 0, 0, 0xb) } as const;

/** Underlay addresses of the nodes. */
export const underlay = { a: Uint8Array.of(198, 18, 0, 1), b: Uint8Array.of(198, 18, 0, 2) } as const;

/** Number of node B among the peers of A, and of A among those of B. */
export const PEER = 7;

/** What is sent to the other node. */
export interface SentDatagram {
  readonly bytes: Uint8Array;
  readonly peer: number;
  readonly socket: number;
  /** Path MTU by which the outer packet is to be fragmented, or 0. */
  readonly outerFragmentBytes: number;
  /** Of the outer header. */
  readonly trafficClass: number;
  /** Whether it leaves in a send of its own. */
  readonly isAlone: boolean;
}

/** What is handed to the TUN device, the virtio-net header first. */
export interface DeliveredPacket {
  readonly virtio: Uint8Array;
  readonly packet: Uint8Array;
  readonly innerPackets: number;
}

const SLOT_AT = MIN_HEADER_AREA_LENGTH + 256;
const SENDER_AT = SLOT_AT + 70_000;
const ERRORS_AT = SENDER_AT + 64;
const ERRORS_BYTES = MAX_ICMP_ERRORS * ICMP_ERROR_BYTES;

export class OverlayNode {
  readonly memory = new Uint8Array(ERRORS_AT + ERRORS_BYTES);
  readonly forwarding: ForwardingReader;
  readonly egress: Egress;
  readonly ingress: Ingress;
  readonly errors: IcmpErrors;
  /** Without a capture: `capture` of `tap-records.ts` begins one. */
  readonly taps: Taps;
  /** Of worker 0, if it was given memory. */
  readonly recorder: FlightRecorder | undefined;
  /** Why nothing can be sent, or written, from now on. */
  failure: DropReason | undefined;
  readonly errorBatch = new DeliveryBatch(MAX_ICMP_ERRORS, MAX_ICMP_ERRORS);
  readonly transmitBatch = new TransmitBatch(MAX_SEGMENTS, 2 * MAX_SEGMENTS);
  readonly deliveryBatch = new DeliveryBatch(MAX_PACKETS_PER_DATAGRAM, MAX_PACKETS_PER_DATAGRAM);
  readonly #countersMemory = createCountersMemory(1);
  readonly #peerCountersMemory = createPeerCountersMemory(1, PEER);
  readonly #counters: Counters;

  constructor(
    name: 'a' | 'b',
    peerMtuBytes = MTU,
    coalescing = COALESCING,
    outerFragmentation = true,
    remoteChecksum = false,
    trafficClass: OuterTrafficClass = { ecn: true, dscp: 'copy' },
    recorderMemory?: FlightRecorderMemory,
  ) {
    const forwardingMemory = createForwardingMemory(16, 4);
    new ForwardingPublisher(forwardingMemory, 1).publish(stateOf(name, peerMtuBytes, remoteChecksum));
    this.forwarding = new ForwardingReader(forwardingMemory, 0);
    this.forwarding.enter();
    const peerCounters = new PeerCounters(this.#peerCountersMemory, 0);
    this.#counters = new Counters(this.#countersMemory, 0, peerCounters);
    const common = { memory: this.memory, forwarding: this.forwarding, counters: this.#counters, vni: VNI };
    const taps = (this.taps = testTaps(this.memory, this.forwarding));
    this.recorder =
      recorderMemory === undefined ? undefined : testRecorder(recorderMemory, this.memory, this.forwarding);
    const { recorder } = this;
    this.errors = new IcmpErrors({
      memory: this.memory,
      area: { at: ERRORS_AT, lengthBytes: ERRORS_BYTES },
      counters: this.#counters,
      batch: this.errorBatch,
      nodeAddresses: [
        { family: 4, bytes: Uint8Array.from(nodeAddress[`${name}4`]) },
        { family: 6, bytes: Uint8Array.from(nodeAddress[`${name}6`]) },
      ],
      taps,
      recorder,
    });
    this.egress = new Egress({
      ...common,
      headerArea: { at: 0, lengthBytes: MIN_HEADER_AREA_LENGTH },
      peerCounters,
      batch: this.transmitBatch,
      sendingSockets: 16,
      errors: this.errors,
      outerFragmentation,
      trafficClass,
      taps,
      recorder,
    });
    const { ecn } = trafficClass;
    this.ingress = new Ingress({
      ...common,
      batch: this.deliveryBatch,
      overlayMtuBytes: MTU,
      coalescing,
      ecn,
      taps,
      recorder,
    });
  }

  /** Pushes what a TUN device would give, and takes what comes out. */
  send(virtio: Uint8Array, packet: Uint8Array): SentDatagram[] {
    return this.sendRaw(joined([virtio, packet]));
  }

  /** Pushes any bytes, and takes what comes out. */
  sendRaw(read: Uint8Array): SentDatagram[] {
    const { memory, transmitBatch: batch } = this;
    const at = SLOT_AT + EGRESS_HEADROOM;
    memory.set(read, at);
    this.egress.push(at, read.length);
    this.taps.handOver();
    const sent: SentDatagram[] = [];
    for (let index = 0; index < batch.datagramCount; index++) {
      const gathered = gather(memory, batch, batch.firstPiece[index]!, batch.firstPiece[index + 1]!);
      if (gathered.length !== batch.lengthBytes[index]) throw new Error('pieces and length of a datagram differ');
      const outerFragmentBytes = batch.outerFragmentBytes[index]!;
      const trafficClass = batch.trafficClass[index]!;
      const [peer, socket] = [batch.peer[index]!, batch.socket[index]!];
      const isAlone = batch.isAlone[index] === 1;
      sent.push({ bytes: gathered, peer, socket, outerFragmentBytes, trafficClass, isAlone });
      if (this.failure === undefined) this.egress.sent(index);
      else this.egress.failed(index, this.failure);
    }
    this.egress.clear();
    return sent;
  }

  /** Takes the errors that pods of this node are told: IP packets. */
  takeErrors(): Uint8Array[] {
    const { memory, errorBatch: batch } = this;
    const errors: Uint8Array[] = [];
    for (let index = 0; index < batch.packetCount; index++) {
      const written = gather(memory, batch, batch.firstPiece[index]!, batch.firstPiece[index + 1]!);
      if (written.subarray(0, 10).some((octet) => octet !== 0)) throw new Error('an error asks for an offload');
      errors.push(written.slice(10));
      this.errors.delivered(index);
    }
    this.errors.clear();
    return errors;
  }

  /** Pushes what the underlay would give, and takes what comes out. */
  receive(
    datagram: Uint8Array,
    groSizeBytes = 0,
    sender: Uint8Array = underlay.a,
    trafficClass = 0,
  ): DeliveredPacket[] {
    const { memory, deliveryBatch: batch } = this;
    // An odd offset: nothing may depend on alignment.
    const at = SLOT_AT + 1;
    memory.set(datagram, at);
    memory.set(sender, SENDER_AT);
    this.ingress.push(at, datagram.length, groSizeBytes, sender.length === 4 ? 4 : 6, SENDER_AT, trafficClass);
    this.ingress.flush();
    this.taps.handOver();
    const delivered: DeliveredPacket[] = [];
    for (let index = 0; index < batch.packetCount; index++) {
      const written = gather(memory, batch, batch.firstPiece[index]!, batch.firstPiece[index + 1]!);
      if (written.length !== 10 + batch.lengthBytes[index]!) throw new Error('pieces and length of a packet differ');
      const innerPackets = batch.innerPackets[index]!;
      delivered.push({ virtio: written.slice(0, 10), packet: written.slice(10), innerPackets });
      if (this.failure === undefined) this.ingress.delivered(index);
      else this.ingress.failed(index, this.failure);
    }
    this.ingress.clear();
    return delivered;
  }

  /** The accounts so far. Those of the peers add up to them. */
  account(): WorkerAccount {
    this.#counters.publish();
    const account = readWorkerAccount(this.#countersMemory, 0);
    const faults = peerAccountFaults(account, this.#peerCountersMemory);
    if (faults.length > 0) throw new Error(faults.join('; '));
    return account;
  }

  /** What was sent to the other node so far. */
  sentToPeer(): PeerCount {
    return readPeerCounters(this.#peerCountersMemory, PEER);
  }

  /** The account of the other node, or of no peer. */
  accountOf(peer: 0 | typeof PEER): PeerAccount {
    return readPeerAccount(this.#peerCountersMemory, peer);
  }

  /** Drops so far, without those that are 0. */
  drops(direction: 'egress' | 'ingress'): Record<string, number> {
    return Object.fromEntries(Object.entries(this.account()[direction].dropped).filter(([, count]) => count > 0));
  }
}

/** received + originated - sent - delivered - relayed - dropped - queued: always 0. */
export function residual(account: DirectionAccount): number {
  const dropped = Object.values(account.dropped).reduce((sum, count) => sum + count, 0);
  const { received, originated, sent, delivered, relayed, queued } = account;
  return received + originated - sent - delivered - relayed - dropped - queued;
}

/** A virtio-net header that asks for nothing. */
export const PLAIN_VIRTIO = new Uint8Array(10);

/** A virtio-net header; NEEDS_CSUM is set, numbers are little-endian. */
export function virtioHeader(
  gsoType: number,
  gsoSize: number,
  checksumStart: number,
  checksumOffset: number,
): Uint8Array {
  return new Uint8Array([1, gsoType, ...le16(0), ...le16(gsoSize), ...le16(checksumStart), ...le16(checksumOffset)]);
}

/** The datagram that carries `packet` from node A to node B. */
export function encapsulated(packet: Uint8Array): Uint8Array {
  const etherType = packet[0]! >> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00];
  return joined([Uint8Array.of(8, 0, 0, 0, 0, 0, VNI, 0), mac.b, mac.a, Uint8Array.from(etherType), packet]);
}

/** One after the other. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function le16(value: number): [number, number] {
  return [value & 0xff, value >>> 8];
}

function gather(
  memory: Uint8Array,
  batch: TransmitBatch | DeliveryBatch,
  firstPiece: number,
  endPiece: number,
): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let piece = firstPiece; piece < endPiece; piece++) {
    const at = batch.pieceAt[piece]!;
    pieces.push(memory.subarray(at, at + batch.pieceLengthBytes[piece]!));
  }
  return joined(pieces);
}

function stateOf(name: 'a' | 'b', mtuBytes: number, remoteChecksum: boolean): ForwardingState {
  const other = name === 'a' ? 'b' : 'a';
  const endpoint = { address: { family: 4, bytes: underlay[other] }, port: 4789 } as const;
  return {
    mac: mac[name],
    peers: [{ index: PEER, endpoint, mac: mac[other], mtuBytes, remoteChecksum, mayRelay: false, mayAskRelay: false }],
    relays: false,
    routes: [...routesTo(name, 0), ...routesTo(other, PEER)],
  };
}

function routesTo(name: 'a' | 'b', peer: number): ForwardingRoute[] {
  return [
    { prefix: { address: { family: 4, bytes: masked(pod[`${name}4`], 3) }, lengthBits: 24 }, peer },
    { prefix: { address: { family: 6, bytes: masked(pod[`${name}6`], 8) }, lengthBits: 64 }, peer },
  ];
}

function masked(address: readonly number[], keptBytes: number): Uint8Array {
  return Uint8Array.from(address, (octet, index) => (index < keptBytes ? octet : 0));
}
