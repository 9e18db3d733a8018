/**
 * A worker's way across: what came from one peer for another leaves at once, from the slots that it was received into.
 *
 *     DatagramReceiver ──> Ingress ──> Relay ──> TransmitBatch ──> UnderlaySender ──> sending sockets
 *
 * It has a batch and a sender of its own, as its datagrams leave with a hop limit of their own, and are in other accounts than
 * those of this node's pods. The sockets are those of the worker.
 */
import type { DropReason } from '../../dataplane/drop-reason.ts';
import { relayFailureReason } from '../../dataplane/failure-reason.ts';
import type { FaultInjection } from '../../dataplane/fault-injection.ts';
import { MAX_PACKETS_PER_DATAGRAM } from '../../dataplane/ingress.ts';
import { Relay, RELAYED_HOP_LIMIT, type RelayOptions } from '../../dataplane/relay.ts';
import { TransmitBatch } from '../../dataplane/transmit-batch.ts';
import { UnderlaySender, type UnderlaySenderOptions } from './underlay-sender.ts';
import type { UnderlaySockets } from './worker-descriptors.ts';

/** Datagrams per batch: a dozen of those that the kernel had joined, and room for the largest of all. */
const BATCH_DATAGRAMS = 4 * MAX_PACKETS_PER_DATAGRAM;

export type WorkerRelayOptions = Pick<RelayOptions, 'forwarding' | 'counters' | 'peerCounters' | 'taps' | 'recorder'> &
  Pick<UnderlaySenderOptions, 'memory' | 'addresses' | 'underlay' | 'fragmentFd'> & {
    /** What injected faults do to what leaves. */
    readonly faults: FaultInjection | undefined;
  };

/** Belongs to the worker that owns its memory. */
export class WorkerRelay {
  /** What `Ingress` hands over to. */
  readonly relay: Relay;
  /** What is about to leave. */
  readonly batch: TransmitBatch;
  readonly #sender: UnderlaySender;

  /** Bytes of mapped memory that it takes. */
  static memoryBytes(): number {
    return UnderlaySender.memoryBytes(emptyBatch());
  }

  constructor(options: WorkerRelayOptions) {
    const { memory, forwarding, counters, peerCounters, addresses, underlay, fragmentFd, taps, recorder, faults } =
      options;
    const failed = (datagram: number, reason: DropReason): void => relay.failed(datagram, reason);
    const batch = emptyBatch();
    const relay = new Relay({
      memory: memory.bytes,
      forwarding,
      counters,
      peerCounters,
      batch,
      sendingSockets: underlay.sending.length,
      outerFragmentation: fragmentFd !== -1,
      ...(taps !== undefined && { taps }),
      recorder,
    });
    this.#sender = new UnderlaySender({
      memory,
      batch,
      addresses,
      endpoints: forwarding,
      underlay,
      fragmentFd,
      hopLimit: RELAYED_HOP_LIMIT,
      outcome: {
        sent: (datagram) => relay.sent(datagram),
        failed: (datagram, errnoName) => relay.failed(datagram, relayFailureReason(errnoName)),
      },
      withhold: () => {
        faults?.withhold(batch, failed);
        taps?.handOver();
      },
    });
    this.relay = relay;
    this.batch = batch;
  }

  /** Sends what was taken since the last call. What was received stays where it is until then. */
  send(): void {
    if (!this.relay.isFilled) return;
    this.#sender.send();
    this.relay.clear();
  }

  /** Sends through other sockets from now on: see {@link UnderlaySender.changeSockets}. */
  changeSockets(underlay: UnderlaySockets): void {
    this.#sender.changeSockets(underlay);
  }
}

function emptyBatch(): TransmitBatch {
  return new TransmitBatch(BATCH_DATAGRAMS, BATCH_DATAGRAMS);
}
