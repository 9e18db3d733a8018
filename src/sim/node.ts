/** A node that runs the real membership code: it starts, crashes, leaves, moves and gets slow. */
import type { ClusterKey } from '../authentication/cluster-key.ts';
import { SealedTransport } from '../authentication/sealed-transport.ts';
import type { DirectoryPod } from '../directory/directory-pod.ts';
import type { Holding, PodSetCache } from '../directory/holdings.ts';
import { PodDirectory } from '../directory/pod-directory.ts';
import type { Cipher } from '../env/cipher.ts';
import type { Clock } from '../env/clock.ts';
import type { Logger } from '../env/logger.ts';
import type { GossipTransport } from '../env/transport.ts';
import type { AnnouncementCache } from '../membership/announcement-cache.ts';
import type { Announcement, MemberChange } from '../membership/announcement.ts';
import { Membership } from '../membership/membership.ts';
import type { Claim } from '../membership/message.ts';
import { LEAVE_GRACE_MS, type Parameters } from '../membership/parameters.ts';
import type { SealedEntry } from '../rulebook/entry.ts';
import { Rulebook } from '../rulebook/rulebook.ts';
import { equalEndpoints, type Endpoint } from '../wire/address.ts';
import type { Listener, SimulatedNetwork } from './network.ts';
import { NodeKeys } from './node-keys.ts';
import { announcementAt, endpointsAt, NETWORK } from './node-announcement.ts';
import { podsOf } from './node-pods.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What is common to the nodes of a cluster. */
export interface NodeEnvironment {
  readonly clock: Clock;
  readonly network: SimulatedNetwork;
  readonly parameters: Partial<Parameters>;
  /** A generator of its own for each process. */
  readonly drawRandom: () => SeededRandom;
  /** The same for each directory of pods. */
  readonly drawPodRandom: () => SeededRandom;
  /** The same for each rulebook. */
  readonly drawRulebookRandom: () => SeededRandom;
  /** Pods that each node begins with. */
  readonly podsPerNode: number;
  /** With which key nodes begin; without, gossip is not authenticated. */
  readonly authentication?: { readonly cipher: Cipher; readonly key: ClusterKey };
  /** Called when a node announces something else. */
  readonly onAnnounce?: (node: SimulatedNode) => void;
  /** Called for whatever comes to a node, replies included. */
  readonly onInput?: (kind: 'datagram' | 'request' | 'reply') => void;
  /** Shared by all nodes: each announcement is parsed once. */
  readonly announcementCache: AnnouncementCache;
  /** Shared, too: each node's pods are checked and kept once. */
  readonly podCache: PodSetCache;
  /** What a node sees changed. */
  readonly onChange: (node: SimulatedNode, changes: readonly MemberChange[]) => void;
  /** A node holds something else of the pods of these. */
  readonly onPods: (node: SimulatedNode, identities: readonly string[]) => void;
  /** A node holds another rulebook. */
  readonly onRulebook: (node: SimulatedNode) => void;
}

/** What a node knew of others before: as if it had been there for long. */
export interface KnownBefore {
  readonly claims: readonly Claim[];
  readonly pods: ReadonlyMap<string, Holding>;
}

const NOTHING_KNOWN: KnownBefore = { claims: [], pods: new Map() };

/** Time of day when a simulation begins, in ms: versions of pods begin there. */
const EPOCH_MS = 1_700_000_000_000;

/** What survives the process: as `daemon/gossip/gossip.ts` keeps it in the state directory. */
interface PersistedState {
  /** Of members that were alive when last looked at. */
  readonly endpoints: readonly Endpoint[];
  /** Of the rulebook; `undefined`: it was not known what the cluster holds. */
  readonly entries: readonly SealedEntry[] | undefined;
}

const nothingPersisted: PersistedState = { endpoints: [], entries: undefined };

/** Members whose endpoints are kept. */
const MAX_PERSISTED_ENDPOINTS = 32;

/** How late a slow node handles its input, in ms. */
const SLOW_LEAST_MS = 500;
const SLOW_MOST_MS = 2_000;

function drop(): void {}

const silentLogger: Logger = { debug: drop, info: drop, warn: drop, error: drop };

