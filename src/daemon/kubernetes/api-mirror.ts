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
import type { WatchState } from '../../kubernetes/object-watch.ts';
import type { ApiObjects, StoredObjects } from '../../kubernetes/stored-objects.ts';
import {
  type ApiRecords,
  type ResourceName,
  resourcesFor,
  watchedResources,
  type WatchPurpose,
} from '../../kubernetes/watched-resource.ts';
import type { ApiReport, AskKind, ChangesReport } from './api-messages.ts';
import { ApiReach, type Reachability } from './api-reach.ts';
import { ApiThread } from './api-thread-handle.ts';

export interface ApiMirrorOptions {
  readonly place: ApiPlace;
  /** Of the own Node object. */
  readonly nodeName: string;
  /** What for. Of what else there is, nothing is known. */
  readonly purposes: readonly WatchPurpose[];
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
  /** Whether all were seen in this run or in an earlier one. */
  isKnown: boolean;
}

/** How long to wait until another thread is started: longer each time, unless the last one ran for as long as that. */
const FIRST_RESTART_MS = 1_000;
const LAST_RESTART_MS = 60_000;

/** Changes that are asked for and have no answer yet, at most. Beyond them, the oldest has failed. */
const MAX_ASKED = 256;

const UNBEGUN: WatchState = { phase: 'listing', problem: '', isForbidden: false, objects: 0, unreadable: 0, lists: 0 };

function unbegun<Value>(): Mirrored<Value> {
  return { objects: new Map(), state: UNBEGUN, isComplete: false, isKnown: false };
}

/**
 * Hears of each change of a resource, and of how it is watched.
 *
 * @param changed keys of objects that are others now, or gone; none: it is watched in another way
 */
export type ApiFollower = (resource: ResourceName, changed: readonly string[]) => void;

export class ApiMirror {
  readonly #options: ApiMirrorOptions;
  /** What is watched. */
  readonly resources: readonly ResourceName[];
  readonly #mirrored: { readonly [Name in ResourceName]: Mirrored<ApiRecords[Name]> } = {
    nodes: unbegun(),
    pods: unbegun(),
    namespaces: unbegun(),
    networkpolicies: unbegun(),
    clusternetworkpolicies: unbegun(),
    services: unbegun(),
    endpointslices: unbegun(),
  };
  readonly #reach: { readonly [Purpose in WatchPurpose]: ApiReach };
  readonly #followers: ApiFollower[] = [];
  readonly #asked = new Map<number, (outcome: ApiOutcome) => void>();
  #count = 0;
  #thread: ApiThread | undefined;
  #startedAtMs = 0;
  #restartMs = FIRST_RESTART_MS;
  #timer: NodeJS.Timeout | undefined;
  /** Why the last thread ended, as long as there is no other. */
  #death = '';
  #isClosed = false;

  constructor(options: ApiMirrorOptions) {
    this.#options = options;
    this.resources = resourcesFor(options.purposes);
    this.#reach = {
      node: new ApiReach('node', options),
      policy: new ApiReach('policy', options),
      service: new ApiReach('service', options),
    };
    this.#start();
  }

  /** Has what an earlier run knew, as long as this one knows nothing. */
  recall(stored: StoredObjects): void {
    for (const name of this.resources) this.#fill(name, stored[name]);
  }

  /** Has `follow` called after each change. */
  follow(follow: ApiFollower): void {
    this.#followers.push(follow);
  }

  /** `HOST:PORT` of the API server. */
  get server(): string {
    const { host, port } = this.#options.place;
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  /** All objects that are known of a resource, by the key that `watched-resource.ts` says. */
  objectsOf<Name extends ResourceName>(name: Name): ReadonlyMap<string, ApiRecords[Name]> {
    return this.#mirrored[name].objects;
  }

  /** All that is known of these resources. */
  everything(resources: readonly ResourceName[]): ApiObjects {
    const known = resources.filter((name) => this.isKnown(name));
    return Object.fromEntries(known.map((name) => [name, [...this.#mirrored[name].objects.values()]]));
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

  /** Whether all objects of a resource were seen, in this run or in an earlier one. */
  isKnown(resource: ResourceName): boolean {
    return this.#mirrored[resource].isKnown;
  }

  /** The own Node object; `undefined`: there is none, or it was not seen yet. */
  get ownNode(): ApiNode | undefined {
    return this.nodes.get(this.#options.nodeName);
  }

  stateOf(resource: ResourceName): WatchState {
    return this.#mirrored[resource].state;
  }

  /** Whether everything is watched now that it takes for a purpose. */
  reachability(purpose: WatchPurpose = 'node'): Reachability {
    return this.#reach[purpose].current;
  }

  /** Whether the server forbids to see something for which no run was ever told what there is: nobody waits for that. */
  isForbidden(purpose: WatchPurpose): boolean {
    return this.resources.some(
      (name) =>
        watchedResources[name].purpose === purpose && !this.isKnown(name) && this.#mirrored[name].state.isForbidden,
    );
  }

  /** Asks for something once. `done` is called once, unless the daemon ends before. */
  ask(kind: AskKind, path: string, body: unknown, done: (outcome: ApiOutcome) => void): void {
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
    const { resources } = this;
    this.#startedAtMs = performance.now();
    this.#death = '';
    this.#thread = new ApiThread(
      { place, nodeName, resources, userAgent },
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
    let changed: readonly string[] = [];
    if (report.kind === 'state') this.#mirrored[resource].state = report.state;
    else changed = this.#take(report);
    this.#judge();
    for (const follow of this.#followers) follow(resource, changed);
  }

  #judge(): void {
    const problem = this.#death === '' ? '' : `the thread that asks it died: ${this.#death}`;
    for (const reach of Object.values(this.#reach)) reach.judge(problem, this.#mirrored);
  }

  #fill<Name extends ResourceName>(name: Name, values: readonly ApiRecords[Name][] | undefined): void {
    const mirrored: Mirrored<ApiRecords[Name]> = this.#mirrored[name];
    if (mirrored.isComplete || values === undefined) return;
    for (const value of values) mirrored.objects.set(watchedResources[name].keyOf(value), value);
    mirrored.isKnown = true;
  }

  /**
   * A thread that lists for the first time knows nothing of what was known before: what it does not name is gone.
   *
   * @returns keys of what changed
   */
  #take<Name extends ResourceName>({ resource, changes: { set, deleted, all } }: ChangesReport<Name>): string[] {
    const mirrored: Mirrored<ApiRecords[Name]> = this.#mirrored[resource];
    const { objects } = mirrored;
    const present = all && new Set(all);
    const gone = present === undefined ? deleted : [...objects.keys()].filter((key) => !present.has(key));
    for (const key of gone) objects.delete(key);
    const changed = set.map((value) => {
      const key = watchedResources[resource].keyOf(value);
      objects.set(key, value);
      return key;
    });
    mirrored.isComplete ||= all !== undefined;
    mirrored.isKnown ||= mirrored.isComplete;
    return [...gone, ...changed];
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
    for (const follow of this.#followers) follow('nodes', []);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#start(), this.#restartMs).unref();
    this.#restartMs = Math.min(this.#restartMs * 2, LAST_RESTART_MS);
  }
}
