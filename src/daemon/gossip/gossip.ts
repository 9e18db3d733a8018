/**
 * Membership over real sockets: what connects the pure protocol to the network, to time, and to what an earlier run knew.
 *
 * The members that were last seen are kept in the state directory and count as seeds at the next start, so that a node
 * which is a seed itself, or whose seeds are gone, finds its cluster again.
 */
import type { Sighting } from '../../authentication/sightings.ts';
import type { PodDirectory } from '../../directory/pod-directory.ts';
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import type { PatientStore, Store } from '../../env/store.ts';
import { WeftError } from '../../errors.ts';
import type { StreamLimits } from '../../linux/inbound-streams.ts';
import type { Announcement, DataEndpoint, Member, MemberChange, PodSummary } from '../../membership/announcement.ts';
import { forgetOrder } from '../../membership/directives.ts';
import { Membership } from '../../membership/membership.ts';
import { LEAVE_GRACE_MS, presets, type PresetName } from '../../membership/parameters.ts';
import type { MembershipStatistics } from '../../membership/statistics.ts';
import type { Rulebook } from '../../rulebook/rulebook.ts';
import { type Endpoint, equalEndpoints, type IpAddress } from '../../wire/address.ts';
import { comparePrefixes, type Prefix } from '../../wire/prefix.ts';
import { Acquaintances } from './acquaintances.ts';
import type { Notice } from '../../api/control-api.ts';
import type { SeedHost } from '../config/config.ts';
import { GossipEndpoint } from './gossip-endpoint.ts';
import type { Conversations } from '../remote/conversation.ts';
import type { GossipKeys } from './gossip-keys.ts';
import { gossipNotices } from './gossip-notices.ts';
import type { Pace } from '../process/pace.ts';
import { PathPackets } from './path-packets.ts';
import type { ProbedPath } from '../../forwarding/path-view.ts';
import { SeedList } from './seed-list.ts';
import { membersDocument, parseMembersDocument, type StoredMembers } from './stored-members.ts';
import { systemClock, systemRandom } from '../process/system-environment.ts';

export interface GossipOptions {
  /** What timers of members run by; absent: the system's. */
  readonly clock?: Clock;
  readonly announcement: Announcement;
  /** Says which pods this node has, and learns which others have. */
  readonly pods?: PodDirectory;
  /** What operators gave to the cluster. */
  readonly rulebook?: Rulebook;
  readonly incarnation: number;
  readonly seeds: readonly SeedHost[];
  /** How patient it is; all nodes of a cluster the same. */
  readonly preset: PresetName;
  /** Keeps the endpoints of the members that were last seen. */
  readonly store: PatientStore;
  /** The paths to other nodes, as far as they were measured. */
  readonly measuredPaths?: () => readonly ProbedPath[];
  /** Keys to seal gossip with; `undefined`: everybody is heard, and can read along. */
  readonly keys: GossipKeys | undefined;
  /** Streams of others at one time; absent: as many as are of use. */
  readonly streams?: StreamLimits;
  readonly logger: Logger;
  /** How often changes are handed on. */
  readonly pace: Pace;
  /** Called at once, and whenever a member changes: this node, the others, and what changed of those, in order. */
  readonly onChange: (self: Member, others: readonly Member[], changes: readonly MemberChange[]) => void;
}

/** How often names of seeds are resolved anew. */
const SEED_REFRESH_MS = 30_000;

/** How long changes of the member list are gathered before they are saved. */
const SAVE_DELAY_MS = 1_000;

export class Gossip {
  readonly #options: GossipOptions;
  #membership!: Membership;
  #door!: GossipEndpoint;
  #seedTimer: NodeJS.Timeout | undefined;
  #endsSilently = false;
  #saveTimer: NodeJS.Timeout | undefined;
  #isGathering = false;
  #gathering: NodeJS.Immediate | undefined;
  #paceTimer: NodeJS.Timeout | undefined;
  #following: NodeJS.Immediate | undefined;
  readonly #seeds: SeedList;
  readonly #paths: PathPackets;
  readonly #acquaintances: Acquaintances;
  /** Of others, not yet handed on. */
  #changes: MemberChange[] = [];
  #endpoint: Endpoint;

