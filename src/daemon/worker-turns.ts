/**
 * What a dataplane worker does, turn by turn:
 *
 *     TUN queue ──> TunReader ──> Egress ──> TransmitBatch ──> UnderlaySender ──> sending sockets
 *     TUN queue <── TunWriter <── DeliveryBatch <── Ingress <── DatagramReceiver <── receiving socket
 *     TUN queue <── TunWriter <── DeliveryBatch <── IcmpErrors <── Egress
 *                                 WorkerRelay <── Ingress: what is for another peer
 *
 * A turn takes what is there, up to a limit in each direction, so that neither starves. Nothing is allocated per packet.
 */
import { Counters } from '../dataplane/counters.ts';
import { DeliveryBatch } from '../dataplane/delivery-batch.ts';
import { Egress, EGRESS_HEADROOM, HEADER_PIECE_BYTES, MAX_SEGMENTS } from '../dataplane/egress.ts';
import { sendFailureReason, tunWriteFailureReason } from '../dataplane/failure-reason.ts';
import { ForwardingReader } from '../dataplane/forwarding-table.ts';
import { ICMP_ERROR_BYTES, IcmpErrors, MAX_ICMP_ERRORS } from '../dataplane/icmp-errors.ts';
import { Ingress, MAX_PACKETS_PER_DATAGRAM } from '../dataplane/ingress.ts';
import { PathProbes } from '../dataplane/path-probes.ts';
import { PeerCounters } from '../dataplane/peer-counters.ts';
import { ProbeRing } from '../dataplane/probe-ring.ts';
import { TransmitBatch } from '../dataplane/transmit-batch.ts';
import { DatagramReceiver } from '../linux/datagram-receiver.ts';
import { Abi } from '../linux/kernel-abi.ts';
import { MappedMemory } from '../linux/mapped-memory.ts';
import { PeerAddresses } from '../linux/peer-addresses.ts';
import { Poll } from '../linux/poll.ts';
import { TunReader } from '../linux/tun-reader.ts';
import { TunWriter } from '../linux/tun-writer.ts';
import { Wakeup } from '../linux/wakeup.ts';
import { equalIpAddresses } from '../wire/address.ts';
import { type UnderlayOrder, UnderlayOrderReader } from './underlay-order.ts';
import { UnderlaySender } from './underlay-sender.ts';
import { featuresOf } from './worker-features.ts';
import { openUnderlaySockets, type UnderlaySockets, type WorkerDescriptors } from './worker-descriptors.ts';
import { WorkerRelay } from './worker-relay.ts';
import { describeFailure, type Features, type WorkerReport, type WorkerSetup } from './worker-report.ts';

/** Reads of the TUN device per batch. */
const TUN_SLOTS = 32;
/**
 * Most batches of the TUN device per turn: together what its queue holds, 500 packets. A batch from the underlay may be
 * over a thousand packets, and whoever gets them answers: reading fewer per turn than come in would fill that queue.
 */
const TUN_BATCHES = 16;
/** Datagrams, or coalesced ones, per turn. */
const DATAGRAM_SLOTS = 32;
/** Pieces of packets for the TUN device: the kernel joins up to 64 datagrams, and each may be a segment of a packet. */
const DELIVERY_PIECES = DATAGRAM_SLOTS * 64 + MAX_PACKETS_PER_DATAGRAM;

/** Most batches that are still taken from a socket before it is closed. */
const LAST_BATCHES = 256;

/** What it waits for: indexes into its {@link Poll}. */
const Ready = { tun: 0, receiving: 1, wakeup: 2 } as const;

