/** Recent flows of this node, and of others, by their flight recorders. */
import { setImmediate } from 'node:timers/promises';
import * as v from 'valibot';
import { nameOf } from '../../dataplane/drop-reason.ts';
import { Hook } from '../../dataplane/hook.ts';
import { ConfigError } from '../../errors.ts';
import type { Flow, FlowReport } from '../../explain/flow-report.ts';
import { type CountedFlow, FlowTable, isBetween } from '../../explain/flow-table.ts';
import { protocolName } from '../../explain/packet-description.ts';
import { parseIpAddress } from '../../wire/address.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import { clockOffsetMs, formatMs, type RecordedPackets } from './recorded-packets.ts';
import type { TitleAt } from '../places/pod-titles.ts';
import type { RemoteNodes, RemoteOutcome } from '../remote/remote-nodes.ts';
import { parseTold, parseToldOutcomes } from '../remote/told-answer.ts';
import { parseAddresses, parseTime, parseTruth, refuseUnknownKeys } from '../doors/request-keys.ts';

export interface FlowsOptions {
  readonly nodeName: string;
  readonly recorded: RecordedPackets;
  readonly routes: Pick<OverlayRoutes, 'routeTo' | 'entryNames'>;
  readonly remote: RemoteNodes;
  /** What pods are called, for one report. */
  readonly titles: () => TitleAt;
}

/** Whose flows, and which. */
export interface FlowRequest {
  /** Name of a node; absent: this one. */
  readonly node: string | undefined;
  /** Whether all nodes are asked instead. */
  readonly all: boolean;
  /** From when on, in ms since 1970. */
  readonly sinceMs: number;
  /** Most of each node. */
  readonly limit: number;
  /** Whether only what was dropped is asked for. */
  readonly dropped: boolean;
  /** Whether weft's own probes are, too. */
  readonly probes: boolean;
  /** Only flows from or to one of them; none: all flows. */
  readonly addresses: readonly string[];
}

/** What nodes ask each other. */
const QUESTION = 'flows';

const DEFAULT_LIMIT = 1_000;
const MAX_LIMIT = 10_000;

/** Most addresses that a node asks another about. */
const MAX_ADDRESSES = 64;

const flowQuestion = v.object({
  sinceMs: v.number(),
  limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_LIMIT)),
  dropped: v.boolean(),
  probes: v.optional(v.boolean(), false),
  // Nodes of an earlier version do not ask about any, and give all flows.
  addresses: v.optional(v.pipe(v.array(v.string()), v.maxLength(MAX_ADDRESSES)), []),
});

const flow = v.object({
  source: v.string(),
  destination: v.string(),
  protocol: v.string(),
  sourcePort: v.number(),
  destinationPort: v.number(),
  direction: v.picklist(['egress', 'ingress']),
  verdict: v.picklist(['sent', 'delivered', 'relayed', 'dropped']),
  reason: v.string(),
  // Nodes of an earlier version record no such flows.
  rule: v.optional(v.string(), ''),
  packets: v.number(),
  bytes: v.number(),
  peer: v.string(),
  relay: v.string(),
  route: v.string(),
  origin: v.string(),
  first: v.string(),
  last: v.string(),
});

const toldFlows = v.object({
  packetsSince: v.string(),
  dropsSince: v.string(),
  flows: v.array(flow),
  omitted: v.number(),
});
const TELLING = 'tells of its flows';

type FlowQuestion = v.InferOutput<typeof flowQuestion>;

/** What one node says of itself. What pods are called is said by whoever asks. */
type ToldFlow = Omit<Flow, 'sourcePod' | 'destinationPod'>;
type ToldFlows = Omit<FlowReport, 'node' | 'error' | 'flows'> & { readonly flows: readonly ToldFlow[] };

const verdicts: Readonly<Partial<Record<Hook, Flow['verdict']>>> = {
  [Hook.toUnderlay]: 'sent',
  [Hook.relay]: 'relayed',
  [Hook.toPod]: 'delivered',
};