  private constructor(options: GossipOptions) {
    this.#options = options;
    const { announcement, measuredPaths = () => [], seeds, store, logger } = options;
    this.#paths = new PathPackets(measuredPaths, announcement.mtuBytes);
    const { endpoints, members } = lastSeen(store, logger);
    this.#seeds = new SeedList({ seeds, stored: endpoints, logger });
    this.#acquaintances = new Acquaintances(members, () => this.#seeds.configured());
    this.#endpoint = options.announcement.gossipEndpoint;
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
    return this.#membership.members();
  }

  /** The member of an identity. */
  member(identity: string): Member | undefined {
    return this.#membership.member(identity);
  }

  /** Has the cluster forget whoever bears this name or identity. @throws WeftError `peer-unknown`, `peer-alive` */
  forget(node: string): readonly Member[] {
    return this.#membership.forget(node);
  }

  /** Other nodes may be found at these endpoints, and no more at those that were found before. */
  findSeeds(endpoints: readonly Endpoint[]): void {
    this.#seeds.find(endpoints);
    this.#membership.setSeeds(this.#seeds.endpoints(this.#endpoint));
  }

  /** Whether there is anybody to begin with, beside members of the last run. */
  get hasSeeds(): boolean {
    return !this.#seeds.isEmpty;
  }

  /** When the node with this identity was heard, on the clock of members, and whether of late from elsewhere; `undefined`: not known. */
  sightingOf(identity: string): Sighting | undefined {
    return this.#door.sightingOf(identity);
  }

  /** What to tell of the path to this address where a connection broke off; empty: nothing. */
  pathRemark(address: IpAddress): string {
    return this.#paths.remark(address);
  }

  /** Where conversations with other nodes begin. */
  get conversations(): Conversations {
    return this.#door;
  }

  /** What gossip did since the start, and how it is. */
  statistics(): MembershipStatistics {
    return this.#membership.statistics();
  }

  /** This node, and the others, at this moment. */
  current(): { readonly self: Member; readonly others: readonly Member[] } {
    const { identity } = this.#options.announcement;
    const members = this.#membership.members();
    const others = members.filter(({ announcement }) => announcement.identity !== identity);
    const self = members.find(({ announcement }) => announcement.identity === identity);
    if (self === undefined) throw new RangeError('the member list lacks this node');
    return { self, others };
  }

  /** Whether everything that changed was handed on. */
  get isSettled(): boolean {
    return !this.#isGathering;
  }

