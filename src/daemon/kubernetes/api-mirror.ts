/**
 * What the main thread knows of the Kubernetes API: the objects that are watched, whether that is of today, and that somebody watches.
 *
 *     thread ──changes──> here ──> who follows
 *       ^ died? ──> another one, which lists everything again
 *
 * It needs nothing of the rest of the daemon, so that a daemon which stands by has everything at hand when its turn comes.
 */
import type { Logger } from '../../env/logger.ts';
import type { ApiNode, ApiPod } from '../../kubernetes/api-object.ts';
import type { ApiPlace } from '../../kubernetes/api-place.ts';
import type { ObjectChanges, WatchState } from '../../kubernetes/object-watch.ts';
import type { StoredObjects } from '../../kubernetes/stored-objects.ts';
import {
  type ApiRecords,
  type ResourceName,
  resourceNames,
  watchedResources,
} from '../../kubernetes/watched-resource.ts';
import type { ApiReport } from './api-messages.ts';
import { ApiThread } from './api-thread-handle.ts';

export interface ApiMirrorOptions {
  readonly place: ApiPlace;
  /** Of the own Node object. */
  readonly nodeName: string;
  readonly userAgent: string;
  readonly logger: Logger;
  readonly wallClockMs: () => number;
}

/** What came of a change that was asked for. */
export interface ApiOutcome {
  /** Empty: it was made. */
  readonly problem: string;
  /** Of HTTP; 0: there was no answer. */
  readonly status: number;
  readonly body: unknown;
}

/** A resource, and how it is watched. */
interface Mirrored<Value> {
  readonly objects: Map<string, Value>;
  state: WatchState;
  /** Whether all objects were seen in this run. */
  isComplete: boolean;
}

/** How long to wait until another thread is started: longer each time, unless the last one ran for as long as that. */
const FIRST_RESTART_MS = 1_000;
const LAST_RESTART_MS = 60_000;

/** Changes that are asked for and have no answer yet, at most. Beyond them, the oldest has failed. */
const MAX_ASKED = 256;

const UNBEGUN: WatchState = { phase: 'listing', problem: '', objects: 0, unreadable: 0, lists: 0 };

