/**
 * Tells of policies that are created, changed and deleted: each by itself at a bounded rate, since a tool may apply a thousand, and those
 * beyond it as a sum.
 */
import type { Clock } from '../../env/clock.ts';
import type { PolicyChange } from '../policy-facts/policy-change.ts';
import type { EventSink } from '../process/event-log.ts';

/** Changes that are told within an interval, one by one, and its length in ms. */
export const MAX_TOLD_CHANGES = 20;
export const CHANGES_INTERVAL_MS = 10_000;

export class ToldChanges {
  readonly #events: EventSink;
  readonly #clock: Pick<Clock, 'after'>;
  /** In this interval. */
  #changes = 0;

  constructor(events: EventSink, clock: Pick<Clock, 'after'>) {
    this.#events = events;
    this.#clock = clock;
  }

  add({ title, change, source, node }: PolicyChange): void {
    if (this.#changes === 0) this.#clock.after(CHANGES_INTERVAL_MS, () => this.#endInterval());
    if (++this.#changes > MAX_TOLD_CHANGES) return;
    const where = source === 'kubernetes' ? 'in Kubernetes' : `at ${node}`;
    this.#events.add('policy-changed', {
      subject: title,
      message: `policy ${title} was ${change} ${where}`,
      details: { change, source, node, others: 0 },
    });
  }

  #endInterval(): void {
    const others = this.#changes - MAX_TOLD_CHANGES;
    this.#changes = 0;
    if (others <= 0) return;
    this.#events.add('policy-changed', {
      subject: 'policies',
      message: `${others} more policies were created, changed or deleted within ${CHANGES_INTERVAL_MS / 1_000} s`,
      details: { change: '', source: '', node: '', others },
    });
  }
}
