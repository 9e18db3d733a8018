/**
 * List and watch of one resource of the Kubernetes API, as its clients are told to do it (API concepts: efficient detection of changes).
 *
 *     listing ──last page──> watching ──server ends it──> watching again, from the last version
 *        ^  └──failed──> waiting ──┐     └──failed──> waiting ──> watching again
 *        └─────────────────────────┴──── 410 Gone, or too old a version
 *
 * What is known stays known while nothing can be asked. A list that is complete takes its place: what is missing in it was deleted.
 */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { ApiCalls, ApiFailure } from './api-calls.ts';
import { readListPage, readWatchEvent } from './api-object.ts';
import { backOffMs } from './back-off.ts';
import type { WatchedResource } from './watched-resource.ts';

/** Changes of what is known. */
export interface ObjectChanges<Value> {
  readonly set: readonly Value[];
  /** Keys. */
  readonly deleted: readonly string[];
  /** Keys of all that there are, where a list told them; `undefined`: one object changed. */
  readonly all: readonly string[] | undefined;
}

/** How it goes. */
export interface WatchState {
  /** `waiting`: until it is asked again. */
  readonly phase: 'listing' | 'watching' | 'waiting';
  /** What went wrong last; empty: nothing since the last success. */
  readonly problem: string;
  /** Objects that are known. */
  readonly objects: number;
  /** Objects that were passed over, as they were not what they should be, since the last list. */
  readonly unreadable: number;
  /** Complete lists so far. */
  readonly lists: number;
}

export interface ObjectWatchOptions<Value> {
  readonly resource: WatchedResource<Value>;
  readonly nodeName: string;
  readonly calls: ApiCalls;
  readonly clock: Clock;
  readonly random: Random;
  readonly onChanges: (changes: ObjectChanges<Value>) => void;
  readonly onState: (state: WatchState) => void;
}

/** How long a watch is asked for, in seconds, and how much longer at random: not all nodes come back at once. */
const WATCH_SECONDS = 300;
const WATCH_MORE_SECONDS = 300;

/** A watch that lasted less than this, in ms, did not go well, whatever its end was: one that ends at once would be asked for again and again. */
const SHORT_WATCH_MS = 5_000;

const GONE = 410;

export class ObjectWatch<Value> {
  readonly #options: ObjectWatchOptions<Value>;
  /** Records as JSON, by key: most updates of an object change nothing that is taken from it. */
  #known = new Map<string, string>();
  #version = '';
  #phase: WatchState['phase'] = 'listing';
  #problem = '';
  #unreadable = 0;
  #lists = 0;
  /** In a row. */
  #failures = 0;
  #cancel: () => void = () => {};
  /** What came before it is of the past. */
  #turn = 0;

  constructor(options: ObjectWatchOptions<Value>) {
    this.#options = options;
  }

  start(): void {
    this.#list();
  }

  stop(): void {
    this.#turn++;
    this.#cancel();
  }

