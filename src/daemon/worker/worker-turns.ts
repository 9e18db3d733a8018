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
import { receiveMessageOnPort } from 'node:worker_threads';
import { Abi } from '../../linux/kernel-abi.ts';
import { reopenTunQueue } from '../../linux/tun.ts';
import { Wakeup } from '../../linux/wakeup.ts';
import { equalIpAddresses } from '../../wire/address.ts';
import { type UnderlayOrder, UnderlayOrderReader } from './underlay-order.ts';
import { featuresOf } from './worker-features.ts';
import { openUnderlaySockets, type UnderlaySockets, type WorkerDescriptors } from './worker-descriptors.ts';
import { TapCaptures, type WorkerOrder } from './worker-orders.ts';
import { makeWorkerParts, Ready, tapEndpointOf, TUN_SLOTS, type WorkerParts } from './worker-parts.ts';
import { describeFailure, type WorkerReport, type WorkerSetup } from './worker-report.ts';
import type { Features } from '../../api/feature.ts';

/**
 * Most batches of the TUN device per turn: together what its queue holds, 500 packets. A batch from the underlay may be
 * over a thousand packets, and whoever gets them answers: reading fewer per turn than come in would fill that queue.
 */
const TUN_BATCHES = 16;

/** Most batches that are still taken from a socket before it is closed. */
const LAST_BATCHES = 256;

/** How soon to try to have a TUN device again that somebody deleted, in ms. */
const REOPEN_INTERVAL_MS = 200;

/** Both directions between one set of descriptors, over one piece of memory. */
export class WorkerTurns {
  readonly #setup: WorkerSetup;
  readonly #descriptors: WorkerDescriptors;
  readonly #parts: WorkerParts;
  #sockets: UnderlaySockets;
  readonly #orders: UnderlayOrderReader;
  readonly #wakeup: Wakeup;
  readonly #captures = new TapCaptures();
  /** Whether there was one packet, and no more, when the TUN device was last read. */
  #isSingle = false;
  #nextReopenMs = 0;

  /** Maps the memory. The descriptors stay the caller's, except for the sockets on the underlay. */
  constructor(setup: WorkerSetup, descriptors: WorkerDescriptors) {
    this.#setup = setup;
    this.#descriptors = descriptors;
    this.#parts = makeWorkerParts(setup, descriptors);
    this.#sockets = descriptors.underlay;
    this.#orders = new UnderlayOrderReader(setup.underlayOrder);
    this.#wakeup = new Wakeup(setup.wakeupFd);
  }

