/** What became of packets at a moment in the past, by the histories and the flight recorders of the nodes on their way. */
import * as v from 'valibot';
import { nameOf } from '../../dataplane/drop-reason.ts';
import { hooks } from '../../dataplane/hook.ts';
import { ConfigError } from '../../errors.ts';
import type { PastMoment, PastNode, SeenPackets } from '../../explain/explanation.ts';
import { type CountedFlow, FlowTable } from '../../explain/flow-table.ts';
import { concludePast } from '../../explain/past-conclusion.ts';
import { wayBetween } from '../../explain/packet-flow.ts';
import type { PacketDescription } from '../../explain/packet-description.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../wire/address.ts';
import { parsePrefix, prefixContains } from '../../wire/prefix.ts';
import type { HistoryEvent } from '../../api/control-api.ts';
import { kindsOf } from '../../api/event-kind.ts';
import type { EventLog } from '../process/event-log.ts';
import type { MomentWindow } from './moment-window.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import { clockOffsetMs, formatMs, type RecordedPackets } from './recorded-packets.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { parseTold } from '../remote/told-answer.ts';

export interface PastMomentsOptions {
  readonly events: EventLog;
  readonly recorded: RecordedPackets;
  readonly routes: Pick<OverlayRoutes, 'entryNames'>;
  readonly remote: RemoteNodes;
}

/** Which packets, and when. */
export interface PastQuestion extends MomentWindow {
  readonly source: string;
  readonly destination: string;
  /** Of the node names that matter to them. */
  readonly nodes: readonly string[];
}

/** What nodes ask each other. */
const QUESTION = 'around';

/** Events beyond these would fill the screen. */
const MAX_EVENTS = 50;

const pastQuestion = v.object({
  source: v.string(),
  destination: v.string(),
  nodes: v.pipe(v.array(v.string()), v.maxLength(16)),
  fromMs: v.number(),
  toMs: v.number(),
});

const toldPast = v.object({
  packetsSince: v.string(),
  dropsSince: v.string(),
  seen: v.array(
    v.object({
      way: v.picklist(['there', 'back']),
      hook: v.string(),
      reason: v.string(),
      // Nodes of an earlier version do not record what policies deny.
      direction: v.optional(v.picklist(['egress', 'ingress', '']), ''),
      rule: v.optional(v.string(), ''),
      peer: v.string(),
      packets: v.number(),
      first: v.string(),
      last: v.string(),
    }),
  ),
  events: v.array(v.object({ time: v.string(), kind: v.string(), message: v.string() })),
});

/** What one node says of itself. */
type ToldPast = Omit<PastNode, 'node' | 'error'>;

export class PastMoments {
  readonly #options: PastMomentsOptions;

