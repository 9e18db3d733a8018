/** What this node dropped: counted by reason and by peer, and as far as it is recorded, by pod and one by one. */
import { podTitle } from '../../directory/pod-name.ts';
import * as v from 'valibot';
import { backgroundReasons, dropReasons, nameOf } from '../../dataplane/drop-reason.ts';
import type { PeerAccount } from '../../dataplane/peer-counters.ts';
import { ConfigError } from '../../errors.ts';
import { isBetween, millisecondsOf } from '../../explain/flow-table.ts';
import { protocolName } from '../../explain/packet-description.ts';
import { isProbe, readFlow } from '../../explain/packet-flow.ts';
import type { RecordedPacket } from '../../explain/recorded-packet.ts';
import type { WorkerAccount } from '../../dataplane/accounts.ts';
import { integer } from '../config/config-value.ts';
import type {
  DropCount,
  DroppedPacket,
  DropReport,
  KernelDrops,
  PeerDrops,
  PodDrops,
  PolicyDrops,
} from '../../api/drop-api.ts';
import { clockOffsetMs, formatMs, type RecordedPackets } from './recorded-packets.ts';
import type { PodIndex } from '../../directory/pod-index.ts';
import type { Gossip } from '../gossip/gossip.ts';
import type { Dataplane } from '../worker/dataplane.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import type { Pod } from '../../api/control-api.ts';
import type { Pods } from '../pods/pods.ts';
import type { SpoofWatch } from '../pods/spoof-watch.ts';
import { type TitleAt, titlesOnce } from '../places/pod-titles.ts';
import { parseAddresses, parseTime, parseTruth, refuseUnknownKeys } from '../doors/request-keys.ts';

/** Which recorded drops are asked for. */
export interface DropRequest {
  /** From when on, in ms since 1970. */
  readonly sinceMs: number;
  /** Most of them that are given one by one: the newest. */
  readonly limit: number;
  /** Whether weft's own probes are among them. */
  readonly probes: boolean;
  /** Of those that are recorded only the ones from or to one of them; none, or absent: all. */
  readonly addresses?: readonly string[];
}

export interface DropsOptions {
  readonly accounts: () => readonly WorkerAccount[];
  readonly accountOf: (peer: number) => PeerAccount;
  readonly entryNames: () => ReadonlyMap<number, { readonly name: string; readonly relay: string }>;
  readonly pods: () => readonly Pick<Pod, 'namespace' | 'name' | 'addresses'>[];
  /** What pods of the cluster are called, for one report. */
  readonly titles: () => TitleAt;
  readonly recorded: Pick<RecordedPackets, 'span' | 'each'>;
  readonly startedMs: number;
  /** Of the kernel, as it counts them now. */
  readonly kernel: () => Promise<readonly KernelDrops[]>;
  readonly policies: () => readonly PolicyDrops[];
}

/** What the control server asks of it. */
export interface DropHandlers {
  drops(request: DropRequest): Promise<DropReport>;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1_000;

/** Query of `GET /v1/drops`. @throws ConfigError naming the key that is wrong. */
export function parseDropQuery(query: URLSearchParams): DropRequest {
  refuseUnknownKeys(query, ['since', 'limit', 'probes', 'address']);
  const sinceMs = parseTime(query, 'since') ?? 0;
  const limit = v.safeParse(integer(0, MAX_LIMIT), query.get('limit') ?? String(DEFAULT_LIMIT));
  if (!limit.success) throw new ConfigError('limit', limit.issues[0].message);
  const addresses = parseAddresses(query, 'address');
  return { sinceMs, limit: limit.output, probes: parseTruth(query, 'probes'), addresses };
}

/** What drops are counted from. */
export interface DropParts {
  readonly dataplane: Dataplane;
  readonly routes: OverlayRoutes;
  readonly pods: Pods;
  readonly index: PodIndex;
  readonly gossip: Gossip;
  readonly spoofing: SpoofWatch;
  /** What network policies denied, by rule. */
  readonly policyDrops: () => readonly PolicyDrops[];
}

/** Puts it together. */
export function composeDrops(
  { dataplane, routes, pods, index, gossip, spoofing, policyDrops }: DropParts,
  recorded: RecordedPackets,
): DropHandlers {
  const drops = new Drops({
    accounts: () => dataplane.accounts(),
    accountOf: (peer) => dataplane.accountOf(peer),
    entryNames: () => routes.entryNames(),
    pods: () => pods.list(),
    titles: () => titlesOnce(index, (identity) => gossip.member(identity)?.announcement.name),
    recorded,
    startedMs: Math.round(performance.timeOrigin),
    kernel: async () => {
      await spoofing.look();
      return spoofing.drops();
    },
    policies: policyDrops,
  });
  return { drops: async (request) => drops.report(request) };
}

export class Drops {
  readonly #options: DropsOptions;

