/**
 * List and watch of one resource of the Kubernetes API, as its clients are told to do it (API concepts: efficient detection of changes).
 *
 *     listing ──last page──> watching ──server ends it──> watching again, from the last version
 *        ^  └──failed──> waiting ──┐     └──failed──> waiting ──> watching again
 *        ├─────────────────────────┴──── 410 Gone, or too old a version
 *        └──now and then── absent <── 404, of what need not be there
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
  /** `waiting`: until it is asked again; `absent`: the server does not have this resource, and is asked again now and then. */
  readonly phase: 'listing' | 'watching' | 'waiting' | 'absent';
  /** What went wrong last; empty: nothing since the last success. */
  readonly problem: string;
  /** Whether that is that the server forbids it (HTTP 403): nothing is heard until somebody gives the right to. */
  readonly isForbidden: boolean;
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

/**
 * How often it is looked whether a resource is there by now, in ms, and how much less often at random. Nodes ask as long as it is not there: 1 000
 * of them 80 times in a second, for two versions, and each answer is a 404.
 */
const ABSENT_MS = 20_000;
const ABSENT_MORE_MS = 10_000;

/** A page that is longer than an answer may be is asked for with so many times fewer objects. */
const PAGE_DIVISOR = 4;

const FORBIDDEN = 403;
const NOT_FOUND = 404;
const GONE = 410;

/** Why it does not go on: what the server said, or what is wrong with that. */
type WatchProblem = Pick<ApiFailure, 'message'> & Partial<ApiFailure>;

/** A record, and as JSON. */
interface Found<Value> {
  readonly value: Value;
  readonly text: string;
}

export class ObjectWatch<Value> {
  readonly #options: ObjectWatchOptions<Value>;
  /** Records as JSON, by key: most updates of an object change nothing that is taken from it. */
  #known = new Map<string, string>();
  /** Of all of them, in characters. */
  #length = 0;
  /** Which of the paths is asked, and how many in a row were not there. */
  #place = 0;
  #misses = 0;
  #pageLength: number;
  #version = '';
  #phase: WatchState['phase'] = 'listing';
  #problem = '';
  #isForbidden = false;
  #unreadable = 0;
  #lists = 0;
  /** In a row. */
  #failures = 0;
  #cancel: () => void = () => {};
  /** What came before it is of the past. */
  #turn = 0;