  constructor(options: PastMomentsOptions) {
    this.#options = options;
    options.remote.answer(QUESTION, async (body) => this.#tell(parseQuestion(body)));
  }

  /** What these nodes recorded of packets between the two addresses. Never rejects. */
  async around(packet: PacketDescription, nodes: readonly string[], window: MomentWindow): Promise<PastMoment> {
    const { remote } = this.#options;
    const [source, destination] = [formatIpAddress(packet.source), formatIpAddress(packet.destination)];
    const question: PastQuestion = { source, destination, nodes, ...window };
    const told = nodes.map(async (node): Promise<PastNode> => {
      try {
        const answer = await remote.ask(node, QUESTION, question);
        return { node, error: '', ...parseTold(toldPast, node, answer, 'tells of the past') };
      } catch (error) {
        return { node, error: (error as Error).message, packetsSince: '', dropsSince: '', seen: [], events: [] };
      }
    });
    const from = formatMs(window.fromMs);
    const all = await Promise.all(told);
    return { from, to: formatMs(window.toMs), conclusion: concludePast(all, from), nodes: all };
  }

  async #tell(question: PastQuestion): Promise<ToldPast> {
    const { recorded } = this.#options;
    const seen = await this.#seen(question);
    return { ...recorded.span(), seen, events: this.#events(question) };
  }

  /** Packets between the two ends, in either direction. */
  async #seen({ source, destination, fromMs, toMs }: PastQuestion): Promise<SeenPackets[]> {
    const ends = [parseIpAddress(source), parseIpAddress(destination)] as const;
    if (ends[0] === undefined || ends[1] === undefined) return [];
    const [from, to] = [ends[0], ends[1]];
    const tables = { there: new FlowTable(), back: new FlowTable() };
    const offsetMs = clockOffsetMs();
    await this.#options.recorded.each(
      { fromMs, toMs },
      (record) => {
        const way = record.isDatagram ? undefined : wayBetween(record.header, from, to);
        if (way !== undefined) tables[way].add(record);
      },
      ['packets', 'drops', 'audits'],
    );
    const names = this.#options.routes.entryNames();
    return (['there', 'back'] as const).flatMap((way) => seenOf(tables[way].flows(), way, offsetMs, names));
  }

  #events({ source, destination, nodes, fromMs, toMs }: PastQuestion): PastNode['events'] {
    const ends = [source, destination].flatMap((text) => parseIpAddress(text) ?? []);
    const all = this.#options.events.list();
    // Who has no route any more had one when it mattered.
    const owners = all.filter((event) => isRouteTo(ends, event)).map(({ details }) => details['node']);
    const names = new Set<unknown>([...nodes, ...owners]);
    return all
      .filter((event) => Date.parse(event.time) >= fromMs && Date.parse(event.time) <= toMs)
      .filter((event) => matters(event, ends, names))
      .slice(-MAX_EVENTS)
      .map(({ time, kind, message }) => ({ time, kind, message }));
  }
}

/** Flows of one direction, put together by what became of them, in the order of hooks. */
function seenOf(
  flows: readonly CountedFlow[],
  way: SeenPackets['way'],
  offsetMs: number,
  names: ReturnType<OverlayRoutes['entryNames']>,
): SeenPackets[] {
  const alike = Map.groupBy(
    flows,
    ({ hook, reason, peer, direction, rule }) =>
      `${hook} ${reason ?? ''} ${names.get(peer)?.name ?? ''} ${rule === '' ? '' : direction} ${rule}`,
  );
  return [...alike.values()]
    .sort(([a], [b]) => a!.hook - b!.hook)
    .map((group) => {
      const { hook, reason, peer, direction, rule } = group[0]!;
      return {
        way,
        hook: hooks[hook]!.name,
        reason: reason === undefined ? '' : nameOf(reason),
        direction: rule === '' ? '' : direction,
        rule,
        peer: names.get(peer)?.name ?? '',
        packets: group.reduce((sum, { packets }) => sum + packets, 0),
        first: formatMs(Math.min(...group.map(({ firstMs }) => firstMs)) + offsetMs),
        last: formatMs(Math.max(...group.map(({ lastMs }) => lastMs)) + offsetMs),
      };
    });
}

/** Whether it can have changed what becomes of packets between these ends. What is about neither members nor routes always can. */
function matters(event: HistoryEvent, ends: readonly IpAddress[], names: ReadonlySet<unknown>): boolean {
  const { kind, subject } = event;
  if (kindsOf('member').includes(kind) || kind === 'way-changed') return names.has(subject);
  return !kindsOf('route').includes(kind) || isRouteTo(ends, event);
}

/** Whether it is about a route to one of the ends. */
function isRouteTo(ends: readonly IpAddress[], { kind, subject }: HistoryEvent): boolean {
  if (!kindsOf('route').includes(kind)) return false;
  const prefix = parsePrefix(subject);
  return prefix !== undefined && ends.some((end) => prefixContains(prefix, end));
}

function parseQuestion(body: unknown): PastQuestion {
  const result = v.safeParse(pastQuestion, body);
  if (result.success) return result.output;
  throw new ConfigError('around', result.issues[0].message);
}
