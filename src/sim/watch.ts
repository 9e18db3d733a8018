/** What must never happen, looked for after every event. */
import type { Clock } from '../env/clock.ts';
import { pushPullIntervalMs } from '../membership/push-pull.ts';
import { defaultParameters } from '../membership/parameters.ts';
import type { SimulatedNetwork } from './network.ts';
import type { SimulatedNode } from './node.ts';
import { RouteCheck } from './route-check.ts';
import type { ViewChange, Views } from './views.ts';

/** Something that must not happen did. */
export interface Violation {
  readonly atMs: number;
  /** Stable: `stale-route`, `sides-differ`. */
  readonly kind: string;
  readonly message: string;
}

/** What the watch looks at. */
export interface WatchOptions {
  readonly clock: Clock & { readonly pending: number };
  readonly network: SimulatedNetwork;
  readonly views: Views;
  readonly nodes: ReadonlyMap<number, SimulatedNode>;
}

/** Violations that are kept; the rest is counted. */
const MAX_VIOLATIONS = 100;

/** Up to so many nodes, routes are resolved after every change; above, when a node comes to see what is true. */
const MAX_NODES_RESOLVED_ALWAYS = 16;

/** Above as many nodes, the queue of news is looked at after one of so many inputs that changed something. */
const INPUTS_PER_SAMPLE = 256;

/** A node that started or moved this recently may rightly be taken for dead still: news of its earlier life goes round. */
const YOUTH_MS = 60_000;

/** News of deaths from across a cut still goes round for this long after it healed. */
const AFTERMATH_MS = 60_000;

/** Events that may wait per node: timers, and what is under way. */
const MAX_PENDING_PER_NODE = 1_000;

/** Longest datagram: with IPv6 and UDP headers it fits the smallest IPv6 MTU. */
const MAX_DATAGRAM_BYTES = 1_232;

export class Watch {
  readonly #options: WatchOptions;
  readonly #routes = new RouteCheck();
  #inputs = 0;
  readonly violations: Violation[] = [];
  violationCount = 0;
  /** Healthy nodes that were declared dead, each incarnation once. */
  readonly falseDeaths = new Map<string, string>();
  /** Side of each running node, now and in the time before; the present one last. */
  #sides: { readonly sideOf: ReadonlyMap<number, number>; readonly count: number; untilMs: number }[] = [];
  #sidesVersion = 0;
  /** Per node that is down: how many on each side know. */
  readonly #knownBy = new Map<number, { readonly version: number; readonly perSide: number[]; isKnown: boolean }>();

  constructor(options: WatchOptions) {
    this.#options = options;
    this.changed();
  }

  /** To be called when cuts changed, or a node started, ended or moved. */
  changed(): void {
    const { clock, network, nodes } = this.#options;
    const nowMs = clock.nowMs();
    const running = [...nodes.values()].filter(({ isRunning }) => isRunning);
    const places = running.map(({ place }) => place).filter((place) => place >= 0);
    const sideOfPlace = network.cuts.any ? network.cuts.sidesOf(places) : undefined;
    const sideOf = new Map(running.map(({ number, place }) => [number, sideOfPlace?.get(place) ?? 0]));
    const present = this.#sides.at(-1);
    if (present !== undefined) present.untilMs = nowMs;
    this.#sides = this.#sides.filter(({ untilMs, count }) => count > 1 && nowMs - untilMs < AFTERMATH_MS);
    this.#sides.push({ sideOf, count: Math.max(0, ...sideOf.values()) + 1, untilMs: Infinity });
    this.#sidesVersion++;
  }

  /** A node ended: from now on others should come to know. */
  ended(number: number): void {
    this.#knownBy.delete(number);
    this.changed();
  }

  /** A node started, and is no longer down. */
  started(number: number): void {
    this.#knownBy.delete(number);
    this.changed();
  }

  take(change: ViewChange): void {
    const { viewer, subject, before, after } = change;
    const { clock, nodes } = this.#options;
    if (subject === -1) {
      return this.report(
        'stranger-learned',
        `n${viewer} holds ${after?.announcement.name ?? '?'}, which is no node of the cluster`,
      );
    }
    if (after === undefined || after.state === before?.state) return;
    const node = nodes.get(subject)!;
    const isGone = after.state === 'dead' || after.state === 'left';
    if (isGone && !node.isRunning) this.#learnsOfEnd(viewer, subject);
    if (after.state === 'dead' && node.isRunning && this.#isHealthyFor(viewer, node)) {
      const key = `n${subject}@${after.incarnation}`;
      if (!this.falseDeaths.has(key))
        this.falseDeaths.set(key, `${(clock.nowMs() / 1_000).toFixed(3)} s: n${viewer} holds ${key} dead`);
    }
  }

