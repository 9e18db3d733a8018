/** Nodes that run the real membership code on a simulated network, with everything that watches them. */
import { PodSetCache, type Holding } from '../directory/holdings.ts';
import { PodSet } from '../directory/pod-set.ts';
import { encodePod } from '../directory/pod-codec.ts';
import type { Cipher } from '../env/cipher.ts';
import { AnnouncementCache } from '../membership/announcement-cache.ts';
import type { Announcement, Member, MemberChange } from '../membership/announcement.ts';
import { sealAnnouncement } from '../membership/announcement-codec.ts';
import type { Claim } from '../membership/message.ts';
import { type Parameters, GOSSIP_PORT } from '../membership/parameters.ts';
import { Agreement } from './agreement.ts';
import { canAllMeet } from './acquaintance.ts';
import type { Cut } from './cut.ts';
import { formatMix, mix, NO_MIX, type Mix } from './mix.ts';
import { SimulatedNetwork } from './network.ts';
import { keyNumber } from './node-keys.ts';
import { SimulatedNode, type KnownBefore } from './node.ts';
import { identityOf } from './node-announcement.ts';
import { endpointAt } from './place.ts';
import { PodAgreement } from './pod-agreement.ts';
import { RulebookAgreement } from './rulebook-agreement.ts';
import { SeededRandom } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';
import { Views, type ViewChange } from './views.ts';
import { staleRouteBoundMs, Watch } from './watch.ts';
import { fairWeather, type Weather } from './weather.ts';

export interface ClusterOptions {
  /** How many nodes there may be; none runs at first. */
  readonly nodes: number;
  readonly seed: number;
  readonly weather?: Weather;
  readonly parameters?: Partial<Parameters>;
  /** Authenticates gossip with it; without, gossip is plain. */
  readonly cipher?: Cipher | undefined;
  /** Pods that each node begins with; a few unless said otherwise. */
  readonly podsPerNode?: number | undefined;
  /** Called with one line per change that a node saw. Costs time. */
  readonly onHistory?: (line: string) => void;
}

/** The first so many nodes are everybody's seeds. */
const SEEDS = 3;

/** Nodes start within this time of each other when "all at once". */
const START_SPREAD_MS = 1_000;

/** How long nodes of a settled cluster know each other. */
const SETTLED_SECONDS = 3_600;

const FEW_PODS = 3;

/** Streams of randomness that are not those of processes. */
const Stream = {
  network: 1,
  scenario: 2,
  slowness: 3,
  processes: 16,
  directories: 0x4000_0000,
  rulebooks: 0x8000_0000,
} as const;

export class SimulatedCluster {
  readonly clock = new VirtualClock();
  readonly network: SimulatedNetwork;
  readonly nodes: ReadonlyMap<number, SimulatedNode>;
  readonly views: Views;
  readonly agreement: Agreement;
  readonly pods: PodAgreement;
  readonly rulebooks: RulebookAgreement;
  readonly watch: Watch;
  /** Randomness for what befalls the nodes. */
  readonly random: SeededRandom;
  readonly seed: number;
  /** What gossip is authenticated with, if it is. */
  readonly cipher: Cipher | undefined;
  readonly #onHistory: ((line: string) => void) | undefined;
  #processes = 0;
  #history: Mix = { ...NO_MIX };

