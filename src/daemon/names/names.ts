/**
 * Names of pods, nodes and services over DNS, as the main thread has them: what the thread is to know, how it is, and that it is there.
 *
 *     members, pods, services ──> here ──> thread ──> 169.254.1.1:53 ...
 *                                  ^ died? ──> another one, told everything again
 */
import type { Logger } from '../../env/logger.ts';
import type { Notice } from '../../api/control-api.ts';
import type { NamesStatus } from '../../api/names-api.ts';
import type { NamedNode } from '../../names/name-table.ts';
import type { NamedService } from '../../names/service-names.ts';
import { formatServerAddress, type NameServerAddress } from '../../names/resolver-configuration.ts';
import type { Prefix } from '../../wire/prefix.ts';
import type { EventSink } from '../process/event-log.ts';
import { NameCounters } from './name-counters.ts';
import { failureNotices } from './names-notices.ts';
import type { SettledNames } from './name-service.ts';
import type { NamesPlace, NamesState } from './names-messages.ts';
import { ThreadReserve } from '../process/thread-reserve.ts';
import { NAMES_PROGRAM, NamesThread } from './names-thread-handle.ts';
import { ToldServices } from './told-services.ts';

export interface NamesOptions {
  readonly domain: readonly string[];
  readonly nodeName: string;
  readonly clusterPrefixes: readonly Prefix[];
  readonly ttlSeconds: number;
  /** Of the configuration. */
  readonly resolvers: readonly NameServerAddress[];
  readonly resolverFile: string;
  readonly mostDescriptors: () => number;
  /** Identities of the nodes that are known: their names are told to a thread that starts. */
  readonly identities: () => Iterable<string>;
  /** A node and its pods; `undefined`: it is not there. */
  readonly node: (identity: string) => NamedNode | undefined;
  /** Absent: none have names. */
  readonly services?: ServicesToName;
  readonly place: () => NamesPlace;
  /** Whether this node has heard of others, if there are said to be any, and of the pods of those: asked for a while after the start. */
  readonly isSettled: () => boolean;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** Has a thread that has loaded its program; absent: it begins with that. */
  readonly reserve?: ThreadReserve;
}

/** Services as they are now. */
export interface ServicesToName {
  /** From which they have their addresses: nobody else is asked for names of these. */
  readonly prefixes: readonly Prefix[];
  readonly list: () => Iterable<NamedService>;
  /** Whether these are all: asked for a while after the start. */
  readonly isSettled: () => boolean;
}

/** How long to wait until another thread is started: longer each time, unless the last one ran for as long as that. */
const FIRST_RESTART_MS = 1_000;
const LAST_RESTART_MS = 60_000;

/**
 * How long a daemon that has just started may take to learn all names, in ms, and how often it is looked whether it has. After that, a
 * name that is not known is nobody's: one node that does not tell its pods must not keep all others from being told the truth.
 */
const SETTLE_MS = 15_000;
const SETTLE_LOOK_MS = 100;

/** Looks in a row that find all known: the first member that is heard of may tell of more. */
const SETTLED_LOOKS = 5;

/** How long changes of pods, and of services, are gathered, in ms. */
const GATHER_MS = 50;

export class Names {
  readonly #options: NamesOptions;
  readonly #counters = new NameCounters();
  #thread: NamesThread | undefined;
  #startedAtMs = 0;
  #restartMs = FIRST_RESTART_MS;
  #timer: NodeJS.Timeout | undefined;
  #placeTimer: NodeJS.Timeout | undefined;
  #servicesTimer: NodeJS.Timeout | undefined;
  /** What the thread knows of them. */
  #services = new ToldServices();
  readonly #settleTimer: NodeJS.Timeout;
  #settledLooks = 0;
  readonly #settled = new Set<SettledNames>();
  #state: NamesState | undefined;
  #failureNotices: readonly Notice[] = [];
  /** Why the last thread ended, as long as there is no other. */
  #death: string | undefined;
  #isClosed = false;

  constructor(options: NamesOptions) {
    this.#options = options;
    const endsAtMs = options.nowMs() + SETTLE_MS;
    this.#settleTimer = setInterval(() => this.#lookIfSettled(endsAtMs), SETTLE_LOOK_MS).unref();
    this.#start();
  }

  /** A node, or what pods it has, is not what it was. */
  nodeChanged(identity: string): void {
    this.#thread?.tell({ kind: 'node', identity, node: this.#options.node(identity) });
  }

