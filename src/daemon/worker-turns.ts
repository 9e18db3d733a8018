/**
 * What a dataplane worker does, turn by turn:
 *
 *     TUN queue ──> TunReader ──> Egress ──> TransmitBatch ──> DatagramSender ──> sending sockets
 *     TUN queue <── TunWriter <── DeliveryBatch <── Ingress <── DatagramReceiver <── receiving socket
 *
 * A turn takes what is there, up to a limit in each direction, so that neither starves. Nothing is allocated per packet.
 */
import { Counters } from '../dataplane/counters.ts';
import { DeliveryBatch } from '../dataplane/delivery-batch.ts';
import { Egress, EGRESS_HEADROOM, HEADER_PIECE_BYTES, MAX_SEGMENTS } from '../dataplane/egress.ts';
import { sendFailureReason, tunWriteFailureReason } from '../dataplane/failure-reason.ts';
import { ForwardingReader } from '../dataplane/forwarding-table.ts';
import { Ingress, MAX_PACKETS_PER_DATAGRAM } from '../dataplane/ingress.ts';
import { TransmitBatch } from '../dataplane/transmit-batch.ts';
import { DatagramReceiver } from '../linux/datagram-receiver.ts';
import { DatagramSender } from '../linux/datagram-sender.ts';
import { Abi } from '../linux/kernel-abi.ts';
import { MappedMemory } from '../linux/mapped-memory.ts';
import { Poll } from '../linux/poll.ts';
import { TunReader } from '../linux/tun-reader.ts';
import { TunWriter } from '../linux/tun-writer.ts';
import { Wakeup } from '../linux/wakeup.ts';
import type { WorkerDescriptors } from './worker-descriptors.ts';
import type { Features, WorkerReport, WorkerSetup } from './worker-report.ts';

/** Reads of the TUN device per batch. */
const TUN_SLOTS = 32;
/**
 * Most batches of the TUN device per turn: together what its queue holds, 500 packets. A batch from the underlay may be
 * over a thousand packets, and whoever gets them answers: reading fewer per turn than come in would fill that queue.
 */
const TUN_BATCHES = 16;
/** Datagrams, or coalesced ones, per turn. */
const DATAGRAM_SLOTS = 32;

/** What it waits for: indexes into its {@link Poll}. */
const Ready = { tun: 0, receiving: 1, wakeup: 2 } as const;

/** Both directions between one set of descriptors, over one piece of memory. */
export class WorkerTurns {
  readonly #setup: WorkerSetup;
  readonly #descriptors: WorkerDescriptors;
  readonly #forwarding: ForwardingReader;
  readonly #counters: Counters;
  readonly #poll: Poll;
  readonly #wakeup: Wakeup;
  readonly #transmitBatch = new TransmitBatch(2 * MAX_SEGMENTS, 4 * MAX_SEGMENTS);
  /** No more than the queue of the TUN device can hold answers to. */
  readonly #deliveryBatch = new DeliveryBatch(2 * MAX_PACKETS_PER_DATAGRAM, 2 * MAX_PACKETS_PER_DATAGRAM);
  readonly #egress: Egress;
  readonly #ingress: Ingress;
  readonly #tunReader: TunReader;
  readonly #tunWriter: TunWriter;
  readonly #receiver: DatagramReceiver;
  readonly #sender: DatagramSender;

