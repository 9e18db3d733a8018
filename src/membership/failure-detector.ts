/** SWIM's failure detector: who is there? */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { Endpoint } from '../wire/address.ts';
import { drawSome } from './draw.ts';
import type { MemberTable } from './member-table.ts';
import type { DatagramBody } from './message.ts';
import type { Parameters } from './parameters.ts';
import { ProbeOrder } from './probe-order.ts';
import type { RefusalReason } from './refusals.ts';

/** Indirect probes that may be under way for others at one time. */
const MAX_RELAYED_PROBES = 1_024;

interface Probe {
  readonly sequence: number;
  readonly target: string;
  readonly incarnation: number;
}

interface RelayedProbe {
  readonly target: string;
  readonly asker: Endpoint;
  readonly askerSequence: number;
}

/** What the detector needs. */
export interface FailureDetectorOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly parameters: Parameters;
  readonly table: MemberTable;
  readonly send: (to: Endpoint, body: DatagramBody) => void;
  /** A member did not answer, directly or through others, in the incarnation it had when it was probed. */
  readonly onFailed: (identity: string, incarnation: number) => void;
}

/**
 * Probes one member per interval, and answers probes of others.
 *
 *     0 ms           ping --> target
 *     500 ms         no ack: indirect-ping --> k others --> ping --> target; its ack comes back the same way
 *     1000 ms        still no ack: failed; next target
 */
export class FailureDetector {
  readonly #options: FailureDetectorOptions;
  readonly #order: ProbeOrder;
  #probe: Probe | undefined;
  readonly #relayed = new Map<number, RelayedProbe>();
  #lastSequence: number;

  constructor(options: FailureDetectorOptions) {
    this.#options = options;
    this.#order = new ProbeOrder(options.random);
    // Acks to an earlier life of this node, still under way, should not match.
    this.#lastSequence = options.random.uint32();
  }

  /** Ends the round that is under way, and probes the next member. To be called once per probe interval. */
  round(): void {
    const { table, parameters, clock, onFailed, send } = this.#options;
    const unanswered = this.#probe;
    this.#probe = undefined;
    if (unanswered !== undefined) onFailed(unanswered.target, unanswered.incarnation);

    const target = this.#order.next(table.liveOthers().map(({ announcement }) => announcement.identity));
    const record = target === undefined ? undefined : table.get(target);
    if (target === undefined || record === undefined) return;
    const probe: Probe = { sequence: this.#nextSequence(), target, incarnation: record.incarnation };
    this.#probe = probe;
    send(record.announcement.gossipEndpoint, { kind: 'ping', sequence: probe.sequence, target });
    clock.after(parameters.probeTimeoutMs, () => {
      if (this.#probe === probe) this.#askOthers(probe);
    });
  }

  /** Takes a ping, an indirect ping or an ack; says why if it is refused. */
  handle(from: Endpoint, body: DatagramBody): RefusalReason | undefined {
    switch (body.kind) {
      case 'none':
        break;
      case 'ping':
        // Whoever had this address before may have been another node; its death must be noticed.
        if (body.target !== this.#options.self) return 'probe-misdirected';
        this.#options.send(from, { kind: 'ack', sequence: body.sequence, target: body.target });
        break;
      case 'indirect-ping':
        return this.#relay(from, body.sequence, body.target);
      case 'ack':
        return this.#acknowledge(body.sequence, body.target);
    }
    return undefined;
  }

  #askOthers({ sequence, target }: Probe): void {
    const { random, table, parameters, send } = this.#options;
    const helpers = table
      .liveOthers()
      .filter(({ state, announcement }) => state === 'alive' && announcement.identity !== target);
    for (const { announcement } of drawSome(random, helpers, parameters.indirectProbes)) {
      send(announcement.gossipEndpoint, { kind: 'indirect-ping', sequence, target });
    }
  }

  /** The target's endpoint is ours to know, not the asker's to say: nobody can aim us at a stranger. */
  #relay(asker: Endpoint, askerSequence: number, target: string): RefusalReason | undefined {
    const { self, table, clock, parameters, send } = this.#options;
    const record = target === self ? undefined : table.get(target);
    if (record === undefined || this.#relayed.size >= MAX_RELAYED_PROBES) return 'probe-unknown-target';
    const sequence = this.#nextSequence();
    this.#relayed.set(sequence, { target, asker, askerSequence });
    send(record.announcement.gossipEndpoint, { kind: 'ping', sequence, target });
    clock.after(parameters.probeIntervalMs, () => this.#relayed.delete(sequence));
    return undefined;
  }

  #acknowledge(sequence: number, target: string): RefusalReason | undefined {
    if (this.#probe?.sequence === sequence && this.#probe.target === target) {
      this.#probe = undefined;
      return undefined;
    }
    const relayed = this.#relayed.get(sequence);
    if (relayed?.target !== target) return 'ack-unexpected';
    this.#relayed.delete(sequence);
    this.#options.send(relayed.asker, { kind: 'ack', sequence: relayed.askerSequence, target });
    return undefined;
  }

  #nextSequence(): number {
    this.#lastSequence = (this.#lastSequence + 1) >>> 0;
    return this.#lastSequence;
  }
}
