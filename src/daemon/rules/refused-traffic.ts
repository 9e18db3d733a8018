/**
 * What the node's rules refused, beside the accounts of packets: totals, and events that name who tried.
 *
 * The kernel counts, also while nobody looks and while no daemon runs: its counts go on over a restart, and so do the totals. It is
 * asked at intervals, and when somebody wants to know.
 */
import { podTitle } from '../../directory/pod-name.ts';
import type { Logger } from '../../env/logger.ts';
import type { Pod } from '../../api/control-api.ts';
import type { EventSink } from '../process/event-log.ts';
import { type Refusal, refusals, type RuleCounter, ruleCounters } from './node-rules.ts';
import { readRefusedSenders, readRuleCounts, type RefusedSender, type RuleCounts } from './node-table.ts';

/** How often, unasked. A look reads counters over netlink; only if something was refused, programs of some milliseconds run. */
const INTERVAL_MS = 30_000;

/** A look as young as this is good enough for whoever asks. */
const GOOD_FOR_MS = 1_000;

/** Least time between two events about what comes by the same device. */
const EVENT_INTERVAL_MS = 60_000;

export interface RefusedTrafficOptions {
  /** `undefined`: there is no table. */
  readonly readCounts: () => Promise<RuleCounts | undefined>;
  /** Whom the kernel remembers. Asked only if something was refused. */
  readonly readSenders: () => Promise<readonly RefusedSender[]>;
  /** Name of the pod behind a device of this node. */
  readonly podBehind: (device: string) => string | undefined;
  readonly events: EventSink;
  readonly logger: Logger;
  /** Any clock that does not jump, in ms. */
  readonly nowMs: () => number;
  readonly intervalMs?: number;
}

export interface RefusedTrafficParts extends Pick<RefusedTrafficOptions, 'events' | 'logger'> {
  readonly pods: { list(): readonly Pick<Pod, 'namespace' | 'name' | 'hostDevice'>[] };
}

export class RefusedTraffic implements AsyncDisposable {
  readonly #options: RefusedTrafficOptions;
  readonly #timer: NodeJS.Timeout;
  #totals: RuleCounts = noCounts();
  #last: RuleCounts = noCounts();
  #lookedAtMs = -Infinity;
  #isFirst = true;
  #round: Promise<void> | undefined;
  /** Packets of each sender, as they were last seen. */
  #seen = new Map<string, number>();
  /** When there was an event about a device. */
  readonly #toldAtMs = new Map<string, number>();

  /** Looks from now on, until {@link stop}. */
  constructor(options: RefusedTrafficOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.look(), options.intervalMs ?? INTERVAL_MS);
    this.#timer.unref();
  }

  /** Watches the rules of this node. There was a first look, so that what was refused before is known as such. */
  static async ofNode({ pods, ...parts }: RefusedTrafficParts): Promise<RefusedTraffic> {
    const traffic = new RefusedTraffic({
      ...parts,
      readCounts: readRuleCounts,
      readSenders: readRefusedSenders,
      podBehind: (device) => {
        const pod = pods.list().find(({ hostDevice }) => hostDevice === device);
        return pod && podTitle(pod.namespace, pod.name);
      },
      nowMs: () => performance.now(),
    });
    await traffic.look();
    return traffic;
  }

  /** Packets refused, by reason, at the last look. */
  get refused(): Readonly<Record<Refusal, number>> {
    const totals = this.#totals;
    return Object.fromEntries(refusals.map((name) => [name, totals[name]])) as unknown as Record<Refusal, number>;
  }

  /** Connections that were let into the overlay under the node's address, at the last look. */
  get intoOverlay(): number {
    return this.#totals['into-overlay'];
  }

  /** Has all be no older than a second. Never rejects: what cannot be read stays as it was. */
  look(): Promise<void> {
    if (this.#options.nowMs() - this.#lookedAtMs < GOOD_FOR_MS) return Promise.resolve();
    this.#round ??= this.#look().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** Ends after the look that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #look(): Promise<void> {
    try {
      const now = await this.#options.readCounts();
      this.#lookedAtMs = this.#options.nowMs();
      if (now === undefined) return;
      const risen = refusals.filter((name) => rise(this.#last[name], now[name]) > 0);
      this.#totals = mapCounts((name) => this.#totals[name] + rise(this.#last[name], now[name]));
      this.#last = now;
      const isFirst = this.#isFirst;
      this.#isFirst = false;
      if (risen.length === 0) return;
      const senders = await this.#options.readSenders();
      // What the kernel counted before this daemon started is no news.
      if (isFirst) this.#seen = packetsBySender(senders);
      else this.#tell(senders, risen);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'what the rules refused cannot be read');
    }
  }

  #tell(senders: readonly RefusedSender[], reasons: readonly Refusal[]): void {
    const before = this.#seen;
    this.#seen = packetsBySender(senders);
    const active = senders
      .filter((sender) => rise(before.get(keyOf(sender)) ?? 0, sender.packets) > 0)
      .sort((a, b) => b.packets - a.packets);
    const nowMs = this.#options.nowMs();
    for (const device of new Set(active.map((sender) => sender.device))) {
      if (nowMs - (this.#toldAtMs.get(device) ?? -Infinity) < EVENT_INTERVAL_MS) continue;
      this.#toldAtMs.set(device, nowMs);
      this.#tellOf(
        active.filter((sender) => sender.device === device),
        reasons,
      );
    }
    // Devices come and go.
    for (const [device, atMs] of this.#toldAtMs) if (nowMs - atMs >= EVENT_INTERVAL_MS) this.#toldAtMs.delete(device);
  }

  /** @param active what rose of one device */
  #tellOf(active: readonly RefusedSender[], reasons: readonly Refusal[]): void {
    const pairs = active.filter(({ pair }) => pair !== undefined);
    const { device, packets } = (pairs[0] ?? active[0])!;
    const { source = null, destination = null } = pairs[0]?.pair ?? {};
    const pod = this.#options.podBehind(device) ?? null;
    const address = source === null ? '' : pod === null ? `${source} behind ` : ` (${source})`;
    const who = pod === null ? `${address}${device}` : `pod ${pod}${address}`;
    const where = destination === null ? '' : ` to ${destination}`;
    const more = pairs.length < 2 ? '' : `; ${pairs.length - 1} more pairs of addresses behind ${device}`;
    const why = reasons.join(' or ');
    const message = `${who} sends${where} what weft refuses (${why}): ${packets} packets${more}`;
    const details = { device, pod, source, destination, packets, reason: why };
    this.#options.events.add('traffic-refused', { subject: pod ?? device, message, details });
    this.#options.logger.warn({ device, pod, source, destination, reason: why }, 'packets were refused by the rules');
  }
}

function packetsBySender(senders: readonly RefusedSender[]): Map<string, number> {
  return new Map(senders.map((sender) => [keyOf(sender), sender.packets]));
}

function keyOf({ device, pair }: RefusedSender): string {
  return `${device} ${pair?.source ?? ''} ${pair?.destination ?? ''}`;
}

/** A counter that is lower than before began anew. */
function rise(before: number, now: number): number {
  return now >= before ? now - before : now;
}

function noCounts(): RuleCounts {
  return mapCounts(() => 0);
}

function mapCounts(countOf: (name: RuleCounter) => number): RuleCounts {
  const names = Object.keys(ruleCounters) as RuleCounter[];
  return Object.fromEntries(names.map((name) => [name, countOf(name)])) as unknown as RuleCounts;
}