  /** Maps the memory. The descriptors stay the caller's. */
  constructor(setup: WorkerSetup, descriptors: WorkerDescriptors) {
    const { tun, receiving, sending } = descriptors;
    const { vni, overlayMtuBytes, maxPeers } = setup;
    const headerBytes = this.#transmitBatch.maxDatagrams * HEADER_PIECE_BYTES;
    const memory = new MappedMemory(
      TunReader.memoryBytes(TUN_SLOTS, EGRESS_HEADROOM) +
        TunWriter.memoryBytes(this.#deliveryBatch.maxPieces) +
        DatagramReceiver.memoryBytes(DATAGRAM_SLOTS) +
        DatagramSender.memoryBytes(this.#transmitBatch, maxPeers) +
        Poll.memoryBytes(3) +
        headerBytes,
    );
    this.#setup = setup;
    this.#descriptors = descriptors;
    this.#forwarding = new ForwardingReader(setup.forwarding, setup.worker);
    this.#counters = new Counters(setup.counters, setup.worker);
    this.#wakeup = new Wakeup(setup.wakeupFd);
    this.#poll = new Poll(memory, [tun.fd, receiving.fd, setup.wakeupFd], Abi.POLLIN);
    this.#tunReader = new TunReader(tun.fd, memory, TUN_SLOTS, EGRESS_HEADROOM);
    this.#receiver = new DatagramReceiver(receiving.fd, memory, DATAGRAM_SLOTS);
    const egress = new Egress({
      memory: memory.bytes,
      headerArea: memory.allocate(headerBytes),
      forwarding: this.#forwarding,
      counters: this.#counters,
      batch: this.#transmitBatch,
      vni,
      sendingSockets: sending.length,
    });
    const ingress = new Ingress({
      memory: memory.bytes,
      forwarding: this.#forwarding,
      counters: this.#counters,
      batch: this.#deliveryBatch,
      vni,
      overlayMtuBytes,
    });
    this.#sender = new DatagramSender({
      fds: sending.map(({ fd }) => fd),
      segmentation: sending.every(({ segmentation }) => segmentation),
      memory,
      batch: this.#transmitBatch,
      maxPeers,
      endpoints: this.#forwarding,
      outcome: {
        sent: (datagram) => egress.sent(datagram),
        failed: (datagram, errnoName) => egress.failed(datagram, sendFailureReason(errnoName)),
      },
    });
    this.#tunWriter = new TunWriter(tun.fd, memory, this.#deliveryBatch.maxPieces, {
      delivered: (packet) => ingress.delivered(packet),
      failed: (packet, errnoName) => ingress.failed(packet, tunWriteFailureReason(errnoName)),
    });
    this.#egress = egress;
    this.#ingress = ingress;
  }

  /** What is in use at the moment. */
  features(): Features {
    const { offloads } = this.#descriptors.tun;
    return {
      tunChecksum: offloads.checksum,
      tunTcpSegmentation: offloads.tcpSegmentation,
      tunUdpSegmentation: offloads.udpSegmentation,
      udpSegmentation: this.#sender.segmentation,
      udpCoalescing: this.#descriptors.receiving.coalescing,
    };
  }

  /** Takes turns until the worker is told to stop. */
  run(report: (report: WorkerReport) => void): void {
    let hadSegmentation = this.#sender.segmentation;
    while (Atomics.load(this.#setup.stop, 0) === 0) {
      this.#poll.wait(-1);
      if (this.#poll.isReady(Ready.wakeup)) this.#wakeup.drain();
      // The forwarding state stays the same for the length of a turn, and is nobody's while we sleep.
      this.#forwarding.enter();
      if (this.#poll.isReady(Ready.receiving)) this.#receiveBatch();
      // Answers to what was just delivered may be there already.
      if (this.#poll.isReady(Ready.tun) || this.#poll.isReady(Ready.receiving)) this.#transmitTunBatches();
      this.#forwarding.leave();
      this.#counters.setSocketOverflow(this.#receiver.overflow);
      this.#counters.publish();
      if (this.#sender.segmentation !== hadSegmentation) {
        hadSegmentation = this.#sender.segmentation;
        report({ kind: 'features', features: this.features() });
      }
    }
  }

  #receiveBatch(): void {
    const receiver = this.#receiver;
    const count = receiver.receive();
    for (let slot = 0; slot < count; slot++) {
      if (!this.#ingress.hasRoom()) {
        this.#deliver();
        this.#transmitTunBatches();
      }
      this.#ingress.push(
        receiver.at(slot),
        receiver.lengthBytes[slot]!,
        receiver.pieceSizeBytes[slot]!,
        receiver.senderFamily[slot] === 6 ? 6 : 4,
        receiver.senderAt(slot),
      );
    }
    this.#deliver();
  }

  #deliver(): void {
    this.#tunWriter.write(this.#deliveryBatch);
    this.#ingress.clear();
  }

  #transmitTunBatches(): void {
    let batches = 1;
    while (this.#transmitTunBatch() === TUN_SLOTS && batches < TUN_BATCHES) batches++;
  }

  /** Returns how many packets, or super-packets, there were. */
  #transmitTunBatch(): number {
    let slot = 0;
    for (; slot < TUN_SLOTS; slot++) {
      const lengthBytes = this.#tunReader.read(slot);
      if (lengthBytes === 0) break;
      if (!this.#egress.hasRoom()) this.#transmit();
      this.#egress.push(this.#tunReader.at(slot), lengthBytes);
    }
    this.#transmit();
    return slot;
  }

  #transmit(): void {
    this.#sender.send();
    this.#egress.clear();
  }
}
