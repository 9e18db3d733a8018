/** Why gossip is refused: one closed list, each reason a counter. */
import type { Clock } from '../env/clock.ts';
import type { Logger } from '../env/logger.ts';
import { formatEndpoint, type Endpoint } from '../wire/address.ts';

/** Reason -> what it means. The order is that of display. */
const refusalMeanings = {
  'too-long': 'the message is longer than the limit',
  malformed: 'the bytes are not a protobuf message of the expected type',
  'limit-exceeded': 'a list or a field is longer than its limit',
  'network-other': 'the message is of another network',
  'sender-invalid': 'the identity of the sender is not 16 bytes',
  'sender-self': 'the sender bears the identity of this node',
  'claim-invalid': 'identity, state or incarnation of a claim is out of range',
  'incarnation-jump': 'a claim is implausibly far ahead of what is known of the member',
  'announcement-invalid': 'a field of an announcement is missing or out of range',
  'directive-invalid': 'subject, version or content of a directive is out of range',
  'directives-full': 'a new directive came, and as many as may be are known',
  'digest-invalid': 'the buckets of a digest are not a power of two of 8 bytes each',
  'probe-invalid': 'the target of a probe or its answer is not 16 bytes',
  'probe-misdirected': 'a probe is meant for another node, which perhaps had this address before',
  'probe-unknown-target': 'an indirect probe names a member that is not known, or too many are under way',
  'ack-unexpected': 'an answer came too late, twice, or without a question',
  'members-full': 'a new member is claimed, and as many as may be are alive',
} as const;

export type RefusalReason = keyof typeof refusalMeanings;

/** All reasons, in order of display. */
export const refusalReasons = Object.keys(refusalMeanings) as readonly RefusalReason[];

/** Per reason, one log line at most this often. */
const LOG_INTERVAL_MS = 60_000;

/** Reasons that any lossy network brings: counted, not logged. */
const ordinary: ReadonlySet<RefusalReason> = new Set(['ack-unexpected']);

/** Counts refusals, and logs who caused them at a bounded rate. */
export class Refusals {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #counts = new Map<RefusalReason, number>(refusalReasons.map((reason) => [reason, 0]));
  readonly #loggedAtMs = new Map<RefusalReason, number>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Counts one refusal of a message from `from`. */
  count(reason: RefusalReason, from: Endpoint): void {
    const count = this.#counts.get(reason)! + 1;
    this.#counts.set(reason, count);
    if (ordinary.has(reason)) return;
    const nowMs = this.#clock.nowMs();
    if (nowMs - (this.#loggedAtMs.get(reason) ?? -Infinity) < LOG_INTERVAL_MS) return;
    this.#loggedAtMs.set(reason, nowMs);
    const fields = { reason, meaning: refusalMeanings[reason], from: formatEndpoint(from), count };
    this.#logger.warn(fields, 'gossip refused');
  }

  /** Counts since the start; every reason is a key. */
  counts(): Record<RefusalReason, number> {
    return Object.fromEntries(this.#counts) as Record<RefusalReason, number>;
  }
}
