/**
 * Membership over real sockets: what connects the pure protocol to the network, to time, and to what an earlier run knew.
 *
 * The members that were last seen are kept in the state directory and count as seeds at the next start, so that a node
 * which is a seed itself, or whose seeds are gone, finds its cluster again.
 */
import type { Logger } from '../env/logger.ts';
import type { Store } from '../env/store.ts';
import { WeftError } from '../errors.ts';
import { GossipSockets } from '../linux/gossip-sockets.ts';
import type { Announcement, Member } from '../membership/announcement.ts';
import { Membership } from '../membership/membership.ts';
import { type Endpoint, equalEndpoints, formatEndpoint, parseEndpoint } from '../wire/address.ts';
import type { Notice } from './api.ts';
import type { SeedHost } from './config.ts';
import { portInUse } from './port-holder.ts';
import { resolveSeeds } from './seeds.ts';
import { systemClock, systemRandom } from './system-environment.ts';

export interface GossipOptions {
  readonly announcement: Announcement;
  readonly incarnation: number;
  readonly seeds: readonly SeedHost[];
  /** Keeps the endpoints of the members that were last seen. */
  readonly store: Store;
  readonly logger: Logger;
  /** Called at once, and whenever a member changes: this node, and the others. */
  readonly onChange: (self: Member, others: readonly Member[]) => void;
}

/** How often names of seeds are resolved anew: an address behind a name may change. */
const SEED_REFRESH_MS = 30_000;

/** How long changes of the member list are gathered before they are saved. */
const SAVE_DELAY_MS = 1_000;

/** How long a last word may take to leave. */
const LEAVE_GRACE_MS = 200;

export class Gossip {
  readonly #options: GossipOptions;
  #membership!: Membership;
  #sockets!: GossipSockets;
  #seedTimer: NodeJS.Timeout | undefined;
  #saveTimer: NodeJS.Timeout | undefined;
  #members: readonly Member[] = [];
  #knownSeeds: readonly Endpoint[];

  private constructor(options: GossipOptions) {
    this.#options = options;
    this.#knownSeeds = parseStored(options.store.load());
  }

  /**
   * Binds the gossip port and begins.
   *
   * @throws WeftError `port-in-use`, naming who holds it; `announcement-invalid`. Nothing stays open then.
   */
  static async open(options: GossipOptions): Promise<Gossip> {
    const gossip = new Gossip(options);
    await gossip.#start();
    return gossip;
  }

  /** Members as this node sees them, itself included. */
  members(): readonly Member[] {
    return this.#members;
  }

  /** Messages and streams that were refused, by reason. */
  refused(): Readonly<Record<string, number>> {
    const { streamsRefusedBusy, streamsRefusedTooLong, streamsRefusedIncomplete } = this.#sockets.counters;
    return {
      ...this.#membership.refused(),
      'stream-busy': streamsRefusedBusy,
      'stream-too-long': streamsRefusedTooLong,
      'stream-incomplete': streamsRefusedIncomplete,
    };
  }

  /** Datagrams that came in, refused ones included. */
  get datagramsReceived(): number {
    return this.#sockets.counters.datagramsReceived;
  }

  /** Datagrams that the kernel dropped because they came faster than they were read. */
  datagramOverflow(): number {
    return this.#sockets.datagramOverflow();
  }

  /** What a person has to solve: another process that runs under this node's identity. */
  notices(): Notice[] {
    const rival = this.#membership.contestedBy();
    if (rival === undefined) return [];
    const message = `another node at ${formatEndpoint(rival)} runs with this node's identity: give each its own state directory, never a copy`;
    return [{ code: 'identity-contested', message }];
  }

  /** What to add to a member's `sinceMs` to get wall-clock time, in ms. */
  clockOffsetMs(): number {
    return Date.now() - systemClock.nowMs();
  }