/** Query of `GET /v1/flows`. @throws ConfigError naming the key that is wrong. */
export function parseFlowQuery(query: URLSearchParams): FlowRequest {
  refuseUnknownKeys(query, ['node', 'all', 'since', 'limit', 'dropped', 'probes', 'address']);
  const limitText = query.get('limit') ?? String(DEFAULT_LIMIT);
  const limit = /^\d{1,9}$/.test(limitText) ? Number(limitText) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw new ConfigError('limit', `${limitText} is not 1 to ${MAX_LIMIT}`);
  const sinceMs = parseTime(query, 'since') ?? 0;
  const [all, dropped] = [parseTruth(query, 'all'), parseTruth(query, 'dropped')];
  const probes = parseTruth(query, 'probes');
  const addresses = parseAddresses(query, 'address');
  return { node: query.get('node') ?? undefined, all, sinceMs, limit, dropped, probes, addresses };
}

function reportOf(outcome: RemoteOutcome<ToldFlows>, titleAt: TitleAt, addresses: readonly string[]): FlowReport {
  if ('answer' in outcome) return { node: outcome.node, error: '', ...withTitles(outcome.answer, titleAt, addresses) };
  const { message } = outcome.error;
  return { node: outcome.node, error: message, packetsSince: '', dropsSince: '', flows: [], omitted: 0 };
}

function withTitles(
  told: ToldFlows,
  titleAt: TitleAt,
  addresses: readonly string[],
): Omit<FlowReport, 'node' | 'error'> {
  const wanted = told.flows.filter((flow) => isBetween(flow, addresses));
  const flows = wanted.map(({ source, destination, ...flow }) => ({
    source,
    destination,
    sourcePod: titleAt(source),
    destinationPod: titleAt(destination),
    ...flow,
  }));
  return { ...told, flows };
}

export class Flows {
  readonly #options: FlowsOptions;

  constructor(options: FlowsOptions) {
    this.#options = options;
    options.remote.answer(QUESTION, async (body) => {
      const result = v.safeParse(flowQuestion, body);
      if (!result.success) throw new ConfigError('flows', result.issues[0].message);
      return this.#tell(result.output);
    });
  }

  /** One report for each node that is asked. @throws as `RemoteNodes.ask`, if it is about one node. */
  async report({ node, all, ...question }: FlowRequest): Promise<readonly FlowReport[]> {
    const { nodeName, remote, titles } = this.#options;
    const titleAt = titles();
    if (!all) {
      const asked = node ?? nodeName;
      const told = parseTold(toldFlows, asked, await remote.ask(asked, QUESTION, question), TELLING);
      return [{ node: asked, error: '', ...withTitles(told, titleAt, question.addresses) }];
    }
    const reports: FlowReport[] = [];
    for (const outcome of await remote.askAll(QUESTION, question)) {
      reports.push(
        ...parseToldOutcomes(toldFlows, [outcome], TELLING).map((one) => reportOf(one, titleAt, question.addresses)),
      );
      // Ten thousand flows take long to look through: others have their turn in between.
      await setImmediate();
    }
    return reports;
  }

  async #tell({ sinceMs, limit, dropped, probes, addresses }: FlowQuestion): Promise<ToldFlows> {
    const { recorded, routes } = this.#options;
    const table = new FlowTable();
    await recorded.each(
      { fromMs: sinceMs, toMs: Infinity },
      (record) => table.add(record, probes),
      dropped ? ['drops'] : undefined,
    );
    const flows = table.flows(addresses);
    const [names, offsetMs] = [routes.entryNames(), clockOffsetMs()];
    return {
      ...recorded.span(),
      flows: flows.slice(0, limit).map((flow) => this.#view(flow, names, offsetMs)),
      omitted: Math.max(0, flows.length - limit),
    };
  }

  #view(flow: CountedFlow, names: ReturnType<OverlayRoutes['entryNames']>, offsetMs: number): ToldFlow {
    const { source, destination, direction, hook, reason, rule, peer, packets, bytes, firstMs, lastMs } = flow;
    const { name, relay } = names.get(peer) ?? { name: '', relay: '' };
    const farEnd = parseIpAddress(direction === 'egress' || hook === Hook.relay ? destination : source);
    const route = farEnd && this.#options.routes.routeTo(farEnd);
    return {
      source,
      destination,
      protocol: protocolName(flow.protocol),
      sourcePort: flow.sourcePort,
      destinationPort: flow.destinationPort,
      direction,
      verdict: verdicts[hook] ?? 'dropped',
      reason: reason === undefined ? '' : nameOf(reason),
      rule,
      packets,
      bytes,
      peer: name,
      relay,
      route: route?.prefix ?? '',
      origin: route?.node ?? '',
      first: formatMs(firstMs + offsetMs),
      last: formatMs(lastMs + offsetMs),
    };
  }
}
