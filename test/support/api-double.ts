/** An API server in virtual time: objects with versions, lists in pages, watches, and everything that can go wrong with them. */
import type { Clock } from '../../src/env/clock.ts';
import type { Random } from '../../src/env/random.ts';
import type { ApiAnswer, ApiCalls, ApiFailure, StreamListener } from '../../src/kubernetes/api-calls.ts';

interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: object;
}

interface OpenWatch {
  readonly listener: StreamListener;
  version: number;
}

const LATENCY_MS = 5;

export class ApiDouble implements ApiCalls {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #objects = new Map<string, object>();
  readonly #pages = new Map<string, readonly object[]>();
  readonly #watches = new Set<OpenWatch>();
  #changes: Change[] = [];
  /** Changes before this version are forgotten: who asks for them is told 410. */
  #compacted = 0;
  #version = 100;
  /** Nobody gets an answer. */
  isAway = false;
  /** Paths that are not there: what they begin with. */
  absent: readonly string[] = [];
  /** An answer with more objects is too long. */
  longest = Infinity;
  lists = 0;
  watches = 0;
  readonly asked: string[] = [];

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get names(): string[] {
    return [...this.#objects.keys()].toSorted();
  }

  /** Makes or changes an object. */
  set(name: string, rest: object = {}): void {
    const type = this.#objects.has(name) ? 'MODIFIED' : 'ADDED';
    const resourceVersion = String(++this.#version);
    const object = { metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion }, ...rest };
    this.#objects.set(name, object);
    this.#changed({ version: this.#version, type, object });
  }

  delete(name: string): void {
    const object = this.#objects.get(name);
    if (object === undefined) return;
    this.#objects.delete(name);
    const resourceVersion = String(++this.#version);
    const metadata = { ...(object as { metadata: object }).metadata, resourceVersion };
    this.#changed({ version: this.#version, type: 'DELETED', object: { ...object, metadata } });
  }

  /** Forgets all changes so far, as etcd does. */
  compact(): void {
    this.#compacted = this.#version;
    this.#changes = [];
    this.#pages.clear();
  }

  /** Sends something as it is on all watches. */
  say(body: unknown): void {
    for (const watch of this.#watches) watch.listener.object(body);
  }

  bookmark(): void {
    for (const watch of this.#watches) watch.version = this.#version;
    this.say({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#version) } } });
  }

  /** Ends all watches. */
  end(failure?: ApiFailure): void {
    const ended = [...this.#watches];
    this.#watches.clear();
    for (const { listener } of ended) listener.ended(failure);
  }

  get(path: string, answer: (answer: ApiAnswer) => void): () => void {
    this.asked.push(path);
    return this.#later(() => {
      if (this.isAway) return answer(refused());
      if (this.#isAbsent(path)) return answer(notFound());
      const listed = this.#list(new URLSearchParams(path.split('?')[1]));
      const { items } = ('body' in listed ? listed.body : { items: [] }) as { readonly items: readonly object[] };
      answer(items.length > this.longest ? tooLong() : listed);
    });
  }

  stream(path: string, listener: StreamListener): () => void {
    this.asked.push(path);
    let watch: OpenWatch | undefined;
    const cancel = this.#later(() => {
      if (this.isAway) return listener.ended(refused().failure);
      if (this.#isAbsent(path)) return listener.ended(notFound().failure);
      const version = Number(new URLSearchParams(path.split('?')[1]).get('resourceVersion'));
      if (version < this.#compacted) return listener.ended(gone().failure);
      this.watches++;
      watch = { listener, version };
      this.#watches.add(watch);
      listener.opened();
      for (const change of this.#changes) if (change.version > version) this.#send(watch, change);
    });
    return () => {
      cancel();
      if (watch !== undefined) this.#watches.delete(watch);
    };
  }

  #list(query: URLSearchParams): ApiAnswer {
    const next = query.get('continue');
    const kept = next === null ? undefined : this.#pages.get(next);
    if (next !== null && kept === undefined) return gone();
    const all = kept ?? [...this.#objects.values()];
    const limit = Number(query.get('limit'));
    const version = next === null ? String(this.#version) : next.split(':')[0]!;
    if (next === null) this.lists++;
    const rest = all.slice(limit);
    const token = rest.length === 0 ? '' : `${version}:${this.#random.uint32()}`;
    if (token !== '') this.#pages.set(token, rest);
    return { body: { metadata: { resourceVersion: version, continue: token }, items: all.slice(0, limit) } };
  }

  #changed(change: Change): void {
    this.#changes.push(change);
    for (const watch of this.#watches) this.#send(watch, change);
  }

  #send(watch: OpenWatch, { version, type, object }: Change): void {
    if (!this.#watches.has(watch)) return;
    watch.version = version;
    watch.listener.object({ type, object });
  }

  #isAbsent(path: string): boolean {
    return this.absent.some((one) => path.startsWith(one));
  }

  #later(action: () => void): () => void {
    let isCancelled = false;
    this.#clock.after(LATENCY_MS, () => {
      if (!isCancelled) action();
    });
    return () => (isCancelled = true);
  }
}

function refused(): { readonly failure: ApiFailure } {
  return { failure: { status: 0, message: 'connect ECONNREFUSED', retryAfterMs: 0 } };
}

function gone(): { readonly failure: ApiFailure } {
  return { failure: { status: 410, message: 'HTTP 410: too old', retryAfterMs: 0 } };
}

function notFound(): { readonly failure: ApiFailure } {
  return { failure: { status: 404, message: 'HTTP 404: not found', retryAfterMs: 0 } };
}

function tooLong(): { readonly failure: ApiFailure } {
  return { failure: { status: 0, message: 'the answer is too long', retryAfterMs: 0, isTooLong: true } };
}