  constructor(options: DropsOptions) {
    this.#options = options;
  }

  async report({ sinceMs, limit, probes, addresses = [] }: DropRequest): Promise<DropReport> {
    const { recorded, startedMs } = this.#options;
    const endMs = Date.now();
    const seen = new SeenDrops(this.#options, addresses);
    const offsetMs = clockOffsetMs();
    // Whoever asks again from the end of this report on misses nothing, and is told nothing twice.
    await recorded.each(
      { fromMs: sinceMs, toMs: endMs },
      (record) => seen.add(record, millisecondsOf(record) + offsetMs, probes),
      ['drops'],
    );
    const reasons = this.#reasons(seen.last);
    const recent = seen.newest(limit);
    return {
      time: formatMs(endMs),
      since: formatMs(startedMs),
      recordedSince: recorded.span().dropsSince,
      packets: reasons.reduce((sum, { packets }) => sum + packets, 0),
      reasons,
      peers: this.#peers(),
      pods: seen.pods(),
      kernel: await this.#options.kernel(),
      policies: this.#options.policies(),
      recent,
      omitted: seen.count - recent.length,
    };
  }

  #reasons(last: ReadonlyMap<string, number>): DropCount[] {
    const accounts = this.#options.accounts();
    const counts = dropReasons.map(({ name, direction, meaning, cause, remedy }): DropCount => {
      const packets = accounts.reduce((sum, account) => sum + (account[direction].dropped[name] ?? 0), 0);
      const lastMs = last.get(name);
      return {
        reason: name,
        direction,
        packets,
        last: lastMs === undefined ? '' : formatMs(lastMs),
        meaning,
        cause,
        remedy,
      };
    });
    return counts
      .filter(({ reason, packets }) => packets > 0 && !backgroundReasons.has(reason))
      .sort((a, b) => b.packets - a.packets);
  }

  /** Ways to a peer count with it. What is left of the workers' accounts is of nobody who is known. */
  #peers(): PeerDrops[] {
    const { accounts, accountOf, entryNames } = this.#options;
    const byName = new Map<string, PeerAccount[]>();
    for (const [number, { name }] of entryNames()) {
      if (name !== '') byName.set(name, [...(byName.get(name) ?? []), accountOf(number)]);
    }
    const known = [...byName].map(([peer, all]): PeerDrops => ({
      peer,
      egress: shareOf(all.map(({ egress }) => egress)),
      ingress: shareOf(all.map(({ ingress }) => ingress)),
    }));
    const rest = (direction: 'egress' | 'ingress') => {
      const all = shareOf(
        accounts().map((account) => ({ ...account[direction], dropped: shownOf(account[direction].dropped) })),
      );
      return known.reduce(
        (left, peer) => ({
          packets: Math.max(0, left.packets - peer[direction].packets),
          dropped: Math.max(0, left.dropped - peer[direction].dropped),
        }),
        all,
      );
    };
    const others: PeerDrops = { peer: '', egress: rest('egress'), ingress: rest('ingress') };
    return [...known.sort((a, b) => droppedOf(b) - droppedOf(a) || (a.peer < b.peer ? -1 : 1)), others];
  }
}

