/** Tells of connections that changes of policies cut: at a bounded rate, since whoever may change policies can have that done all day. */
import type { Clock } from '../../env/clock.ts';
import type { EventSink } from '../process/event-log.ts';
import type { CutCounts } from './cut-connections.ts';

/** Least time between two events, in ms. What is cut meanwhile is in the next one. */
export const CUTS_INTERVAL_MS = 10_000;

export class ToldCuts {
  readonly #events: EventSink;
  readonly #clock: Clock;
  #untold: CutCounts = { cut: 0, restored: 0 };
  #isWaiting = false;

  constructor(events: EventSink, clock: Clock) {
    this.#events = events;
    this.#clock = clock;
  }

  add({ cut, restored }: CutCounts): void {
    this.#untold = { cut: this.#untold.cut + cut, restored: this.#untold.restored + restored };
    if (!this.#isWaiting) this.#tell();
  }

  #tell(): void {
    const { cut, restored } = this.#untold;
    if (cut + restored === 0) return;
    this.#untold = { cut: 0, restored: 0 };
    this.#events.add('policy-connections-cut', {
      subject: 'policies',
      message: `policies changed: ${words(cut)} no longer allowed and cut, ${words(restored)} allowed again`,
      details: { cut, restored },
    });
    this.#isWaiting = true;
    this.#clock.after(CUTS_INTERVAL_MS, () => {
      this.#isWaiting = false;
      this.#tell();
    });
  }
}

function words(count: number): string {
  return count === 1 ? '1 connection is' : `${count} connections are`;
}
