/**
 * What happened to members, routes and this node, with its time: `weft events`.
 *
 * Kept in memory, and bounded. Routes have a ring of their own, and so have members, and what policies deny: a node with ten thousand
 * routes that comes and goes, a partition of thousands of nodes, or a pod that tries all ports does not push out what an operator did.
 */
import type { HistoryEvent } from '../../api/control-api.ts';
import type { EventKind } from '../../api/event-kind.ts';

/** Events that each of the rings holds. */
const MAX_EVENTS = 4_096;

/** What to add of an event to its kind. */
export interface EventFacts {
  /** What it is about: the name of a node, a prefix, a device. */
  readonly subject: string;
  /** A sentence for people, which names the subject. */
  readonly message: string;
  /** The same for programs; values of one kind always have the same keys. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/** Which events are asked for. */
export interface EventFilter {
  /** In ms since 1970: these and later ones. */
  readonly sinceMs?: number | undefined;
  /** Those that came after the one with this number. */
  readonly after?: number | undefined;
  /** Any of these; absent: all. */
  readonly kinds?: readonly EventKind[] | undefined;
}

/** Where parts of the daemon report what happened. */
export interface EventSink {
  add(kind: EventKind, facts: EventFacts): void;
}

export class EventLog implements EventSink {
  readonly #wallClockMs: () => number;
  readonly #routes: Ring;
  readonly #members: Ring;
  readonly #denials: Ring;
  readonly #others: Ring;
  #count = 0;

  /** @param capacity of each ring. */
  constructor(wallClockMs: () => number, capacity = MAX_EVENTS) {
    this.#wallClockMs = wallClockMs;
    this.#routes = new Ring(capacity);
    this.#members = new Ring(capacity);
    this.#denials = new Ring(capacity);
    this.#others = new Ring(capacity);
  }

  /** Notes that something happened, now. */
  add(kind: EventKind, { subject, message, details = {} }: EventFacts): void {
    const time = new Date(this.#wallClockMs()).toISOString();
    this.#ringOf(kind).put({ number: ++this.#count, time, kind, subject, message, details });
  }

  /** Events in the order in which they happened. */
  list({ sinceMs, after = 0, kinds }: EventFilter = {}): HistoryEvent[] {
    const wanted = kinds && new Set<EventKind>(kinds);
    return [this.#routes, this.#members, this.#denials, this.#others]
      .flatMap((ring) => ring.all())
      .filter(({ number, kind, time }) => {
        if (number <= after || wanted?.has(kind) === false) return false;
        return sinceMs === undefined || Date.parse(time) >= sinceMs;
      })
      .sort((a, b) => a.number - b.number);
  }

  #ringOf(kind: EventKind): Ring {
    if (kind.startsWith('route-')) return this.#routes;
    if (kind === 'policy-denied') return this.#denials;
    return kind.startsWith('member-') ? this.#members : this.#others;
  }
}

/** The last so many. */
class Ring {
  readonly #capacity: number;
  readonly #events: HistoryEvent[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  put(event: HistoryEvent): void {
    this.#events[this.#next] = event;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** In no particular order. */
  all(): readonly HistoryEvent[] {
    return this.#events;
  }
}