/** Recorded drops, looked through once. */
class SeenDrops {
  /** Reason -> time of its last one, in ms since 1970. */
  readonly last = new Map<string, number>();
  readonly #names: ReadonlyMap<number, { readonly name: string }>;
  readonly #podOf: ReadonlyMap<string, string>;
  readonly #titleAt: TitleAt;
  readonly #packets: (Omit<DroppedPacket, 'time'> & { readonly timeMs: number })[] = [];

  readonly #addresses: readonly string[];

  constructor({ entryNames, pods, titles }: DropsOptions, addresses: readonly string[]) {
    this.#addresses = addresses;
    this.#names = entryNames();
    this.#titleAt = titles();
    this.#podOf = new Map(
      pods().flatMap(({ namespace, name, addresses }) => {
        const title = podTitle(namespace, name);
        return addresses.map((address) => [address, title] as const);
      }),
    );
  }

  get count(): number {
    return this.#packets.length;
  }

  add(record: RecordedPacket, timeMs: number, withProbes: boolean): void {
    if (record.reason === undefined) return;
    const reason = nameOf(record.reason);
    if (backgroundReasons.has(reason)) return;
    this.last.set(reason, Math.max(timeMs, this.last.get(reason) ?? 0));
    if (!withProbes && !record.isDatagram && isProbe(record.header)) return;
    const flow = record.isDatagram ? undefined : readFlow(record.header);
    const { direction, lengthBytes, segments: packets, denial } = record;
    const { source = '', destination = '', sourcePort = 0, destinationPort = 0 } = flow ?? {};
    if (!isBetween({ source, destination }, this.#addresses)) return;
    this.#packets.push({
      timeMs,
      reason,
      direction,
      peer: this.#names.get(record.peer)?.name ?? '',
      pod: this.#podOf.get(direction === 'egress' ? source : destination) ?? '',
      remotePod: this.#titleAt(direction === 'egress' ? destination : source),
      source,
      destination,
      protocol: flow === undefined ? '' : protocolName(flow.protocol),
      sourcePort,
      destinationPort,
      lengthBytes,
      packets,
      policy: denial?.policy ?? '',
      rule: denial?.rule ?? '',
    });
  }

  newest(limit: number): DroppedPacket[] {
    const sorted = this.#packets.sort((a, b) => a.timeMs - b.timeMs);
    return (limit === 0 ? [] : sorted.slice(-limit)).map(({ timeMs, ...packet }) => ({
      time: formatMs(timeMs),
      ...packet,
    }));
  }

  pods(): PodDrops[] {
    const byAddress = new Map<
      string,
      { pod: string; egress: number; ingress: number; reasons: Record<string, number> }
    >();
    for (const { direction, source, destination, pod, reason, packets } of this.#packets) {
      const address = direction === 'egress' ? source : destination;
      const entry = byAddress.get(address) ?? { pod, egress: 0, ingress: 0, reasons: {} };
      entry[direction] += packets;
      entry.reasons[reason] = (entry.reasons[reason] ?? 0) + packets;
      byAddress.set(address, entry);
    }
    return [...byAddress]
      .map(([address, { pod, ...counts }]): PodDrops => ({ pod, address, ...counts }))
      .sort((a, b) => b.egress + b.ingress - a.egress - a.ingress);
  }
}

function shareOf(accounts: readonly Pick<PeerAccount['egress'], 'received' | 'originated' | 'dropped'>[]) {
  return {
    packets: accounts.reduce((sum, { received, originated }) => sum + received + originated, 0),
    dropped: accounts.reduce((sum, { dropped }) => sum + dropped, 0),
  };
}

function droppedOf({ egress, ingress }: PeerDrops): number {
  return egress.dropped + ingress.dropped;
}

/** Drops that are worth showing. */
function shownOf(dropped: Readonly<Record<string, number>>): number {
  return Object.entries(dropped).reduce((sum, [reason, count]) => sum + (backgroundReasons.has(reason) ? 0 : count), 0);
}