  #list(): void {
    const turn = this.#begin('listing');
    const found = new Map<string, Value>();
    let unreadable = 0;
    const { calls, resource } = this.#options;
    const ask = (next: string): void => {
      this.#cancel = calls.get(this.#path({ limit: String(resource.pageLength), continue: next }), (answer) => {
        if (turn !== this.#turn) return;
        if ('failure' in answer) return this.#listFailed(answer.failure);
        const page = readListPage(answer.body);
        if (page === undefined) return this.#fail('the answer is no list of the API', 0, () => this.#list());
        for (const item of page.items) {
          const value = resource.read(item);
          if (value === undefined) unreadable++;
          else found.set(resource.keyOf(value), value);
        }
        if (found.size > resource.most) return this.#tooMany();
        if (page.next !== '') return ask(page.next);
        this.#listed(page.version, found, unreadable);
      });
    };
    ask('');
  }

  #listFailed({ status, message, retryAfterMs }: ApiFailure): void {
    // A list that took so long that its version is gone is begun anew, and so is any other.
    this.#fail(status === GONE ? 'the list took too long, and its version is gone' : message, retryAfterMs, () =>
      this.#list(),
    );
  }

  #listed(version: string, found: ReadonlyMap<string, Value>, unreadable: number): void {
    const known = new Map([...found].map(([key, value]) => [key, JSON.stringify(value)]));
    const set = [...found].filter(([key]) => this.#known.get(key) !== known.get(key)).map(([, value]) => value);
    const deleted = [...this.#known.keys()].filter((key) => !known.has(key));
    this.#known = known;
    this.#version = version;
    this.#unreadable = unreadable;
    this.#lists++;
    this.#problem = '';
    this.#options.onChanges({ set, deleted, all: [...known.keys()] });
    this.#watch();
  }

  #watch(): void {
    const { calls, clock, random } = this.#options;
    const turn = this.#begin('watching');
    const beganMs = clock.nowMs();
    const timeoutSeconds = WATCH_SECONDS + (random.uint32() % WATCH_MORE_SECONDS);
    const path = this.#path({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#version,
      timeoutSeconds: String(timeoutSeconds),
    });
    this.#cancel = calls.stream(path, {
      opened: () => {
        if (turn === this.#turn) this.#isWell();
      },
      object: (body) => {
        if (turn === this.#turn) this.#hear(body);
      },
      ended: (failure) => {
        if (turn !== this.#turn) return;
        if (failure?.status === GONE) return this.#expired();
        if (failure !== undefined) return this.#fail(failure.message, failure.retryAfterMs, () => this.#watch());
        if (clock.nowMs() - beganMs < SHORT_WATCH_MS)
          return this.#fail('the server ended the watch at once', 0, () => this.#watch());
        this.#failures = 0;
        this.#watch();
      },
    });
    this.#tell();
  }

  #hear(body: unknown): void {
    const event = readWatchEvent(body);
    if (event === undefined)
      return this.#breakOff('the server sent something else than an event of a watch', () => this.#list());
    if (event.type === 'ERROR') {
      if (event.code === GONE) return this.#expired();
      return this.#breakOff(`HTTP ${event.code}: ${event.message.slice(0, 300)}`, () => this.#list());
    }
    this.#failures = 0;
    this.#version = event.version === '' ? this.#version : event.version;
    if (event.type !== 'BOOKMARK') this.#take(event.type, event.object);
  }

  #isWell(): void {
    if (this.#problem === '') return;
    this.#problem = '';
    this.#tell();
  }

  #take(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: unknown): void {
    const { resource, onChanges } = this.#options;
    const value = resource.read(object);
    if (value === undefined) {
      this.#unreadable++;
      return this.#tell();
    }
    const key = resource.keyOf(value);
    if (type === 'DELETED') {
      if (this.#known.delete(key)) onChanges({ set: [], deleted: [key], all: undefined });
      return this.#tell();
    }
    const text = JSON.stringify(value);
    if (this.#known.get(key) === text) return;
    if (!this.#known.has(key) && this.#known.size >= resource.most) return this.#tooMany();
    this.#known.set(key, text);
    onChanges({ set: [value], deleted: [], all: undefined });
    this.#tell();
  }

  /** From here on only a new list helps. At once, the first time: a version that is gone is no fault of the server. */
  #expired(): void {
    if (this.#failures > 0) return this.#breakOff('the version that was known is gone', () => this.#list());
    this.#failures = 1;
    this.#cancel();
    this.#list();
  }

  #tooMany(): void {
    const { most } = this.#options.resource;
    // What is known stays known. It does not get better by trying often.
    this.#failures = Math.max(this.#failures, 10);
    this.#breakOff(`there are more than ${most} objects: so many are not watched`, () => this.#list());
  }

  #breakOff(problem: string, again: () => void): void {
    this.#cancel();
    this.#fail(problem, 0, again);
  }

  #fail(problem: string, retryAfterMs: number, again: () => void): void {
    const { clock, random } = this.#options;
    this.#failures++;
    this.#problem = problem;
    const turn = this.#begin('waiting');
    this.#tell();
    clock.after(backOffMs(this.#failures, retryAfterMs, random), () => {
      if (turn === this.#turn) again();
    });
  }

  #begin(phase: WatchState['phase']): number {
    this.#phase = phase;
    this.#cancel = () => {};
    return ++this.#turn;
  }

  #path(query: Readonly<Record<string, string>>): string {
    const { resource, nodeName } = this.#options;
    const all = { ...query, fieldSelector: resource.fieldSelector(nodeName) };
    const texts = Object.entries(all)
      .filter(([, value]) => value !== '')
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    return `${resource.path}?${texts.join('&')}`;
  }

  #tell(): void {
    this.#options.onState({
      phase: this.#phase,
      problem: this.#problem,
      objects: this.#known.size,
      unreadable: this.#unreadable,
      lists: this.#lists,
    });
  }
}