  /** To be called once per input of a node, after its changes were taken. */
  checkInput(viewer: number, cameToBeRight: boolean): void {
    const { clock, nodes, network } = this.#options;
    if (nodes.size <= MAX_NODES_RESOLVED_ALWAYS || cameToBeRight) this.checkRoutes(viewer);
    if (nodes.size <= MAX_NODES_RESOLVED_ALWAYS || ++this.#inputs % INPUTS_PER_SAMPLE === 0) this.#checkQueue(viewer);
    if (clock.pending > MAX_PENDING_PER_NODE * (nodes.size + 8)) {
      this.report('queue-unbounded', `${clock.pending} events wait for ${nodes.size} nodes`);
    }
    if (network.longestDatagramBytes > MAX_DATAGRAM_BYTES) {
      this.report('datagram-too-long', `a datagram of ${network.longestDatagramBytes} bytes was sent`);
      network.longestDatagramBytes = 0;
    }
  }

  /** What a node waits to pass on is one piece of news per member, member's pods and directive at most, and one of the rulebook. */
  #checkQueue(viewer: number): void {
    const node = this.#options.nodes.get(viewer)!;
    if (!node.isRunning) return;
    const { queueLength, directives } = node.membership.statistics();
    const most = 2 * node.membership.members().length + directives + 1;
    if (queueLength > most) {
      this.report(
        'queue-unbounded',
        `n${viewer} has ${queueLength} pieces of news to pass on, of ${most} that there can be`,
      );
    }
  }

  /** Resolves the routes of a node and compares them with its view. */
  checkRoutes(viewer: number): void {
    const { views, nodes } = this.#options;
    const members = views.of(viewer);
    const self = views.find(viewer, nodes.get(viewer)!.announcement.identity);
    if (self === undefined) return this.report('self-lost', `n${viewer} does not hold itself a member`);
    const problem = this.#routes.problemOf(self, members, views.digestOf(viewer));
    if (problem !== undefined) this.report('routes-wrong', `n${viewer}: ${problem}`);
  }

  /** Notes a violation. */
  report(kind: string, message: string): void {
    this.violationCount++;
    if (this.violations.length < MAX_VIOLATIONS)
      this.violations.push({ atMs: this.#options.clock.nowMs(), kind, message });
  }

  /** Whether no cut, no move and no new start explains that `viewer` takes the node for dead. */
  #isHealthyFor(viewer: number, node: SimulatedNode): boolean {
    const nowMs = this.#options.clock.nowMs();
    if (node.place < 0 || nowMs - node.startedMs < YOUTH_MS || nowMs - node.movedMs < YOUTH_MS) return false;
    const viewing = this.#options.nodes.get(viewer)!;
    if (viewing.place < 0 || nowMs - viewing.movedMs < YOUTH_MS) return false;
    return this.#sides.every(
      ({ sideOf, count, untilMs }) =>
        count === 1 || untilMs + AFTERMATH_MS < nowMs || sideOf.get(viewer) === sideOf.get(node.number),
    );
  }

  /**
   * Somebody learned that a node which is down is. Once that is known on every side, its routes have to go everywhere
   * within the time that anti-entropy takes at most.
   */
  #learnsOfEnd(viewer: number, subject: number): void {
    const { views, nodes, clock } = this.#options;
    const { sideOf, count } = this.#sides.at(-1)!;
    let known = this.#knownBy.get(subject);
    if (known?.version !== this.#sidesVersion) {
      // The sides are others now: ask everybody anew. The viewer is among them: its view is taken already.
      known = { version: this.#sidesVersion, perSide: Array.from({ length: count }, () => 0), isKnown: false };
      const { identity } = nodes.get(subject)!.announcement;
      for (const other of views.viewers()) {
        const state = views.find(other, identity)?.state;
        if (state === 'dead' || state === 'left') known.perSide[sideOf.get(other) ?? 0]!++;
      }
      this.#knownBy.set(subject, known);
    } else known.perSide[sideOf.get(viewer) ?? 0]!++;
    if (known.isKnown || known.perSide.some((who) => who === 0)) return;
    known.isKnown = true;
    const sinceMs = clock.nowMs();
    const expected = known;
    clock.after(staleRouteBoundMs(nodes.size), () => {
      if (this.#knownBy.get(subject) === expected && expected.version === this.#sidesVersion)
        this.#mustBeGone(subject, sinceMs);
    });
  }

  #mustBeGone(subject: number, sinceMs: number): void {
    const { views, nodes } = this.#options;
    const { identity } = nodes.get(subject)!.announcement;
    for (const viewer of views.viewers()) {
      const state = views.find(viewer, identity)?.state;
      if (state !== 'alive' && state !== 'suspect') continue;
      if (nodes.get(viewer)!.startedMs > sinceMs) continue;
      this.report(
        'stale-route',
        `n${viewer} still has routes to n${subject}, known dead on every side since ${(sinceMs / 1_000).toFixed(3)} s`,
      );
      return;
    }
  }
}

/** Two periodic exchanges of each node, and a suspicion. */
export function staleRouteBoundMs(nodes: number): number {
  return 2 * pushPullIntervalMs(defaultParameters, nodes) + 30_000;
}