/** Both directions between one set of descriptors, over one piece of memory. */
export class WorkerTurns {
  readonly #setup: WorkerSetup;
  readonly #descriptors: WorkerDescriptors;
  #sockets: UnderlaySockets;
  readonly #orders: UnderlayOrderReader;
  readonly #forwarding: ForwardingReader;
  readonly #counters: Counters;
  readonly #poll: Poll;
  readonly #wakeup: Wakeup;
  readonly #transmitBatch = new TransmitBatch(2 * MAX_SEGMENTS, 4 * MAX_SEGMENTS);
  /** No more than the queue of the TUN device can hold answers to. */
  readonly #deliveryBatch = new DeliveryBatch(2 * MAX_PACKETS_PER_DATAGRAM, DELIVERY_PIECES);
  readonly #errorBatch = new DeliveryBatch(MAX_ICMP_ERRORS, MAX_ICMP_ERRORS);
  readonly #egress: Egress;
  readonly #errors: IcmpErrors;
  readonly #ingress: Ingress;
  readonly #probes: PathProbes;
  readonly #tunReader: TunReader;
  readonly #tunWriter: TunWriter;
  readonly #errorWriter: TunWriter;
  readonly #receiver: DatagramReceiver;
  readonly #sender: UnderlaySender;
  readonly #relay: WorkerRelay;
  /** Whether there was one packet, and no more, when the TUN device was last read. */
  #isSingle = false;