  constructor(options: ObjectWatchOptions<Value>) {
    this.#options = options;
    this.#pageLength = options.resource.pageLength;
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
    const found = new Map<string, Found<Value>>();
    let unreadable = 0;
    let length = 0;
    const { calls, resource } = this.#options;
    const ask = (next: string): void => {
      this.#cancel = calls.get(this.#path({ limit: String(this.#pageLength), continue: next }), (answer) => {
        if (turn !== this.#turn) return;
        if ('failure' in answer) return this.#listFailed(answer.failure);
        const page = readListPage(answer.body);
        if (page === undefined) return this.#fail({ message: 'the answer is no list of the API' }, () => this.#list());
        for (const item of page.items) {
          const value = resource.read(item);
          if (value === undefined) {
            unreadable++;
            continue;
          }
          const text = JSON.stringify(value);
          length += text.length;
          found.set(resource.keyOf(value), { value, text });
        }
        if (found.size > resource.most || length > resource.mostCharacters) return this.#tooMany();
        if (page.next !== '') return ask(page.next);
        this.#listed(page.version, found, unreadable);
      });
    };
    ask('');
  }

  #listFailed(failure: ApiFailure): void {
    const { resource } = this.#options;
    const { status, isTooLong } = failure;
    if (status === NOT_FOUND && resource.isOptional) {
      this.#place = (this.#place + 1) % resource.paths.length;
      this.#misses++;
      return this.#misses < resource.paths.length ? this.#list() : this.#isAbsent();
    }
    if (isTooLong === true && this.#pageLength > 1) {
      this.#pageLength = Math.ceil(this.#pageLength / PAGE_DIVISOR);
      return this.#list();
    }
    // A list that took so long that its version is gone is begun anew, and so is any other.
    const message = status === GONE ? 'the list took too long, and its version is gone' : failure.message;
    this.#fail({ ...failure, message }, () => this.#list());
  }

  #listed(version: string, found: ReadonlyMap<string, Found<Value>>, unreadable: number): void {
    this.#version = version;
    this.#replace(found, unreadable);
    this.#watch();
  }

  /**
   * The server has everything else, and not this. It is believed at once: a server that does not know yet what it has says 503 (Kubernetes
   * since 1.23).
   */
  #isAbsent(): void {
    const { clock, random } = this.#options;
    this.#failures = 0;
    this.#replace(new Map(), 0);
    const turn = this.#begin('absent');
    this.#tell();
    clock.after(ABSENT_MS + (random.uint32() % ABSENT_MORE_MS), () => {
      if (turn === this.#turn) this.#list();
    });
  }

  #replace(found: ReadonlyMap<string, Found<Value>>, unreadable: number): void {
    const before = this.#known;
    const set = [...found].filter(([key, { text }]) => before.get(key) !== text).map(([, { value }]) => value);
    const deleted = [...before.keys()].filter((key) => !found.has(key));
    this.#known = new Map([...found].map(([key, { text }]) => [key, text]));
    this.#length = [...this.#known.values()].reduce((sum, { length }) => sum + length, 0);
    this.#unreadable = unreadable;
    this.#misses = 0;
    this.#lists++;
    this.#forgetProblem();
    this.#options.onChanges({ set, deleted, all: [...found.keys()] });
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
        if (failure?.status === GONE || (failure?.status === NOT_FOUND && this.#options.resource.isOptional))
          return this.#expired();
        // Whether the server is there is seen when it is asked again.
        if (failure !== undefined && failure.isSilence !== true) return this.#fail(failure, () => this.#watch());
        if (clock.nowMs() - beganMs < SHORT_WATCH_MS)
          return this.#fail({ message: 'the server ended the watch at once' }, () => this.#watch());
        this.#failures = 0;
        this.#watch();
      },
    });
    this.#tell();
  }

  #hear(body: unknown): void {
    const event = readWatchEvent(body);
    if (event === undefined)
      return this.#breakOff({ message: 'the server sent something else than an event of a watch' }, () => this.#list());
    if (event.type === 'ERROR') {
      if (event.code === GONE) return this.#expired();
      const message = `HTTP ${event.code}: ${event.message.slice(0, 300)}`;
      return this.#breakOff({ status: event.code, message }, () => this.#list());
    }
    this.#failures = 0;
    this.#version = event.version === '' ? this.#version : event.version;
    if (event.type !== 'BOOKMARK') this.#take(event.type, event.object);
  }

  #isWell(): void {
    if (this.#problem === '') return;
    this.#forgetProblem();
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
    const before = this.#known.get(key);
    const text = type === 'DELETED' ? '' : JSON.stringify(value);
    if (before === text) return;
    const length = this.#length - (before?.length ?? 0) + text.length;
    if (type === 'DELETED') {
      this.#length = length;
      if (this.#known.delete(key)) onChanges({ set: [], deleted: [key], all: undefined });
      return this.#tell();
    }
    const isMore = before === undefined && this.#known.size >= resource.most;
    if (isMore || length > resource.mostCharacters) return this.#tooMany();
    this.#length = length;
    this.#known.set(key, text);
    onChanges({ set: [value], deleted: [], all: undefined });
    this.#tell();
  }

  /** From here on only a new list helps. At once, the first time: a version that is gone is no fault of the server. */
  #expired(): void {
    if (this.#failures > 0)
      return this.#breakOff({ message: 'the version that was known is gone' }, () => this.#list());
    this.#failures = 1;
    this.#cancel();
    this.#list();
  }

  #tooMany(): void {
    const { most, mostCharacters } = this.#options.resource;
    // What is known stays known. It does not get better by trying often.
    this.#failures = Math.max(this.#failures, 10);
    const message = `there are more than ${most} objects, or ${mostCharacters} characters of them: so many are not watched`;
    this.#breakOff({ message }, () => this.#list());
  }

  #breakOff(problem: WatchProblem, again: () => void): void {
    this.#cancel();
    this.#fail(problem, again);
  }

  #fail({ message, status, retryAfterMs = 0 }: WatchProblem, again: () => void): void {
    const { clock, random } = this.#options;
    this.#failures++;
    this.#problem = message;
    this.#isForbidden = status === FORBIDDEN;
    const turn = this.#begin('waiting');
    this.#tell();
    clock.after(backOffMs(this.#failures, retryAfterMs, random), () => {
      if (turn === this.#turn) again();
    });
  }

  #forgetProblem(): void {
    this.#problem = '';
    this.#isForbidden = false;
  }

  #begin(phase: WatchState['phase']): number {
    this.#phase = phase;
    this.#cancel = () => {};
    return ++this.#turn;
  }

  #path(query: Readonly<Record<string, string>>): string {
    const { resource, nodeName } = this.#options;
    const { labelSelector } = resource;
    const all = { ...query, fieldSelector: resource.fieldSelector(nodeName), labelSelector };
    const texts = Object.entries(all)
      .filter(([, value]) => value !== '')
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    return `${resource.paths[this.#place]!}?${texts.join('&')}`;
  }

  #tell(): void {
    this.#options.onState({
      phase: this.#phase,
      problem: this.#problem,
      isForbidden: this.#isForbidden,
      objects: this.#known.size,
      unreadable: this.#unreadable,
      lists: this.#lists,
    });
  }
}