  constructor(options: ClusterOptions) {
    const { seed } = options;
    this.seed = seed;
    this.cipher = options.cipher;
    this.#onHistory = options.onHistory;
    this.random = new SeededRandom(seed, Stream.scenario);
    this.network = new SimulatedNetwork(
      this.clock,
      new SeededRandom(seed, Stream.network),
      options.weather ?? fairWeather,
      options.cipher !== undefined,
    );
    const environment = {
      clock: this.clock,
      network: this.network,
      parameters: options.parameters ?? {},
      ...(options.cipher && { authentication: { cipher: options.cipher, key: keyNumber(options.cipher, 0) } }),
      // Not at once: a node may announce while it takes an input, whose changes are not known here yet.
      onAnnounce: (node: SimulatedNode) =>
        this.clock.after(0, () => {
          if (!node.isRunning) return;
          this.agreement.expect(node.number, node.announcement);
          this.pods.announce(node.number, node.directory.summary);
        }),
      drawRandom: () => new SeededRandom(seed, Stream.processes + this.#processes++),
      drawPodRandom: () => new SeededRandom(seed, Stream.directories + this.#processes),
      drawRulebookRandom: () => new SeededRandom(seed, Stream.rulebooks + this.#processes),
      podsPerNode: options.podsPerNode ?? FEW_PODS,
      announcementCache: new AnnouncementCache(),
      podCache: new PodSetCache(),
      onChange: (node: SimulatedNode, changes: readonly MemberChange[]) => this.#changed(node.number, changes),
      onPods: (node: SimulatedNode, seen: readonly string[]) => {
        for (const identity of seen) this.pods.compare(node.number, numbers.get(identity) ?? -1);
      },
      onRulebook: (node: SimulatedNode) => this.rulebooks.hold(node.number, node.rulebook.summary.digest),
    };
    this.nodes = new Map(
      Array.from({ length: options.nodes }, (_, index) => [index + 1, new SimulatedNode(index + 1, environment)]),
    );
    const numbers = new Map([...this.nodes.keys()].map((number) => [identityOf(number), number]));
    const identities = new Map([...numbers].map(([identity, number]) => [number, identity]));
    const windows = {
      membersOf: (viewer: number) => this.node(viewer).membership.members(),
      find: (viewer: number, identity: string) => this.node(viewer).membership.member(identity),
    };
    this.views = new Views(numbers, windows, (change) => this.#take(change));
    this.agreement = new Agreement(
      this.views,
      (number) => identities.get(number)!,
      () => this.clock.nowMs(),
    );
    this.pods = new PodAgreement(
      (viewer, subject) => this.node(viewer).directory.versionOf(identities.get(subject)!),
      () => this.clock.nowMs(),
    );
    this.rulebooks = new RulebookAgreement(() => this.clock.nowMs());
    this.watch = new Watch({ clock: this.clock, network: this.network, views: this.views, nodes: this.nodes });
  }

  node(number: number): SimulatedNode {
    return this.nodes.get(number)!;
  }

  /** Numbers of the nodes that run, in order. */
  running(): number[] {
    return [...this.nodes.values()].filter(({ isRunning }) => isRunning).map(({ number }) => number);
  }

  /** Hash over all that every node saw, in order and with the time: equal for equal histories. */
  get historyHash(): string {
    return formatMix(this.#history);
  }

  /** Starts a node; it should be seen from now on. */
  start(number: number, seeds = this.seeds(), known?: KnownBefore): void {
    const node = this.node(number);
    this.agreement.add(number);
    node.start(seeds, known);
    this.agreement.expect(number, node.announcement);
    this.pods.start(number, node.directory.summary);
    this.rulebooks.hold(number, node.rulebook.summary.digest);
    this.watch.started(number);
  }

  /** Starts nodes within a second of each other. */
  startAll(numbers: Iterable<number> = this.nodes.keys(), seeds = this.seeds()): void {
    for (const number of numbers) {
      this.clock.after(this.random.between(0, START_SPREAD_MS), () => this.start(number, seeds));
    }
  }

  /** All nodes run, and have known each other for long. */
  startSettled(): void {
    const pods = new Map<string, Holding>();
    const claims = [...this.nodes.values()].map((node): Claim => {
      const set = PodSet.of(node.pods.map(encodePod));
      const podSummary = { version: node.firstPodVersion, digest: set.digest, pods: set.size };
      pods.set(node.announcement.identity, { ...podSummary, set, sinceMs: -Infinity });
      const sealed = sealAnnouncement({ ...node.announcement, podSummary });
      const ageSeconds = SETTLED_SECONDS;
      const { identity } = node.announcement;
      return {
        identity,
        incarnation: 1,
        state: 'alive',
        sealed,
        announcedAt: 1,
        ageSeconds,
        announcementAgeMs: 1_000 * ageSeconds,
      };
    });
    for (const [number, node] of this.nodes) this.agreement.expect(number, node.announcement);
    for (const number of this.nodes.keys()) this.start(number, this.seeds(), { claims, pods });
  }

  /** The machine of a node stops, without a word. */
  crash(number: number): void {
    this.node(number).crash();
    this.#ended(number);
  }

  /** A node says goodbye, and ends soon after. */
  leave(number: number): void {
    const node = this.node(number);
    node.leave(() => this.#ended(number));
    this.agreement.expect(number, undefined);
  }

  /** A node announces something else from now on. */
  announce(number: number, change: Partial<Announcement>): void {
    this.node(number).announce(change);
  }

  /** A node is somewhere else from now on, and says so. */
  move(number: number, place: number): void {
    this.node(number).moveTo(place);
    this.watch.changed();
  }

  /** A node has no address any more. */
  loseAddress(number: number): void {
    this.node(number).loseAddress();
    this.watch.changed();
  }

  cut(...cuts: readonly Cut[]): void {
    this.network.cuts.add(...cuts);
    this.watch.changed();
  }

  heal(...cuts: readonly Cut[]): void {
    this.network.cuts.remove(...cuts);
    this.watch.changed();
  }

  /** A node handles its input late, or no longer. */
  setSlow(number: number, isSlow: boolean): void {
    this.node(number).setSlow(isSlow ? new SeededRandom(this.seed, Stream.slowness + 0x1_0000 * number) : undefined);
  }

  /** Endpoints of the first nodes, where they were at first. */
  seeds(): ReturnType<typeof endpointAt>[] {
    return Array.from({ length: Math.min(SEEDS, this.nodes.size) }, (_, index) => endpointAt(index + 1, GOSSIP_PORT));
  }

  /**
   * Everything that was bad ends. Then all nodes have to come to hold the same, within the time that anti-entropy takes;
   * what they do not agree on is a violation. Only where none of some nodes can find any of the others by now, as when they
   * moved while they were apart, an operator tells all where all are.
   */
  settle(): void {
    this.network.cuts.clear();
    this.network.weather = fairWeather;
    for (const node of this.nodes.values()) node.setSlow(undefined);
    this.watch.changed();
    const running = [...this.nodes.values()].filter(({ isRunning }) => isRunning);
    if (!canAllMeet(running)) {
      const seeds = running.map(({ place }) => endpointAt(place, GOSSIP_PORT));
      for (const { membership } of running) membership.setSeeds(seeds);
    }
    const limitMs = staleRouteBoundMs(this.nodes.size) + 60_000;
    const isEqual = (): boolean =>
      this.agreement.isReached && this.views.distinct <= 1 && this.pods.isReached && this.rulebooks.isReached;
    if (this.clock.advanceUntil(isEqual, limitMs) !== undefined) {
      for (const viewer of this.views.viewers()) this.watch.checkRoutes(viewer);
      return;
    }
    const wrong = this.agreement.inError[0];
    const isOfOthers = wrong === undefined && this.views.distinct <= 1;
    const isOfPods = isOfOthers && !this.pods.isReached;
    if (isOfOthers && !isOfPods) {
      const message = `not all nodes hold the same rulebook ${limitMs / 1_000} s after all was well`;
      return this.watch.report('rulebooks-differ', message);
    }
    const message = isOfPods
      ? `not all pods are known ${limitMs / 1_000} s after all was well: ${this.pods.describeError()}`
      : wrong === undefined
        ? `${this.views.distinct} different views ${limitMs / 1_000} s after all was well: ${this.#difference()}`
        : `${this.agreement.inError.length} nodes see something wrong ${limitMs / 1_000} s after all was well: ${this.agreement.describeError(wrong[0])}`;
    this.watch.report(isOfPods ? 'pods-differ' : 'sides-differ', message);
  }

  #ended(number: number): void {
    this.views.drop(number);
    this.agreement.drop(number);
    this.agreement.expect(number, undefined);
    this.pods.end(number);
    this.rulebooks.end(number);
    this.watch.ended(number);
  }

  #changed(viewer: number, changes: readonly MemberChange[]): void {
    const wasWrong = this.agreement.isWrong(viewer);
    this.views.update(viewer, changes);
    this.watch.checkInput(viewer, wasWrong && !this.agreement.isWrong(viewer));
  }

  #take(change: ViewChange): void {
    const { viewer, subject, after } = change;
    const nowMs = this.clock.nowMs();
    let history = mix(mix(this.#history, Math.round(nowMs * 1_000)), viewer * 0x1_0000 + subject);
    history = mix(history, after === undefined ? 0 : after.incarnation * 8 + after.state.length);
    this.#history = history;
    if (this.#onHistory !== undefined) {
      const seen = after === undefined ? 'forgotten' : `${after.state}@${after.incarnation}`;
      this.#onHistory(`${nowMs.toFixed(3)} n${viewer}: n${subject} ${seen}`);
    }
    this.agreement.take(change);
    this.watch.take(change);
  }

  /** First member that two nodes hold differently. */
  #difference(): string {
    const [one, ...others] = this.views.viewers();
    for (const other of others) {
      const mine = describe(this.views.of(one!));
      const theirs = describe(this.views.of(other));
      const subject = [...new Set([...mine.keys(), ...theirs.keys()])].find(
        (name) => mine.get(name) !== theirs.get(name),
      );
      if (subject !== undefined) {
        return `${subject} is ${mine.get(subject) ?? 'unknown'} for n${one!}, ${theirs.get(subject) ?? 'unknown'} for n${other}`;
      }
    }
    return 'their announcements';
  }
}

function describe(members: readonly Member[]): Map<string, string> {
  return new Map(members.map(({ announcement, state, incarnation }) => [announcement.name, `${state}@${incarnation}`]));
}
