/**
 * The dataplane, asked what it would do: packets go through the same code as real ones, with the forwarding state that the workers
 * use at the moment, and end in memory of its own. Nothing is sent, and no account of a worker changes.
 *
 *     packet   -> Egress  -> datagrams to a peer                  | a reason
 *     datagram -> Ingress -> a packet for the TUN device          | a reason
 *                         -> Relay -> a datagram to another peer  | a reason
 */
import type { IpAddress } from '../wire/address.ts';
import { VIRTIO_NET_HEADER_LENGTH, GsoType, encodeVirtioNet } from '../wire/virtio-net.ts';
import { Counters, createCountersMemory } from '../dataplane/counters.ts';
import { DeliveryBatch } from '../dataplane/delivery-batch.ts';
import type { DropReason } from '../dataplane/drop-reason.ts';
import { EGRESS_HEADROOM, Egress, MAX_SEGMENTS, MIN_HEADER_AREA_LENGTH } from '../dataplane/egress.ts';
import type { ForwardingReader } from '../dataplane/forwarding-table.ts';
import { ICMP_ERROR_BYTES, IcmpErrors, MAX_ICMP_ERRORS } from '../dataplane/icmp-errors.ts';
import { Ingress, MAX_PACKETS_PER_DATAGRAM } from '../dataplane/ingress.ts';
import { PeerCounters, createPeerCountersMemory } from '../dataplane/peer-counters.ts';
import { MAX_PEER_NUMBER } from '../dataplane/peer-table.ts';
import { Relay } from '../dataplane/relay.ts';
import type { OuterTrafficClass } from '../dataplane/traffic-class.ts';
import { TransmitBatch } from '../dataplane/transmit-batch.ts';

/** What the workers of the node do, as far as it matters for a single packet. */
export interface RehearsalOptions {
  /** Which has entered the state whenever something is asked. */
  readonly forwarding: ForwardingReader;
  readonly vni: number;
  readonly overlayMtuBytes: number;
  /** This node's addresses in the overlay. */
  readonly nodeAddresses: readonly IpAddress[];
  readonly sendingSockets: number;
  readonly outerFragmentation: boolean;
  readonly trafficClass: OuterTrafficClass;
}

/** A datagram that would leave, without the headers that the kernel puts before it. */
export interface RehearsedDatagram {
  readonly bytes: Uint8Array;
  /** Number of the peer, or of the way to one, that it goes to. */
  readonly peer: number;
  /** Of the outer header: DSCP and ECN. */
  readonly trafficClass: number;
  /** 0, or the largest outer packet, in bytes, that it would be cut into. */
  readonly outerFragmentBytes: number;
}

/** What would become of a packet or datagram. */
export type Rehearsed =
  | { readonly verdict: 'send'; readonly datagrams: readonly RehearsedDatagram[] }
  | { readonly verdict: 'relay'; readonly datagrams: readonly RehearsedDatagram[] }
  | { readonly verdict: 'deliver'; readonly packets: readonly Uint8Array[] }
  | {
      readonly verdict: 'drop';
      readonly reason: DropReason;
      /** Whether the sender would be told by an ICMP error. */
      readonly isAnswered: boolean;
    };

/** Longest packet or datagram that fits, in bytes. */
const MAX_INPUT_BYTES = 65_535 + VIRTIO_NET_HEADER_LENGTH;
const ERRORS_AT = MIN_HEADER_AREA_LENGTH;
const ERRORS_BYTES = MAX_ICMP_ERRORS * ICMP_ERROR_BYTES;
const SENDER_AT = ERRORS_AT + ERRORS_BYTES;
const INPUT_AT = SENDER_AT + 16 + EGRESS_HEADROOM;
/** By the clock of the rate limit, between two packets, in ms: no error is ever one too many. */
const PAUSE_MS = 1_000;

export class Rehearsal {
  readonly #memory = new Uint8Array(INPUT_AT + MAX_INPUT_BYTES);
  readonly #counters = new NotingCounters(createCountersMemory(1), 0);
  readonly #transmitBatch = new TransmitBatch(MAX_SEGMENTS, 2 * MAX_SEGMENTS);
  readonly #relayBatch = new TransmitBatch(MAX_PACKETS_PER_DATAGRAM, MAX_PACKETS_PER_DATAGRAM);
  readonly #deliveryBatch = new DeliveryBatch(MAX_PACKETS_PER_DATAGRAM, MAX_PACKETS_PER_DATAGRAM);
  readonly #errorBatch = new DeliveryBatch(MAX_ICMP_ERRORS, MAX_ICMP_ERRORS);
  readonly #errors: IcmpErrors;
  readonly #egress: Egress;
  readonly #ingress: Ingress;
  #nowMs = 0;