  /** Messages and streams that were refused, by reason. */
  refused(): Readonly<Record<string, number>> {
    const { messages, streams } = this.#door.refused();
    return { ...messages, ...this.#membership.refused(), ...streams };
  }

  /** Datagrams that came in, refused ones included. */
  get datagramsReceived(): number {
    return this.#door.datagramsReceived;
  }

  /** Datagrams that the kernel dropped because they came faster than they were read. */
  datagramOverflow(): number {
    return this.#door.datagramOverflow();
  }

  /** Datagrams that this node's own kernel did not let out. */
  get datagramsForbidden(): number {
    return this.#door.datagramsForbidden;
  }

  /** What a person has to solve. */
  notices(): Notice[] {
    const { keys } = this.#options;
    return gossipNotices({
      endpoint: this.#endpoint,
      keys,
      hasSeeds: this.hasSeeds,
      membership: this.#membership,
    });
  }

  /** What to add to a member's `sinceMs` to get wall-clock time, in ms. */
  clockOffsetMs(): number {
    return Date.now() - systemClock.nowMs();
  }

  /**
   * Gossips from another endpoint from now on, and announces it with the endpoints of the data path that go with it.
   *
   * The endpoint before it becomes a seed: of two nodes that exchange their addresses, each knows the other at an address
   * that is now its own, and finds it where it was itself.
   *
   * @throws as {@link open}; then nothing has changed, and it may be tried again.
   */
  async moveTo(endpoint: Endpoint, dataEndpoints: readonly DataEndpoint[]): Promise<void> {
    await this.#door.moveTo(endpoint);
    if (!equalEndpoints(endpoint, this.#endpoint)) this.#seeds.noteFormer(this.#endpoint);
    this.#endpoint = endpoint;
    this.#membership.announce({ gossipEndpoint: endpoint, dataEndpoints });
    this.#membership.setSeeds(this.#seeds.endpoints(endpoint));
  }

  /** Announces these as this node's worst paths. False, and nothing has changed, if there is no room for so many. */
  announcePaths(pathReports: Announcement['pathReports']): boolean {
    try {
      this.#membership.announce({ pathReports });
      return true;
    } catch (error) {
      if (error instanceof WeftError && error.code === 'announcement-invalid') return false;
      throw error;
    }
  }

  /**
   * Announces these as the prefixes of this node. Path reports for which there is no room left give way.
   *
   * @throws WeftError `announcement-invalid`, and nothing has changed
   */
  announcePrefixes(prefixes: readonly Prefix[]): void {
    const before = this.current().self.announcement.prefixes;
    if (prefixes.length === before.length && prefixes.every((one, at) => comparePrefixes(one, before[at]!) === 0))
      return;
    this.#announce({ prefixes });
  }

  /**
   * Announces these as prefixes of this node's links. Path reports for which there is no room left give way.
   *
   * @throws WeftError `announcement-invalid`, and nothing has changed
   */
  announceLinks(linkPrefixes: readonly Prefix[]): void {
    this.#announce({ linkPrefixes });
  }

  /**
   * Has {@link close} say no goodbye: after a failure, or with a daemon that stands by, the node comes back within seconds,
   * and until then its pods are there. Nodes that were told that it left would give its routes away, and with them its
   * connections.
   */
  endSilently(): void {
    this.#endsSilently = true;
  }

  /** Says goodbye, so that nobody waits for a time-out, and closes the port. */
  async close(): Promise<void> {
    clearInterval(this.#seedTimer);
    this.#save();
    if (!this.#endsSilently) {
      this.#membership.leave();
      const mayHear = this.current().others.some(({ state }) => state === 'alive' || state === 'suspect');
      if (mayHear) await new Promise((resolve) => setTimeout(resolve, LEAVE_GRACE_MS));
    }
    this.#membership.stop();
    this.#options.pods?.stop();
    this.#options.rulebook?.stop();
    // Only now: leaving is a change, too.
    clearTimeout(this.#saveTimer);
    clearImmediate(this.#gathering);
    clearTimeout(this.#paceTimer);
    clearImmediate(this.#following);
    await this.#door.close();
  }

  async #start(): Promise<void> {
    // Before the sockets, which hand over what comes from the moment they are open: resolving names takes its time.
    await this.#seeds.refresh();
    const { announcement, keys, streams, logger } = this.#options;
    this.#door = await GossipEndpoint.open({
      announcement,
      keys: keys?.ring,
      paths: this.#paths,
      receiver: () => this.#membership,
      streams,
      logger,
    });
    try {
      this.#begin();
    } catch (error) {
      clearTimeout(this.#saveTimer);
      await this.#door.close();
      throw error;
    }
  }

  #begin(): void {
    const { announcement, incarnation, keys, pods, rulebook, logger } = this.#options;
    this.#membership = new Membership({
      self: pods === undefined ? announcement : { ...announcement, podSummary: pods.summary },
      ...(pods !== undefined && { pods }),
      ...(rulebook !== undefined && { rulebook }),
      incarnation,
      seeds: this.#seeds.endpoints(this.#endpoint),
      directives: keys?.orders ?? [],
      clock: this.#options.clock ?? systemClock,
      random: systemRandom,
      transport: this.#door.transport,
      logger,
      parameters: presets[this.#options.preset],
      onChange: (changes) => {
        pods?.follow(changes);
        rulebook?.follow(changes);
        this.#gather(changes);
      },
      // Not at once: this is in the midst of a message that may bring more of them.
      onDirective: () => (this.#following ??= setImmediate(() => this.#follow())),
    });
    if (pods !== undefined) this.#attachPods(pods);
    if (rulebook !== undefined) this.#attachRulebook(rulebook);
    keys?.attach(this.#membership, () => this.#unheard());
    this.#options.pace.run(() => this.#changed());
    this.#membership.start();
    this.#seedTimer = setInterval(() => {
      void this.#seeds.refresh().then(() => this.#membership.setSeeds(this.#seeds.endpoints(this.#endpoint)));
    }, SEED_REFRESH_MS);
  }

  #announce(change: Partial<Announcement>): void {
    try {
      this.#membership.announce(change);
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== 'announcement-invalid') throw error;
      this.#membership.announce({ ...change, pathReports: [] });
    }
  }

  #attachPods(pods: PodDirectory): void {
    const membership = this.#membership;
    const carrier = {
      announcePods: (podSummary: PodSummary) => this.#announce({ podSummary }),
      spreadPods: membership.spreadPods.bind(membership),
      askForPods: membership.askForPods.bind(membership),
      liveOthers: () => membership.liveOthers(),
      member: (identity: string) => membership.member(identity),
    };
    pods.attach(carrier, membership.members());
  }

  #attachRulebook(rulebook: Rulebook): void {
    const membership = this.#membership;
    rulebook.attach({
      spreadRulebook: membership.spreadRulebook.bind(membership),
      askForRulebook: membership.askForRulebook.bind(membership),
      liveOthers: () => membership.liveOthers(),
      hasMetSeeds: () => this.#unheard().length === 0,
    });
  }

