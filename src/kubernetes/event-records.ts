/**
 * Events on objects of Kubernetes, as `kubectl describe` shows them: of core/v1, recorded as client-go's recorder does it (tools/record,
 * events_cache.go). The same again is counted, and not told anew; many of one kind become one; and an object gets no more than so many.
 *
 * Chosen: core/v1. Instead of: events.k8s.io/v1. Because: `kubectl describe` counts both alike, and one patch of a count does.
 */

/** What an event is about. */
export interface EventSubject {
  readonly kind: 'Node' | 'Pod';
  readonly name: string;
  /** Empty for a Node. */
  readonly namespace: string;
  readonly uid: string;
}

/** Something that happened. */
export interface Happening {
  readonly about: EventSubject;
  /** In upper camel case, for programs. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

/** What to ask the API for, so that it is known there. */
export interface EventCall {
  readonly kind: 'post' | 'patch';
  readonly path: string;
  readonly body: object;
  /** To be given back to {@link EventRecords.lost} if the API does not know the event any more. */
  readonly key: string;
}

interface Recorded {
  readonly name: string;
  count: number;
  lastMs: number;
}

interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Events that an object may get at once, and how long until there may be one more, in ms (client-go: 25, and 5 minutes). */
const BURST = 25;
const REFILL_MS = 300_000;

/** Different messages of one reason about one object within so many ms, from which on they are one (client-go: 10, and 10 minutes). */
const MANY_SIMILAR = 10;
const SIMILAR_MS = 600_000;

/** How long one is counted, in ms: the API server forgets events after an hour (--event-ttl). */
const COUNTED_MS = 3_300_000;

/** Kept at most, of each kind. */
const MAX_KEPT = 512;

/** Of the API. */
const MAX_MESSAGE_LENGTH = 1_024;

/** Of the object's, in the name of an event, which has 253 characters at most. */
const MAX_NAME_LENGTH = 200;

export class EventRecords {
  readonly #host: string;
  readonly #recorded = new Map<string, Recorded>();
  readonly #similar = new Map<string, Similar>();
  readonly #buckets = new Map<string, Bucket>();
  #serial = 0;

  /** @param host name of this node. */
  constructor(host: string) {
    this.#host = host;
  }

  /** @param nowMs since 1970. @returns `undefined`: the object has had enough for now */
  record(happening: Happening, nowMs: number): EventCall | undefined {
    const { about, reason } = happening;
    const message = this.#messageOf(happening, nowMs).slice(0, MAX_MESSAGE_LENGTH);
    if (!this.#mayTell(about, nowMs)) return undefined;
    const key = JSON.stringify([about.uid, about.name, reason, message.startsWith(COMBINED) ? COMBINED : message]);
    const time = timeOf(nowMs);
    const namespace = about.namespace === '' ? 'default' : about.namespace;
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
    const known = this.#recorded.get(key);
    if (known !== undefined && nowMs - known.lastMs < COUNTED_MS) {
      known.count++;
      known.lastMs = nowMs;
      const body = { count: known.count, lastTimestamp: time, message };
      return { kind: 'patch', path: `${path}/${encodeURIComponent(known.name)}`, body, key };
    }
    const name = `${about.name.slice(0, MAX_NAME_LENGTH)}.${nowMs.toString(16)}${(this.#serial++ % 65_536).toString(16).padStart(4, '0')}`;
    keep(this.#recorded, key, { name, count: 1, lastMs: nowMs });
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: 'v1',
        kind: about.kind,
        name: about.name,
        uid: about.uid,
        ...(about.namespace !== '' && { namespace: about.namespace }),
      },
      reason,
      message,
      type: 'Warning',
      source: { component: 'weft', host: this.#host },
      reportingComponent: 'weft',
      reportingInstance: this.#host,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    };
    return { kind: 'post', path, body, key };
  }

  /** The API does not know the event, or did not take it: the next of its kind is told anew. */
  lost(key: string): void {
    this.#recorded.delete(key);
  }

  #messageOf({ about, reason, message }: Happening, nowMs: number): string {
    const key = JSON.stringify([about.uid, about.name, reason]);
    const known = this.#similar.get(key);
    if (known === undefined || nowMs - known.lastMs > SIMILAR_MS) {
      keep(this.#similar, key, { messages: new Set([message]), lastMs: nowMs });
      return message;
    }
    known.lastMs = nowMs;
    if (known.messages.size < MANY_SIMILAR) known.messages.add(message);
    return known.messages.has(message) ? message : `${COMBINED}${message}`;
  }

  #mayTell({ uid, name }: EventSubject, nowMs: number): boolean {
    const key = JSON.stringify([uid, name]);
    const { tokens, atMs } = this.#buckets.get(key) ?? { tokens: BURST, atMs: nowMs };
    const refilled = Math.min(BURST, tokens + Math.max(0, nowMs - atMs) / REFILL_MS);
    keep(this.#buckets, key, { tokens: refilled < 1 ? refilled : refilled - 1, atMs: nowMs });
    return refilled >= 1;
  }
}

/** In front of a message that stands for many, as client-go puts it. */
const COMBINED = '(combined from similar events): ';

/** Of `Time` in the API: whole seconds. */
function timeOf(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
}

/** As the newest; the oldest makes room. */
function keep<Value>(all: Map<string, Value>, key: string, value: Value): void {
  all.delete(key);
  all.set(key, value);
  for (const oldest of all.keys()) {
    if (all.size <= MAX_KEPT) return;
    all.delete(oldest);
  }
}