export class SimulatedNode {
  readonly number: number;
  readonly #environment: NodeEnvironment;
  #place: number;
  #membership: Membership | undefined;
  #directory: PodDirectory | undefined;
  #rulebook: Rulebook | undefined;
  #pods: readonly DirectoryPod[];
  /** Where its clock begins after it was reset: versions of its pods then seem to go back. */
  #epochMs = EPOCH_MS;
  #sealed: SealedTransport | undefined;
  #listener: Listener | undefined;
  #announcement: Announcement;
  #persisted: PersistedState = nothingPersisted;
  #seeds: readonly Endpoint[] = [];
  #slowness: SeededRandom | undefined;
  /** Input is handled in the order in which it came. */
  #lastInputMs = 0;
  /** The keys that it holds, over restarts. */
  readonly keys: NodeKeys | undefined;
  /** When the process started; -1 while none runs. */
  startedMs = -1;
  /** When the node last had no address. */
  movedMs = -Infinity;

  constructor(number: number, environment: NodeEnvironment) {
    this.number = number;
    this.#environment = environment;
    this.#place = number;
    this.#announcement = announcementAt(number, number);
    this.#pods = podsOf(number, environment.podsPerNode);
    environment.network.setMachine(number, true);
    const { authentication } = environment;
    this.keys =
      authentication && new NodeKeys(authentication.cipher, authentication.key, (keyIds) => this.announce({ keyIds }));
    if (this.keys !== undefined) this.#announcement = { ...this.#announcement, keyIds: this.keys.ring.ids };
  }

  /** Where it is; -1 while it has no address. */
  get place(): number {
    return this.#listener === undefined ? -1 : this.#place;
  }

  /** Where it is, or was before it lost its address. */
  get lastPlace(): number {
    return this.#place;
  }

  get isRunning(): boolean {
    return this.#membership !== undefined;
  }

  get isSlow(): boolean {
    return this.#slowness !== undefined;
  }

  /** What it announces, or would. */
  get announcement(): Announcement {
    return this.#announcement;
  }

