/** Probing for others, whose own ping was not answered. */
import type { Clock } from '../env/clock.ts';
import type { Endpoint } from '../wire/address.ts';
import type { MemberTable } from './member-table.ts';
import type { DatagramBody, ProbeMessage } from './message.ts';
import type { Parameters } from './parameters.ts';
import type { RefusalReason } from './refusals.ts';

/** Probes for others that may be under way at one time. */
const MAX_RELAYED_PROBES = 1_024;

interface RelayedProbe {
  readonly target: string;
  readonly asker: Endpoint;
  readonly askerSequence: number;
}

/** What the relay needs. */
export interface ProbeRelayOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly parameters: Pick<Parameters, 'probeTimeoutMs' | 'probeVerdictMs' | 'probeIntervalMs'>;
  readonly table: MemberTable;
  readonly send: (to: Endpoint, body: DatagramBody) => void;
  readonly nextSequence: () => number;
}

/**
 * Pings for others and passes acks back. When there was none in time, a nack says so (Lifeguard, section 4.1): whoever
 * asked then knows that the fault is not its own. An ack that comes after that is passed back all the same.
 */
export class ProbeRelay {
  readonly #options: ProbeRelayOptions;
  readonly #bySequence = new Map<number, RelayedProbe>();

  constructor(options: ProbeRelayOptions) {
    this.#options = options;
  }

  /** The target's endpoint is ours to know, not the asker's to say: nobody can aim us at a stranger. */
  ask(asker: Endpoint, { sequence: askerSequence, target }: ProbeMessage): RefusalReason | undefined {
    const { self, table, clock, parameters, send, nextSequence } = this.#options;
    const record = target === self ? undefined : table.get(target);
    if (record === undefined || this.#bySequence.size >= MAX_RELAYED_PROBES) return 'probe-unknown-target';
    const sequence = nextSequence();
    this.#bySequence.set(sequence, { target, asker, askerSequence });
    send(record.announcement.gossipEndpoint, { kind: 'ping', sequence, target });
    const { probeTimeoutMs, probeVerdictMs, probeIntervalMs } = parameters;
    clock.after(probeTimeoutMs, () => {
      if (!this.#bySequence.has(sequence)) return;
      send(asker, { kind: 'nack', sequence: askerSequence, target });
      const keptMs = probeVerdictMs + record.slowness * probeIntervalMs;
      clock.after(keptMs, () => this.#bySequence.delete(sequence));
    });
    return undefined;
  }

  /** Takes an ack; whether it answers a probe for somebody else. */
  answered({ sequence, target }: ProbeMessage): boolean {
    const relayed = this.#bySequence.get(sequence);
    if (relayed?.target !== target) return false;
    this.#bySequence.delete(sequence);
    this.#options.send(relayed.asker, { kind: 'ack', sequence: relayed.askerSequence, target });
    return true;
  }
}
