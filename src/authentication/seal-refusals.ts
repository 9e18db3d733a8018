/** Why sealed gossip is refused: one closed list, each reason a counter. */
import type { Clock } from '../env/clock.ts';
import type { Logger } from '../env/logger.ts';
import { formatEndpoint, type Endpoint } from '../wire/address.ts';

/** Reason -> what it means. The order is that of display. */
const sealRefusalMeanings = {
  'not-authenticated': 'the message is not sealed, or not with a key of this cluster, or not as it was sent',
  'address-translated':
    'the message is authentic, and came from another address or port than its sender announces: it was translated on the way, or somebody repeats it',
  'key-unknown': 'the message is sealed with a key that this node does not hold',
  replayed: 'the message was here before, or is too old to tell',
} as const;

export type SealRefusal = keyof typeof sealRefusalMeanings;

/** All reasons, in order of display. */
const sealRefusals = Object.keys(sealRefusalMeanings) as readonly SealRefusal[];

/** Per reason, one log line at most this often. */
const LOG_INTERVAL_MS = 60_000;

/** Counts refusals, and logs who caused them at a bounded rate. */
export class SealRefusals {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #counts = new Map<SealRefusal, number>(sealRefusals.map((reason) => [reason, 0]));
  readonly #loggedAtMs = new Map<SealRefusal, number>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Counts one refusal of a message from `from`. */
  count(reason: SealRefusal, from: Endpoint): void {
    const count = this.#counts.get(reason)! + 1;
    this.#counts.set(reason, count);
    // Networks double datagrams.
    if (reason === 'replayed') return;
    const nowMs = this.#clock.nowMs();
    if (nowMs - (this.#loggedAtMs.get(reason) ?? -Infinity) < LOG_INTERVAL_MS) return;
    this.#loggedAtMs.set(reason, nowMs);
    const fields = { reason, meaning: sealRefusalMeanings[reason], from: formatEndpoint(from), count };
    this.#logger.warn(fields, 'gossip refused');
  }

  /** Counts since the start; every reason is a key. */
  counts(): Record<SealRefusal, number> {
    return Object.fromEntries(this.#counts) as Record<SealRefusal, number>;
  }
}