  /** Who was to be there, and was not heard of since the start. */
  #unheard(): readonly string[] {
    this.#acquaintances.meet(this.#membership.members());
    const subjects = new Set(this.#membership.directives().map(({ subject }) => subject));
    return this.#acquaintances.unheard((identity) => subjects.has(forgetOrder(identity, 0).subject));
  }

  #follow(): void {
    this.#following = undefined;
    this.#options.keys?.follow();
  }

  /** Many changes often come in a burst of datagrams: their sum is looked at once, after what has arrived was taken. */
  #gather(changes: readonly MemberChange[]): void {
    const { identity } = this.#options.announcement;
    for (const change of changes) {
      if ((change.after ?? change.before)!.announcement.identity !== identity) this.#changes.push(change);
    }
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#gathering = setImmediate(() => this.#handOn());
  }

  #handOn(): void {
    const { pace } = this.#options;
    const { waitMs } = pace;
    if (waitMs > 0) {
      this.#paceTimer = setTimeout(() => this.#handOn(), waitMs);
      return;
    }
    this.#isGathering = false;
    pace.run(() => this.#changed());
  }

  #changed(): void {
    const { self, others } = this.current();
    this.#acquaintances.meet([self, ...others]);
    const changes = this.#changes;
    this.#changes = [];
    this.#options.onChange(self, others, changes);
    this.#saveTimer ??= setTimeout(() => {
      this.#saveTimer = undefined;
      this.#save();
    }, SAVE_DELAY_MS);
  }

  #save(): void {
    const { announcement, store } = this.#options;
    const alive = this.#membership
      .members()
      .filter((member) => member.state === 'alive' && member.announcement.identity !== announcement.identity);
    // An empty list would forget the cluster just when this node is cut off from it.
    if (alive.length === 0) return;
    // Its own, too: if it has another at the next start, the node that had that one may be found here. See `moveTo`.
    const members = alive.map((member) => member.announcement);
    const endpoints = [this.#endpoint, ...members.map(({ gossipEndpoint }) => gossipEndpoint)];
    // A full disk is no reason to stop forwarding: the list only helps the next start.
    store.keep(membersDocument({ endpoints, members }));
  }
}

/** A file that cannot be read is no reason not to start, either: it is written anew with the next change. */
function lastSeen(store: Store, logger: Logger): StoredMembers {
  try {
    return parseMembersDocument(store.load());
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== 'store-corrupt') throw error;
    logger.warn({ err: error }, 'the members last seen cannot be read: seeds have to do');
    return parseMembersDocument(undefined);
  }
}