  /** Pods or addresses of this node are not what they were: it is looked at them in a moment. */
  placeChanged(): void {
    if (this.#isClosed) return;
    this.#placeTimer ??= setTimeout(() => {
      this.#placeTimer = undefined;
      this.#tellPlace();
    }, GATHER_MS).unref();
  }

  /** Services, or backends of those that are headless, are not what they were: it is looked at them in a moment. */
  servicesChanged(): void {
    if (this.#isClosed) return;
    this.#servicesTimer ??= setTimeout(() => {
      this.#servicesTimer = undefined;
      this.#tellServices();
    }, GATHER_MS).unref();
  }

  /** What a person should know. */
  notices(): readonly Notice[] {
    if (this.#death !== undefined) {
      const message = `names are not answered: their thread died (${this.#death}), and another is started`;
      return [{ code: 'names-thread-died', message }];
    }
    return this.#failureNotices;
  }

  status(): Omit<NamesStatus, 'enabled'> {
    const { listening = [], known = 0, contested = 0, unnameable = 0 } = this.#state ?? {};
    const resolvers = this.#state?.resolvers ?? this.#options.resolvers.map(formatServerAddress);
    const domain = this.#options.domain.join('.');
    return { domain, listening, resolvers, known, contested, unnameable, ...this.#counters.read() };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#placeTimer);
    clearTimeout(this.#servicesTimer);
    clearInterval(this.#settleTimer);
    await this.#thread?.close();
  }

  #start(): void {
    const { domain, nodeName, clusterPrefixes, ttlSeconds, resolvers, resolverFile, mostDescriptors, identities } =
      this.#options;
    const { services, reserve = new ThreadReserve() } = this.#options;
    this.#startedAtMs = this.#options.nowMs();
    this.#thread = new NamesThread(
      reserve.take(NAMES_PROGRAM),
      {
        domain,
        nodeName,
        clusterPrefixes,
        servicePrefixes: services?.prefixes ?? [],
        ttlSeconds,
        resolvers,
        resolverFile,
        mostDescriptors: mostDescriptors(),
        counters: this.#counters.memory,
      },
      { state: (state) => void this.#hear(state), died: (error) => this.#buried(error) },
    );
    for (const identity of identities()) this.nodeChanged(identity);
    this.#services = new ToldServices();
    this.#tellServices();
    for (const of of this.#settled) this.#thread.tell({ kind: 'settled', of });
    this.#tellPlace();
  }

  #lookIfSettled(endsAtMs: number): void {
    const { isSettled, services, nowMs } = this.#options;
    const isLate = nowMs() >= endsAtMs;
    this.#settledLooks = isSettled() ? this.#settledLooks + 1 : 0;
    if (this.#settledLooks >= SETTLED_LOOKS || isLate) this.#settle('pods');
    if (services === undefined || services.isSettled() || isLate) this.#settle('services');
    if (this.#settled.size === 2) clearInterval(this.#settleTimer);
  }

  #settle(of: SettledNames): void {
    if (this.#settled.has(of)) return;
    this.#settled.add(of);
    // Those that are about to be told come first.
    if (of === 'services') this.#tellServices();
    this.#thread?.tell({ kind: 'settled', of });
  }

  #tellServices(): void {
    const { services } = this.#options;
    if (services === undefined || this.#thread === undefined) return;
    for (const change of this.#services.take(services.list())) this.#thread.tell({ kind: 'services', ...change });
  }

  #tellPlace(): void {
    this.#thread?.tell({ kind: 'place', ...this.#options.place() });
  }

  async #hear(state: NamesState): Promise<void> {
    this.#death = undefined;
    this.#state = state;
    const notices = await failureNotices(state.failures);
    if (this.#state !== state) return;
    for (const { code, message } of notices)
      if (!this.#failureNotices.some((known) => known.message === message))
        this.#options.logger.warn({ code }, message);
    this.#failureNotices = notices;
  }

  #buried(error: Error): void {
    const { events, logger, nodeName, nowMs } = this.#options;
    this.#thread = undefined;
    this.#state = undefined;
    this.#failureNotices = [];
    this.#death = error.message;
    if (nowMs() - this.#startedAtMs > LAST_RESTART_MS) this.#restartMs = FIRST_RESTART_MS;
    const message = `the thread that answers names on ${nodeName} died: ${error.message}; another is started`;
    events.add('names-thread-died', { subject: nodeName, message, details: { restartMs: this.#restartMs } });
    logger.error({ err: error, restartMs: this.#restartMs }, 'the thread of names died');
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#start(), this.#restartMs);
    this.#restartMs = Math.min(this.#restartMs * 2, LAST_RESTART_MS);
  }
}