  /** What is in use at the moment. */
  features(): Features {
    const { segmentation } = this.#parts.sender;
    return featuresOf(this.#setup, this.#descriptors, this.#sockets, segmentation);
  }

  /** Closes the sockets on the underlay. */
  close(): void {
    this.#sockets.close();
  }

  /** Takes turns until the worker is told to stop. */
  run(report: (report: WorkerReport) => void): void {
    let hadSegmentation = this.#parts.sender.segmentation;
    while (Atomics.load(this.#setup.stop, 0) === 0) {
      this.#waitForPackets();
      if (this.#parts.poll.isReady(Ready.wakeup)) this.#wakeup.drain();
      // The forwarding state stays the same for the length of a turn, and is nobody's while we sleep.
      this.#parts.forwarding.enter();
      this.#releaseHeld();
      const received = this.#parts.poll.isReady(Ready.receiving) ? this.#receiveBatch() : 0;
      // Answers to many packets that were just delivered are there already. To one, hardly ever: a read would be in vain.
      if (this.#parts.poll.isReady(Ready.tun) || received > 1) this.#transmitTunBatches();
      this.#transmitProbes();
      const isOrdered = this.#parts.poll.isReady(Ready.wakeup);
      const order = isOrdered ? this.#orders.take() : undefined;
      if (order !== undefined) report(this.#move(order));
      this.#parts.forwarding.leave();
      this.#parts.counters.setSocketOverflow(this.#parts.receiver.overflow);
      this.#parts.counters.publish();
      this.#parts.recorder?.endTurn();
      if (isOrdered) this.#takeOrders(report);
      if (this.#parts.tunReader.isGone) this.#reopenTun();
      if (this.#parts.sender.segmentation !== hadSegmentation) {
        hadSegmentation = this.#parts.sender.segmentation;
        report({ kind: 'features', features: this.features() });
      }
    }
  }

  #takeOrders(report: (report: WorkerReport) => void): void {
    for (let orders = 0; ; orders++) {
      const received = receiveMessageOnPort(this.#setup.orders);
      if (received === undefined) {
        if (orders > 0) report({ kind: 'obeyed', orders });
        return;
      }
      const message = received.message as WorkerOrder;
      if (message.kind === 'faults') this.#parts.faults?.replace(message.rules);
      else this.#parts.taps.setCaptures(this.#captures.replace(message.captures));
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
    this.#parts.poll.watch(Ready.receiving, receiving.fd, Abi.POLLIN);
    this.#parts.receiver.changeSocket(receiving.fd);
    this.#parts.sender.changeSockets(sockets);
    this.#parts.relay.changeSockets(sockets);
    this.#parts.taps.moveTo(tapEndpointOf(sockets, this.#setup));
    before.close();
    return { kind: 'moved', order: sequence, failure: undefined };
  }

  /** Looks again for a while, if so configured and there were packets just now, and then sleeps. */
  #waitForPackets(): void {
    const { busyPollUs, stop } = this.#setup;
    if (busyPollUs > 0 && (this.#parts.poll.isReady(Ready.tun) || this.#parts.poll.isReady(Ready.receiving))) {
      const endMs = performance.now() + busyPollUs / 1000;
      do {
        if (this.#parts.poll.wait(0) > 0) return;
      } while (performance.now() < endMs && Atomics.load(stop, 0) === 0);
    }
    const waitMs = this.#parts.faults?.waitMs() ?? -1;
    const isForReopening = this.#parts.tunReader.isGone && (waitMs === -1 || waitMs > REOPEN_INTERVAL_MS);
    this.#parts.poll.wait(isForReopening ? REOPEN_INTERVAL_MS : waitMs);
  }

  /** Somebody deleted the TUN device: pods are still there, and so are their connections. The main thread sets it up. */
  #reopenTun(): void {
    const { tun } = this.#descriptors;
    const { poll, tunReader } = this.#parts;
    const nowMs = performance.now();
    // Without a device it is always ready, with an error.
    poll.watch(Ready.tun, -1, 0);
    if (nowMs < this.#nextReopenMs) return;
    this.#nextReopenMs = nowMs + REOPEN_INTERVAL_MS;
    try {
      reopenTunQueue(tun.fd, this.#setup.tunDevice, !this.#setup.without.includes('tunOffloads'));
    } catch {
      // Something else has its name now. What the audit says of it is not for a worker.
      return;
    }
    tunReader.isGone = false;
    poll.watch(Ready.tun, tun.fd, Abi.POLLIN);
  }

  /** Returns how many datagrams, or coalesced ones, there were. */
  #receiveBatch(): number {
    const receiver = this.#parts.receiver;
    const count = receiver.receive();
    for (let slot = 0; slot < count; slot++) {
      if (!this.#parts.ingress.hasRoom()) {
        this.#deliver();
        this.#parts.relay.send();
        this.#transmitTunBatches();
      }
      this.#parts.ingress.push(
        receiver.at(slot),
        receiver.lengthBytes[slot]!,
        receiver.pieceSizeBytes[slot]!,
        receiver.senderFamily[slot] === 6 ? 6 : 4,
        receiver.senderAt(slot),
        receiver.trafficClass[slot]!,
        receiver.senderPort(slot),
      );
    }
    this.#deliver();
    this.#parts.relay.send();
    return count;
  }

  #deliver(): void {
    this.#parts.ingress.flush();
    this.#parts.taps.handOver();
    this.#parts.tunWriter.write(this.#parts.deliveryBatch);
    this.#parts.ingress.clear();
  }

  #transmitTunBatches(): void {
    // Without its fraction it is a small integer, and no object per turn.
    this.#parts.errors.beginTurn(Math.floor(performance.now()));
    let batches = 1;
    let count = this.#transmitTunBatch();
    this.#isSingle = count === 1;
    for (; count === TUN_SLOTS && batches < TUN_BATCHES; batches++) count = this.#transmitTunBatch();
  }

  /** Returns how many packets, or super-packets, there were. */
  #transmitTunBatch(): number {
    let slot = 0;
    for (; slot < TUN_SLOTS; slot++) {
      const lengthBytes = this.#parts.tunReader.read(slot);
      if (lengthBytes === 0) break;
      if (!this.#parts.egress.hasRoom()) this.#transmit();
      this.#parts.egress.push(this.#parts.tunReader.at(slot), lengthBytes);
      // Where packets come one at a time, somebody waits for an answer: send first, and then see whether there are more.
      if (slot === 0 && this.#isSingle) this.#transmit();
    }
    this.#transmit();
    return slot;
  }

  #transmit(): void {
    this.#parts.sender.send();
    this.#parts.taps.handOver();
    this.#parts.errorWriter.write(this.#parts.errorBatch);
    this.#parts.egress.clear();
    this.#parts.errors.clear();
  }

  /** What injected faults held back, and what is due by now, goes on. */
  #releaseHeld(): void {
    const { faults, transmitBatch, relay, ingress } = this.#parts;
    while (faults?.release({ transmitBatch, relayBatch: relay.batch, ingress }) === true) {
      this.#transmit();
      this.#deliver();
      relay.send();
      faults.clear();
    }
  }

  /** Probes that were ordered, and answers to those of peers. */
  #transmitProbes(): void {
    while (this.#parts.probes.fill()) {
      this.#parts.sender.send();
      this.#parts.probes.clear();
    }
  }
}