export class ApiMirror {
  readonly #options: ApiMirrorOptions;
  readonly #mirrored: { readonly [Name in ResourceName]: Mirrored<ApiRecords[Name]> } = {
    nodes: { objects: new Map(), state: UNBEGUN, isComplete: false },
    pods: { objects: new Map(), state: UNBEGUN, isComplete: false },
  };
  readonly #followers: ((resource: ResourceName) => void)[] = [];
  readonly #asked = new Map<number, (outcome: ApiOutcome) => void>();
  #count = 0;
  #thread: ApiThread | undefined;
  #startedAtMs = 0;
  #restartMs = FIRST_RESTART_MS;
  #timer: NodeJS.Timeout | undefined;
  /** Why the last thread ended, as long as there is no other. */
  #death = '';
  #isReachable = false;
  #sinceMs: number;
  #isClosed = false;

  constructor(options: ApiMirrorOptions) {
    this.#options = options;
    this.#sinceMs = options.wallClockMs();
    this.#start();
  }

  /** Has what an earlier run knew, as long as this one knows nothing. */
  recall({ nodes, pods }: StoredObjects): void {
    fill(this.#mirrored.nodes, nodes, watchedResources.nodes.keyOf);
    fill(this.#mirrored.pods, pods, watchedResources.pods.keyOf);
  }

  /** Has `follow` called after each change of a resource, or of how it is watched. */
  follow(follow: (resource: ResourceName) => void): void {
    this.#followers.push(follow);
  }

  /** `HOST:PORT` of the API server. */
  get server(): string {
    const { host, port } = this.#options.place;
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  get nodes(): ReadonlyMap<string, ApiNode> {
    return this.#mirrored.nodes.objects;
  }

  /** Those of this node, by `NAMESPACE/NAME`. */
  get pods(): ReadonlyMap<string, ApiPod> {
    return this.#mirrored.pods.objects;
  }

  /** Whether all objects of a resource were seen in this run, and not only in an earlier one. */
  isComplete(resource: ResourceName): boolean {
    return this.#mirrored[resource].isComplete;
  }

  /** The own Node object; `undefined`: there is none, or it was not seen yet. */
  get ownNode(): ApiNode | undefined {
    return this.nodes.get(this.#options.nodeName);
  }

  stateOf(resource: ResourceName): WatchState {
    return this.#mirrored[resource].state;
  }

  /** Whether everything is watched now; since when it is so, or is not so, in ms since 1970; and why not, if that is known. */
  reachability(): { readonly isReachable: boolean; readonly sinceMs: number; readonly problem: string } {
    return { isReachable: this.#isReachable, sinceMs: this.#sinceMs, problem: this.#problem() };
  }

  /** Asks for a change. `done` is called once, unless the daemon ends before. */
  ask(kind: 'patch' | 'post', path: string, body: unknown, done: (outcome: ApiOutcome) => void): void {
    const number = ++this.#count;
    if (this.#thread === undefined) return done({ problem: this.#death, status: 0, body: null });
    const [oldest] = this.#asked;
    if (this.#asked.size >= MAX_ASKED && oldest !== undefined) {
      this.#asked.delete(oldest[0]);
      oldest[1]({ problem: 'too much is asked of the API', status: 0, body: null });
    }
    this.#asked.set(number, done);
    this.#thread.tell({ kind, number, path, body });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#thread?.close();
  }

  #start(): void {
    const { place, nodeName, userAgent } = this.#options;
    this.#startedAtMs = performance.now();
    this.#death = '';
    this.#thread = new ApiThread(
      { place, nodeName, userAgent },
      { report: (report) => this.#hear(report), died: (error) => this.#buried(error) },
    );
  }

  #hear(report: ApiReport): void {
    if (report.kind === 'done') {
      const { number, problem, status, body } = report;
      const done = this.#asked.get(number);
      this.#asked.delete(number);
      return done?.({ problem, status, body });
    }
    const { resource } = report;
    if (report.kind === 'state') this.#mirrored[resource].state = report.state;
    else if (report.resource === 'nodes') take(this.#mirrored.nodes, report.changes, watchedResources.nodes.keyOf);
    else take(this.#mirrored.pods, report.changes, watchedResources.pods.keyOf);
    this.#judge();
    for (const follow of this.#followers) follow(resource);
  }

  #judge(): void {
    const isReachable =
      this.#death === '' &&
      Object.values(this.#mirrored).every(({ isComplete, state }) => isComplete && state.problem === '');
    if (isReachable === this.#isReachable) return;
    const { logger, wallClockMs } = this.#options;
    this.#isReachable = isReachable;
    this.#sinceMs = wallClockMs();
    if (isReachable) logger.info({}, 'the Kubernetes API is watched');
    else logger.warn({ problem: this.#problem() }, 'the Kubernetes API is away: what was known of it counts');
  }

  #problem(): string {
    if (this.#death !== '') return `the thread that asks it died: ${this.#death}`;
    const troubled = resourceNames.filter((name) => this.#mirrored[name].state.problem !== '');
    return troubled.map((name) => `${name}: ${this.#mirrored[name].state.problem}`).join('; ');
  }

  #buried(error: Error): void {
    const { logger } = this.#options;
    this.#thread = undefined;
    this.#death = error.message;
    for (const done of this.#asked.values()) done({ problem: this.#death, status: 0, body: null });
    this.#asked.clear();
    if (performance.now() - this.#startedAtMs > LAST_RESTART_MS) this.#restartMs = FIRST_RESTART_MS;
    logger.error({ err: error, restartMs: this.#restartMs }, 'the thread of the Kubernetes API died');
    this.#judge();
    for (const follow of this.#followers) follow('nodes');
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#start(), this.#restartMs).unref();
    this.#restartMs = Math.min(this.#restartMs * 2, LAST_RESTART_MS);
  }
}

function fill<Value>(mirrored: Mirrored<Value>, values: readonly Value[], keyOf: (value: Value) => string): void {
  if (mirrored.isComplete) return;
  for (const value of values) mirrored.objects.set(keyOf(value), value);
}

/** A thread that lists for the first time knows nothing of what was known before: what it does not name is gone. */
function take<Value>(
  mirrored: Mirrored<Value>,
  { set, deleted, all }: ObjectChanges<Value>,
  keyOf: (value: Value) => string,
): void {
  const { objects } = mirrored;
  for (const key of deleted) objects.delete(key);
  for (const value of set) objects.set(keyOf(value), value);
  if (all === undefined) return;
  const present = new Set(all);
  for (const key of objects.keys()) if (!present.has(key)) objects.delete(key);
  mirrored.isComplete = true;
}