  /** The process. @throws RangeError if none runs */
  get membership(): Membership {
    if (this.#membership === undefined) throw new RangeError(`node ${this.number} does not run`);
    return this.#membership;
  }

  /** What it knows of all pods. @throws RangeError if no process runs */
  get directory(): PodDirectory {
    if (this.#directory === undefined) throw new RangeError(`node ${this.number} does not run`);
    return this.#directory;
  }

  /** The rulebook that it holds. @throws RangeError if no process runs */
  get rulebook(): Rulebook {
    if (this.#rulebook === undefined) throw new RangeError(`node ${this.number} does not run`);
    return this.#rulebook;
  }

  /** The pods that it has. */
  get pods(): readonly DirectoryPod[] {
    return this.#pods;
  }

  /** The version that a process would begin with now. */
  get firstPodVersion(): number {
    return Math.max(1, this.#epochMs + Math.ceil(this.#environment.clock.nowMs()));
  }

  /** Has these pods from now on. */
  replacePods(pods: readonly DirectoryPod[]): void {
    this.#pods = pods;
    this.#directory?.replaceOwn(pods);
  }

  /**
   * Starts a process. It knows the seeds, the endpoints of the last run, and nothing else.
   *
   * @param known what it knows of others from the beginning
   */
  start(seeds: readonly Endpoint[], known = NOTHING_KNOWN): void {
    const { clock, network, parameters, drawRandom, announcementCache, onChange } = this.#environment;
    const random = drawRandom();
    const directory = this.#openDirectory(known.pods);
    // Whoever knows others of old knows that there is nothing yet.
    const rulebook = this.#openRulebook(known === NOTHING_KNOWN ? this.#persisted.entries : []);
    this.#announcement = { ...this.#announcement, podSummary: directory.summary };
    const sealed = this.keys && this.#seal(this.keys, random);
    // Its own may be among them: that changes when it moves, and membership knows where it is.
    this.#seeds = distinct([...seeds, ...this.#persisted.endpoints]);
    const membership: Membership = new Membership({
      self: this.#announcement,
      seeds: this.#seeds,
      known: known.claims,
      pods: directory,
      rulebook,
      clock,
      random,
      transport: sealed ?? this.#transport(network.transport(() => this.place)),
      directives: this.keys?.orders ?? [],
      onDirective: () => this.keys?.follow(membership.directives()),
      logger: silentLogger,
      parameters,
      announcementCache,
      onChange: (changes) => {
        if (this.#membership !== membership) return;
        directory.follow(changes);
        rulebook.follow(changes);
        onChange(this, changes);
      },
    });
    this.#membership = membership;
    this.#directory = directory;
    this.#rulebook = rulebook;
    rulebook.attach({
      spreadRulebook: (rumour) => membership.spreadRulebook(rumour),
      askForRulebook: (to, request, onAnswer) => membership.askForRulebook(to, request, onAnswer),
      liveOthers: () => membership.liveOthers(),
      hasMetSeeds: () => this.#hasMetSeeds(membership),
    });
    directory.attach(
      {
        announcePods: (podSummary) => {
          if (this.#directory === directory) this.announce({ podSummary });
        },
        spreadPods: (identity, change) => membership.spreadPods(identity, change),
        askForPods: (to, request, onAnswer) => membership.askForPods(to, request, onAnswer),
        liveOthers: () => membership.liveOthers(),
        member: (identity) => membership.member(identity),
      },
      membership.members(),
    );
    this.#sealed = sealed;
    this.keys?.attach(membership);
    this.startedMs = clock.nowMs();
    this.#attach();
    onChange(
      this,
      membership.members().map((after) => ({ before: undefined, after })),
    );
    membership.start();
  }

  /** The machine stops: nobody answers any more. */
  crash(): void {
    this.#end();
    this.#environment.network.setMachine(this.#place, false);
  }

  /** Where it would look for others: its seeds, and where members are or were. */
  knownEndpoints(): Endpoint[] {
    return [...this.#seeds, ...this.membership.members().map(({ announcement }) => announcement.gossipEndpoint)];
  }

  /** Says goodbye, and ends soon after; unless it crashes before. */
  leave(onEnd: () => void): void {
    const { membership } = this;
    membership.leave();
    this.#environment.clock.after(LEAVE_GRACE_MS, () => {
      if (this.#membership !== membership) return;
      this.#end();
      onEnd();
    });
  }

  /** Announces something else from now on. */
  announce(change: Partial<Announcement>): void {
    this.#announcement = { ...this.#announcement, ...change };
    this.#membership?.announce(change);
    this.#environment.onAnnounce?.(this);
  }

  /** Loses its address: nothing comes or goes until {@link moveTo}. */
  loseAddress(): void {
    this.#detach();
    this.#environment.network.setMachine(this.#place, false);
  }

  /** Gets another address, and says so. */
  moveTo(place: number): void {
    this.#detach();
    this.#place = place;
    if (this.isRunning) this.#attach();
    this.movedMs = this.#environment.clock.nowMs();
    this.announce(endpointsAt(place));
  }

  /** Handles its input late from now on, if given randomness to draw how late. */
  setSlow(random: SeededRandom | undefined): void {
    this.#slowness = random;
  }

  /** Forgets what earlier runs persisted, and the time: as if its disk were new, but for the identity. */
  forgetState(): void {
    this.#persisted = nothingPersisted;
    this.#epochMs = 0;
  }

  #openDirectory(known: ReadonlyMap<string, Holding>): PodDirectory {
    const { clock, drawPodRandom, podCache, onPods } = this.#environment;
    const directory: PodDirectory = new PodDirectory({
      identity: this.#announcement.identity,
      clock,
      random: drawPodRandom(),
      firstVersion: this.firstPodVersion,
      pods: this.#pods,
      cache: podCache,
      onChange: (identities) => {
        if (this.#directory === directory) onPods(this, identities);
      },
    });
    for (const [identity, holding] of known) directory.recall(identity, holding);
    return directory;
  }

  #openRulebook(entries: readonly SealedEntry[] | undefined): Rulebook {
    const { clock, drawRulebookRandom, onRulebook } = this.#environment;
    const rulebook: Rulebook = new Rulebook({
      nodeName: this.#announcement.name,
      clock,
      random: drawRulebookRandom(),
      timeOfDayMs: () => this.#epochMs + clock.nowMs(),
      ...(entries !== undefined && { entries }),
      onChange: () => {
        if (this.#rulebook === rulebook) onRulebook(this);
      },
    });
    return rulebook;
  }

  #hasMetSeeds(membership: Membership): boolean {
    const own = this.#announcement.gossipEndpoint;
    const there = membership.liveOthers().map(({ announcement }) => announcement.gossipEndpoint);
    return this.#seeds.every((seed) => [own, ...there].some((endpoint) => equalEndpoints(endpoint, seed)));
  }

  #attach(): void {
    const process = this.#membership!;
    const whileItRuns = (action: () => void): void => {
      if (this.#membership === process) action();
    };
    const { onInput } = this.#environment;
    const receiver = this.#sealed ?? process;
    this.#listener = {
      datagram: (from, bytes) => {
        onInput?.('datagram');
        this.#input(() => whileItRuns(() => receiver.handleDatagram(from, bytes)));
      },
      exchange: (from, bytes, reply) => {
        onInput?.('request');
        this.#input(() => whileItRuns(() => reply(receiver.handleExchange(from, bytes))));
      },
    };
    this.#environment.network.setMachine(this.#place, true);
    this.#environment.network.attach(this.#place, this.#listener);
  }

  #seal(keys: NodeKeys, random: SeededRandom): SealedTransport {
    const { clock, network } = this.#environment;
    return new SealedTransport({
      network: NETWORK,
      identity: this.#announcement.identity,
      keys: keys.ring,
      cipher: keys.cipher,
      random,
      clock,
      logger: silentLogger,
      ownEndpoint: () => this.#announcement.gossipEndpoint,
      transport: this.#transport(network.transport(() => this.place)),
      handlers: {
        datagram: (from, bytes) => this.#membership?.handleDatagram(from, bytes),
        exchange: (from, bytes) => this.#membership?.handleExchange(from, bytes),
      },
    });
  }

  #end(): void {
    this.#persist();
    this.membership.stop();
    this.directory.stop();
    this.rulebook.stop();
    this.#membership = undefined;
    this.#directory = undefined;
    this.#rulebook = undefined;
    this.startedMs = -1;
    this.#detach();
  }

  #detach(): void {
    if (this.#listener === undefined) return;
    this.#environment.network.detach(this.#place, this.#listener);
    this.#listener = undefined;
    this.movedMs = this.#environment.clock.nowMs();
  }

  #input(action: () => void): void {
    if (this.#slowness === undefined) return action();
    const { clock } = this.#environment;
    const lateMs = this.#slowness.between(SLOW_LEAST_MS, SLOW_MOST_MS);
    this.#lastInputMs = Math.max(this.#lastInputMs, clock.nowMs() + lateMs);
    clock.after(this.#lastInputMs - clock.nowMs(), action);
  }

  /** Replies are input too. */
  #transport(transport: GossipTransport): GossipTransport {
    return {
      sendDatagram: (to, bytes) => transport.sendDatagram(to, bytes),
      exchange: (to, request, onReply) =>
        transport.exchange(to, request, (reply) => {
          if (reply !== undefined) this.#environment.onInput?.('reply');
          this.#input(() => onReply(reply));
        }),
    };
  }

  #persist(): void {
    const own = this.#announcement.identity;
    const endpoints = this.membership
      .members()
      .filter(({ state, announcement }) => state === 'alive' && announcement.identity !== own)
      .slice(0, MAX_PERSISTED_ENDPOINTS)
      .map(({ announcement }) => announcement.gossipEndpoint);
    // An empty list would forget the cluster just when this node is cut off from it.
    const kept = endpoints.length > 0 ? endpoints : this.#persisted.endpoints;
    const { isHeard } = this.rulebook;
    this.#persisted = { endpoints: kept, entries: isHeard ? this.rulebook.entries() : this.#persisted.entries };
  }
}

function distinct(endpoints: readonly Endpoint[]): Endpoint[] {
  return endpoints.filter(
    (endpoint, index) => endpoints.findIndex((other) => equalEndpoints(endpoint, other)) === index,
  );
}