  /** Maps the memory. The descriptors stay the caller's, except for the sockets on the underlay. */
  constructor(setup: WorkerSetup, descriptors: WorkerDescriptors) {
    const { tun, underlay, fragmentFd } = descriptors;
    const { receiving, sending } = underlay;
    const { vni, overlayMtuBytes, maxPeers } = setup;
    const headerBytes = this.#transmitBatch.maxDatagrams * HEADER_PIECE_BYTES;
    const errorBytes = MAX_ICMP_ERRORS * ICMP_ERROR_BYTES;
    const memory = new MappedMemory(
      TunReader.memoryBytes(TUN_SLOTS, EGRESS_HEADROOM) +
        TunWriter.memoryBytes(this.#deliveryBatch.maxPieces) +
        DatagramReceiver.memoryBytes(DATAGRAM_SLOTS) +
        PeerAddresses.memoryBytes(maxPeers) +
        UnderlaySender.memoryBytes(this.#transmitBatch) +
        WorkerRelay.memoryBytes() +
        Poll.memoryBytes(3) +
        PathProbes.areaBytes(overlayMtuBytes) +
        TunWriter.memoryBytes(MAX_ICMP_ERRORS) +
        errorBytes +
        headerBytes,
    );
    this.#setup = setup;
    this.#descriptors = descriptors;
    this.#sockets = underlay;
    this.#orders = new UnderlayOrderReader(setup.underlayOrder);
    this.#forwarding = new ForwardingReader(setup.forwarding, setup.worker);
    this.#counters = new Counters(setup.counters, setup.worker);
    this.#wakeup = new Wakeup(setup.wakeupFd);
    this.#poll = new Poll(memory, [tun.fd, receiving.fd, setup.wakeupFd], Abi.POLLIN);
    this.#tunReader = new TunReader(tun.fd, memory, TUN_SLOTS, EGRESS_HEADROOM);
    this.#receiver = new DatagramReceiver(receiving.fd, memory, DATAGRAM_SLOTS);
    const addresses = new PeerAddresses(memory, maxPeers, this.#forwarding);
    const peerCounters = new PeerCounters(setup.peerCounters, setup.worker);
    const ecn = !setup.without.includes('ecn');
    const errors = new IcmpErrors({
      memory: memory.bytes,
      area: memory.allocate(errorBytes),
      counters: this.#counters,
      batch: this.#errorBatch,
      nodeAddresses: setup.nodeAddresses,
    });
    const egress = new Egress({
      memory: memory.bytes,
      headerArea: memory.allocate(headerBytes),
      forwarding: this.#forwarding,
      counters: this.#counters,
      peerCounters,
      batch: this.#transmitBatch,
      vni,
      sendingSockets: sending.length,
      errors,
      outerFragmentation: fragmentFd !== -1,
      trafficClass: { ecn, dscp: setup.dscp },
    });
    const probes = new PathProbes({
      memory: memory.bytes,
      area: memory.allocate(PathProbes.areaBytes(overlayMtuBytes)),
      forwarding: this.#forwarding,
      counters: this.#counters,
      batch: this.#transmitBatch,
      vni,
      sendingSockets: sending.length,
      maxProbeBytes: overlayMtuBytes,
      orders: new ProbeRing(setup.probes.orders),
      results: new ProbeRing(setup.probes.results),
      counts: setup.probeCounts,
      nowUs,
    });
    this.#relay = new WorkerRelay({
      memory,
      forwarding: this.#forwarding,
      counters: this.#counters,
      peerCounters,
      addresses,
      underlay,
      fragmentFd,
    });
    const coalesces = !setup.without.includes('coalescing');
    const ingress = new Ingress({
      memory: memory.bytes,
      forwarding: this.#forwarding,
      counters: this.#counters,
      batch: this.#deliveryBatch,
      vni,
      probes,
      relay: this.#relay.relay,
      overlayMtuBytes,
      coalescing: { tcp: coalesces, udp: coalesces && tun.offloads.udpSegmentation },
      ecn,
    });
    this.#sender = new UnderlaySender({
      memory,
      batch: this.#transmitBatch,
      addresses,
      endpoints: this.#forwarding,
      underlay,
      fragmentFd,
      outcome: {
        sent: (datagram) => (probes.isFilled ? probes : egress).sent(datagram),
        failed: (datagram, errnoName) =>
          (probes.isFilled ? probes : egress).failed(datagram, sendFailureReason(errnoName)),
      },
    });
    this.#tunWriter = new TunWriter(tun.fd, memory, this.#deliveryBatch.maxPieces, {
      delivered: (packet) => ingress.delivered(packet),
      failed: (packet, errnoName) => ingress.failed(packet, tunWriteFailureReason(errnoName)),
    });
    this.#errorWriter = new TunWriter(tun.fd, memory, MAX_ICMP_ERRORS, {
      delivered: (error) => errors.delivered(error),
      failed: (error) => errors.failed(error),
    });
    this.#errors = errors;
    this.#egress = egress;
    this.#ingress = ingress;
    this.#probes = probes;
  }

  /** What is in use at the moment. */
  features(): Features {
    const { segmentation } = this.#sender;
    return featuresOf(this.#setup, this.#descriptors, this.#sockets, segmentation);
  }

  /** Closes the sockets on the underlay. */
  close(): void {
    this.#sockets.close();
  }

  /** Takes turns until the worker is told to stop. */
  run(report: (report: WorkerReport) => void): void {
    let hadSegmentation = this.#sender.segmentation;
    while (Atomics.load(this.#setup.stop, 0) === 0) {
      this.#waitForPackets();
      if (this.#poll.isReady(Ready.wakeup)) this.#wakeup.drain();
      // The forwarding state stays the same for the length of a turn, and is nobody's while we sleep.
      this.#forwarding.enter();
      const received = this.#poll.isReady(Ready.receiving) ? this.#receiveBatch() : 0;
      // Answers to many packets that were just delivered are there already. To one, hardly ever: a read would be in vain.
      if (this.#poll.isReady(Ready.tun) || received > 1) this.#transmitTunBatches();
      this.#transmitProbes();
      const order = this.#poll.isReady(Ready.wakeup) ? this.#orders.take() : undefined;
      if (order !== undefined) report(this.#move(order));
      this.#forwarding.leave();
      this.#counters.setSocketOverflow(this.#receiver.overflow);
      this.#counters.publish();
      if (this.#sender.segmentation !== hadSegmentation) {
        hadSegmentation = this.#sender.segmentation;
        report({ kind: 'features', features: this.features() });
      }
    }
  }

  /** Takes another underlay address. What arrived at the one before is still received. */
  #move({ sequence, address }: UnderlayOrder): WorkerReport {
    const before = this.#sockets;
    if (equalIpAddresses(address, before.address)) return { kind: 'moved', order: sequence, failure: undefined };
    let sockets: UnderlaySockets;
    try {
      sockets = openUnderlaySockets(this.#setup, address);
    } catch (error) {
      return { kind: 'moved', order: sequence, failure: describeFailure(error) };
    }
    for (let batches = 0; batches < LAST_BATCHES && this.#receiveBatch() > 0; batches++);
    const { receiving } = sockets;
    this.#sockets = sockets;
    this.#poll.watch(Ready.receiving, receiving.fd, Abi.POLLIN);
    this.#receiver.changeSocket(receiving.fd);
    this.#sender.changeSockets(sockets);
    this.#relay.changeSockets(sockets);
    before.close();
    return { kind: 'moved', order: sequence, failure: undefined };
  }

  /** Looks again for a while, if so configured and there were packets just now, and then sleeps. */
  #waitForPackets(): void {
    const { busyPollUs, stop } = this.#setup;
    if (busyPollUs > 0 && (this.#poll.isReady(Ready.tun) || this.#poll.isReady(Ready.receiving))) {
      const endMs = performance.now() + busyPollUs / 1000;
      do {
        if (this.#poll.wait(0) > 0) return;
      } while (performance.now() < endMs && Atomics.load(stop, 0) === 0);
    }
    this.#poll.wait(-1);
  }

  /** Returns how many datagrams, or coalesced ones, there were. */
  #receiveBatch(): number {
    const receiver = this.#receiver;
    const count = receiver.receive();
    for (let slot = 0; slot < count; slot++) {
      if (!this.#ingress.hasRoom()) {
        this.#deliver();
        this.#relay.send();
        this.#transmitTunBatches();
      }
      this.#ingress.push(
        receiver.at(slot),
        receiver.lengthBytes[slot]!,
        receiver.pieceSizeBytes[slot]!,
        receiver.senderFamily[slot] === 6 ? 6 : 4,
        receiver.senderAt(slot),
        receiver.trafficClass[slot]!,
      );
    }
    this.#deliver();
    this.#relay.send();
    return count;
  }

  #deliver(): void {
    this.#ingress.flush();
    this.#tunWriter.write(this.#deliveryBatch);
    this.#ingress.clear();
  }

  #transmitTunBatches(): void {
    // Without its fraction it is a small integer, and no object per turn.
    this.#errors.beginTurn(Math.floor(performance.now()));
    let batches = 1;
    let count = this.#transmitTunBatch();
    this.#isSingle = count === 1;
    for (; count === TUN_SLOTS && batches < TUN_BATCHES; batches++) count = this.#transmitTunBatch();
  }

  /** Returns how many packets, or super-packets, there were. */
  #transmitTunBatch(): number {
    let slot = 0;
    for (; slot < TUN_SLOTS; slot++) {
      const lengthBytes = this.#tunReader.read(slot);
      if (lengthBytes === 0) break;
      if (!this.#egress.hasRoom()) this.#transmit();
      this.#egress.push(this.#tunReader.at(slot), lengthBytes);
      // Where packets come one at a time, somebody waits for an answer: send first, and then see whether there are more.
      if (slot === 0 && this.#isSingle) this.#transmit();
    }
    this.#transmit();
    return slot;
  }

  #transmit(): void {
    this.#sender.send();
    this.#errorWriter.write(this.#errorBatch);
    this.#egress.clear();
    this.#errors.clear();
  }

  /** Probes that were ordered, and answers to those of peers. */
  #transmitProbes(): void {
    while (this.#probes.fill()) {
      this.#sender.send();
      this.#probes.clear();
    }
  }
}

/** Microseconds by a clock that all threads share, unlike `performance.now()`. */
function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1_000);
}