  /** Says goodbye, so that nobody waits for a time-out, and closes the port. */
  async close(): Promise<void> {
    clearInterval(this.#seedTimer);
    clearTimeout(this.#saveTimer);
    this.#save();
    this.#membership.leave();
    await new Promise((resolve) => setTimeout(resolve, LEAVE_GRACE_MS));
    this.#membership.stop();
    await this.#sockets.close();
  }

  async #start(): Promise<void> {
    // Before the sockets, which hand over what comes from the moment they are open: resolving names takes its time.
    const seeds = await this.#seeds();
    this.#sockets = await this.#openSockets(this.#options.announcement.gossipEndpoint);
    try {
      this.#begin(seeds);
    } catch (error) {
      clearTimeout(this.#saveTimer);
      await this.#sockets.close();
      throw error;
    }
  }

  #begin(seeds: readonly Endpoint[]): void {
    const { announcement, incarnation, logger } = this.#options;
    this.#membership = new Membership({
      self: announcement,
      incarnation,
      seeds,
      clock: systemClock,
      random: systemRandom,
      transport: this.#sockets,
      logger,
      onChange: (members) => this.#changed(members),
    });
    this.#changed(this.#membership.members());
    this.#membership.start();
    this.#seedTimer = setInterval(() => {
      void this.#seeds().then((seeds) => this.#membership.setSeeds(seeds));
    }, SEED_REFRESH_MS);
  }

  async #openSockets(endpoint: Endpoint): Promise<GossipSockets> {
    try {
      return await GossipSockets.open(endpoint, {
        datagram: (from, bytes) => this.#membership.handleDatagram(from, bytes),
        exchange: (from, bytes) => this.#membership.handleExchange(from, bytes),
      });
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== 'port-in-use') throw error;
      const protocol = error.details['protocol'] === 'tcp' ? 'tcp' : 'udp';
      throw await portInUse(protocol, endpoint, 'listen for gossip');
    }
  }

  #changed(members: readonly Member[]): void {
    const { announcement, onChange } = this.#options;
    this.#members = members;
    const others = members.filter((member) => member.announcement.identity !== announcement.identity);
    const self = members.find((member) => member.announcement.identity === announcement.identity);
    if (self === undefined) throw new RangeError('the member list lacks this node');
    onChange(self, others);
    this.#saveTimer ??= setTimeout(() => {
      this.#saveTimer = undefined;
      this.#save();
    }, SAVE_DELAY_MS);
  }

  /** Configured seeds, then those of the last run; never this node. */
  async #seeds(): Promise<Endpoint[]> {
    const { announcement, logger, seeds } = this.#options;
    const resolved = await resolveSeeds(seeds);
    for (const { host, problem } of resolved.unresolved) logger.warn({ host, problem }, 'a seed does not resolve');
    return [...resolved.endpoints, ...this.#knownSeeds].filter(
      (seed, index, all) =>
        !equalEndpoints(seed, announcement.gossipEndpoint) &&
        all.findIndex((other) => equalEndpoints(seed, other)) === index,
    );
  }

  #save(): void {
    const { announcement, store, logger } = this.#options;
    const alive = this.#members.filter(
      (member) => member.state === 'alive' && member.announcement.identity !== announcement.identity,
    );
    // An empty list would forget the cluster just when this node is cut off from it.
    if (alive.length === 0) return;
    const endpoints = alive.slice(0, MAX_STORED).map((member) => formatEndpoint(member.announcement.gossipEndpoint));
    try {
      store.save({ endpoints });
    } catch (error) {
      // A full disk is no reason to stop forwarding: the list only helps the next start.
      logger.warn({ err: error }, 'the members last seen cannot be saved');
    }
  }
}

/** Enough to find a cluster again. */
const MAX_STORED = 32;

function parseStored(document: unknown): Endpoint[] {
  const { endpoints } = (document ?? {}) as { endpoints?: unknown };
  if (!Array.isArray(endpoints)) return [];
  return endpoints
    .filter((text) => typeof text === 'string')
    .map((text) => parseEndpoint(text))
    .filter((endpoint) => endpoint !== undefined);
}
