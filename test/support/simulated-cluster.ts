/** Nodes that run the real membership code on a simulated network, and a history of what they saw. */
import type { Announcement, Member, MemberState } from '../../src/membership/announcement.ts';
import { Membership } from '../../src/membership/membership.ts';
import type { Parameters } from '../../src/membership/parameters.ts';
import { resolveRoutes } from '../../src/routing/resolve-routes.ts';
import type { Endpoint } from '../../src/wire/address.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';
import { announcementOf, prefix } from './announcements.ts';
import { ManualClock } from './manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { silentLogger } from './silent-logger.ts';
import { SimulatedNetwork, type Weather } from './simulated-network.ts';

const clusterPrefixes = [prefix('10.0.0.0/8'), prefix('fd00:10::/32')];

/** One process of a node. */
export interface Process {
  readonly membership: Membership;
  readonly announcement: Announcement;
  /** Where it sends from. */
  readonly transport: { from: Endpoint };
}

export interface ClusterOptions {
  readonly seed: number;
  readonly weather?: Weather;
  readonly parameters?: Partial<Parameters>;
}

export class SimulatedCluster {
  readonly clock = new ManualClock();
  readonly network: SimulatedNetwork;
  /** One line for each change that a node saw. */
  readonly history: string[] = [];
  readonly #random: SeededRandom;
  readonly #parameters: Partial<Parameters>;
  readonly #running = new Map<number, Process>();

  constructor(options: ClusterOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#parameters = options.parameters ?? {};
    this.network = new SimulatedNetwork(this.clock, new SeededRandom(this.#random.uint32()), options.weather);
  }

  /** Starts nodes `first` to `last`, all with node 1 as their seed. */
  startNodes(first: number, last: number): void {
    for (let number = first; number <= last; number++) this.start(number);
  }

  /** Starts node `number`, as a new process that remembers nothing but its identity. */
  start(number: number, change: Partial<Announcement> = {}, seeds?: readonly Endpoint[]): Process {
    const announcement = announcementOf(number, change);
    const process = this.launch(announcement, seeds ?? [announcementOf(1).gossipEndpoint]);
    this.#running.set(number, process);
    return process;
  }

  /** Starts a process that is not among those which are asked for their view. */
  launch(announcement: Announcement, seeds: readonly Endpoint[]): Process {
    const transport = { from: announcement.gossipEndpoint };
    const { network } = this;
    const membership = new Membership({
      self: announcement,
      seeds,
      clock: this.clock,
      random: new SeededRandom(this.#random.uint32()),
      transport: {
        sendDatagram: (to, bytes) => network.transport(transport.from).sendDatagram(to, bytes),
        exchange: (to, request, onReply) => network.transport(transport.from).exchange(to, request, onReply),
      },
      logger: silentLogger,
      parameters: this.#parameters,
      onChange: () => this.#record(announcement.name, membership.members()),
    });
    this.network.attach(announcement.gossipEndpoint, membership);
    membership.start();
    return { membership, announcement, transport };
  }

  /** Ends node `number` without a word. */
  crash(number: number): void {
    const { membership, announcement } = this.process(number);
    membership.stop();
    this.network.detach(announcement.gossipEndpoint);
    this.#running.delete(number);
  }

  /** Node `number` says goodbye, and ends soon after. */
  leave(number: number): void {
    this.process(number).membership.leave();
    this.clock.advance(300);
    this.crash(number);
  }

  /** Node `number` is at another address from now on, keeps running, and announces it. What was there hears no more. */
  moveTo(number: number, endpoint: Endpoint): void {
    const { membership, announcement, transport } = this.process(number);
    transport.from = endpoint;
    this.network.attach(endpoint, membership);
    this.#running.set(number, { membership, announcement: { ...announcement, gossipEndpoint: endpoint }, transport });
    membership.announce({ gossipEndpoint: endpoint });
  }

  process(number: number): Process {
    return this.#running.get(number)!;
  }

  /** State of node `about` as node `viewer` sees it. */
  view(viewer: number, about: number): MemberState | undefined {
    const { identity } = announcementOf(about);
    return this.process(viewer)
      .membership.members()
      .find(({ announcement }) => announcement.identity === identity)?.state;
  }

  /** Whether every running node but `about` itself sees node `about` in `state`. */
  everybodySees(about: number, state: MemberState | undefined): boolean {
    return [...this.#running.keys()].every((viewer) => viewer === about || this.view(viewer, about) === state);
  }

  /** Whether every running node sees exactly the running nodes as alive. */
  isConverged(): boolean {
    const running = [...this.#running.values()]
      .map(({ announcement }) => announcement.identity)
      .sort()
      .join();
    return [...this.#running.values()].every(({ membership }) => {
      const alive = membership.members().filter(({ state }) => state === 'alive');
      const hasSuspects = membership.members().some(({ state }) => state === 'suspect');
      return !hasSuspects && alive.map(({ announcement }) => announcement.identity).join() === running;
    });
  }

  /** Time until {@link isConverged}, in ms; `undefined` if not within `limitMs`. */
  converge(limitMs: number): number | undefined {
    return this.clock.advanceUntil(() => this.isConverged(), limitMs);
  }

  /** Everything that a running node holds true, except since when: equal on all once they agree. */
  digest(number: number): string {
    return this.process(number)
      .membership.members()
      .map((member) => JSON.stringify([member.announcement, member.incarnation, member.state]))
      .join('\n');
  }

  /** Owners by prefix, as node `number` resolves them, and who is refused why. */
  routes(number: number): { owners: Record<string, string>; refused: string[] } {
    const { membership, announcement } = this.process(number);
    const members = membership.members();
    const self = members.find((member) => member.announcement.identity === announcement.identity)!;
    const { routes, refusals } = resolveRoutes({ self, members, staticPeers: [], clusterPrefixes });
    return {
      owners: Object.fromEntries(routes.map((route) => [formatPrefix(route.prefix), route.owner.identity])),
      refused: refusals.map(({ code, message }) => `${code}: ${message}`),
    };
  }

  #record(viewer: string, members: readonly Member[]): void {
    const view = members.map((member) => `${member.announcement.name}=${member.state}@${member.incarnation}`).join(' ');
    this.history.push(`${this.clock.nowMs().toFixed(3)} ${viewer}: ${view}`);
  }
}