  constructor(options: RehearsalOptions) {
    const { forwarding, vni, overlayMtuBytes, nodeAddresses, sendingSockets, outerFragmentation } = options;
    const { trafficClass } = options;
    const peerCounters = new PeerCounters(createPeerCountersMemory(1, MAX_PEER_NUMBER), 0);
    const common = { memory: this.#memory, forwarding, counters: this.#counters, peerCounters, vni };
    this.#errors = new IcmpErrors({
      ...common,
      area: { at: ERRORS_AT, lengthBytes: ERRORS_BYTES },
      batch: this.#errorBatch,
      nodeAddresses,
    });
    this.#egress = new Egress({
      ...common,
      headerArea: { at: 0, lengthBytes: MIN_HEADER_AREA_LENGTH },
      batch: this.#transmitBatch,
      sendingSockets,
      errors: this.#errors,
      outerFragmentation,
      trafficClass,
    });
    this.#ingress = new Ingress({
      ...common,
      batch: this.#deliveryBatch,
      relay: new Relay({ ...common, batch: this.#relayBatch, sendingSockets, outerFragmentation }),
      overlayMtuBytes,
      coalescing: { tcp: false, udp: false },
      ecn: trafficClass.ecn,
    });
  }

  /** What would become of an IP packet, complete, that the TUN device gave. */
  egress(packet: Uint8Array): Rehearsed {
    this.#begin();
    encodeVirtioNet(0, GsoType.none, 0, 0, 0, 0, this.#memory, INPUT_AT);
    this.#memory.set(packet, INPUT_AT + VIRTIO_NET_HEADER_LENGTH);
    this.#egress.push(INPUT_AT, VIRTIO_NET_HEADER_LENGTH + packet.length);
    const dropped = this.#dropped();
    const datagrams = this.#gather(this.#transmitBatch);
    this.#egress.clear();
    return dropped ?? { verdict: 'send', datagrams };
  }

  /** What would become of a UDP payload, as it came from `sender` in the underlay. @param trafficClass of its outer header. */
  ingress(datagram: Uint8Array, sender: IpAddress, trafficClass: number): Rehearsed {
    this.#begin();
    this.#memory.set(sender.bytes, SENDER_AT);
    this.#memory.set(datagram, INPUT_AT);
    this.#ingress.push(INPUT_AT, datagram.length, 0, sender.family, SENDER_AT, trafficClass);
    this.#ingress.flush();
    const dropped = this.#dropped();
    const datagrams = this.#gather(this.#relayBatch);
    const packets = gathered(this.#memory, this.#deliveryBatch, this.#deliveryBatch.packetCount).map((packet) =>
      packet.subarray(VIRTIO_NET_HEADER_LENGTH),
    );
    this.#ingress.clear();
    this.#relayBatch.clear();
    if (dropped !== undefined) return dropped;
    return datagrams.length > 0 ? { verdict: 'relay', datagrams } : { verdict: 'deliver', packets };
  }

  #begin(): void {
    this.#counters.noted = -1;
    this.#nowMs += PAUSE_MS;
    this.#errors.beginTurn(this.#nowMs);
  }

  #dropped(): Rehearsed | undefined {
    const reason = this.#counters.noted;
    const isAnswered = this.#errorBatch.packetCount > 0;
    this.#errors.clear();
    return reason === -1 ? undefined : { verdict: 'drop', reason, isAnswered };
  }

  #gather(batch: TransmitBatch): RehearsedDatagram[] {
    return gathered(this.#memory, batch, batch.datagramCount).map((bytes, index) => ({
      bytes,
      peer: batch.peer[index]!,
      trafficClass: batch.trafficClass[index]!,
      outerFragmentBytes: batch.outerFragmentBytes[index]!,
    }));
  }
}

/** Counts like any other, and remembers why the packet in hand was dropped. */
class NotingCounters extends Counters {
  noted: DropReason | -1 = -1;

  override drop(reason: DropReason, packets: number, peer: number): void {
    this.noted = reason;
    super.drop(reason, packets, peer);
  }
}

/** The first `count` entries of a batch, each in one piece. */
function gathered(memory: Uint8Array, batch: TransmitBatch | DeliveryBatch, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const bytes = new Uint8Array(
      batch.lengthBytes[index]! + (batch instanceof DeliveryBatch ? VIRTIO_NET_HEADER_LENGTH : 0),
    );
    let at = 0;
    for (let piece = batch.firstPiece[index]!; piece < batch.firstPiece[index + 1]!; piece++) {
      const pieceAt = batch.pieceAt[piece]!;
      bytes.set(memory.subarray(pieceAt, pieceAt + batch.pieceLengthBytes[piece]!), at);
      at += batch.pieceLengthBytes[piece]!;
    }
    return bytes;
  });
}
