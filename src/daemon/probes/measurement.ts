/**
 * Probes from this node to other nodes and to pods of the whole cluster, some of each, spread out in time: so that they neither
 * measure each other nor keep anything else waiting.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { ConfigError } from '../../errors.ts';
import { type IpAddress, parseIpAddress } from '../../wire/address.ts';
import { prefixContains, type Prefix } from '../../wire/prefix.ts';
import type { Echoes } from './echoes.ts';
import type { Echo } from '../../api/ping-api.ts';
import { microseconds } from './echo-words.ts';
import type { Answers, MatrixNode, MatrixPod, MatrixRow, MeasureOrder } from '../../api/matrix-api.ts';
import type { PeerWays } from './peer-ways.ts';

export interface MeasurementOptions {
  readonly nodeName: string;
  readonly ways: PeerWays;
  readonly echoes: Echoes;
  /** Nothing else is probed for others. */
  readonly clusterPrefixes: readonly Prefix[];
  /** For how long this node has known another to be alive, in ms; `undefined`: it does not. */
  readonly aliveForMs: (node: string) => number | undefined;
}

/** Most targets of one order, and probes to each. */
const MAX_MEASURED = 1_024;
export const MAX_MEASURE_COUNT = 20;

/** Between two probes, in ms. */
const PACE_MS = 1;
/** Between two probes to the same target at least, in ms: one lost packet says little about the next. */
const ROUND_MS = 100;
const TIMEOUT_MS = 1_000;

/** What a node needs at most, after it heard of another, until packets pass both ways, in ms. */
const SETTLING_MS = 10_000;

const measureOrder = v.object({
  count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_MEASURE_COUNT)),
  nodes: v.pipe(v.array(v.string()), v.maxLength(MAX_MEASURED)),
  pods: v.pipe(v.array(v.object({ pod: v.string(), address: v.string() })), v.maxLength(MAX_MEASURED)),
});

interface Target<Result> {
  readonly probe: () => Promise<Echo>;
  readonly sum: (answers: Answers) => Result;
}

export class Measurement {
  readonly #options: MeasurementOptions;

  constructor(options: MeasurementOptions) {
    this.#options = options;
  }

  /** Does what another node asks for. @throws ConfigError where the order is none, or goes beyond the cluster */
  async measure(order: unknown): Promise<MatrixRow> {
    const result = v.safeParse(measureOrder, order);
    if (!result.success) throw new ConfigError(v.getDotPath(result.issues[0]) ?? '', result.issues[0].message);
    const { count, nodes, pods } = result.output;
    const { nodeName } = this.#options;
    const settling = nodes.filter((node) => node !== nodeName && this.#isSettling(node));
    const others = nodes.filter((node) => node !== nodeName);
    const relays = new Map<string, string>();
    const [measuredNodes, measuredPods] = await Promise.all([
      this.#rounds(
        count,
        others.map((node) => this.#node(node, relays)),
      ),
      this.#rounds(
        count,
        pods.map((pod) => this.#pod(pod)),
      ),
    ]);
    return { from: nodeName, nodes: measuredNodes, pods: measuredPods, settling };
  }

  /** Whether routes, paths and relays may still be on their way, here or there. */
  #isSettling(node: string): boolean {
    const forMs = this.#options.aliveForMs(node);
    return forMs === undefined || forMs < SETTLING_MS;
  }

  #node(node: string, relays: Map<string, string>): Target<MatrixNode> {
    return {
      probe: async () => {
        const ways = await this.#options.ways.tunnel(node, TIMEOUT_MS);
        // That which packets take: where there is a relay, it stands last.
        const way = ways.at(-1);
        if (way?.way === 'relay') relays.set(node, way.to);
        return way ?? { roundTripMs: null, problem: 'this node knows no such node' };
      },
      sum: (answers) => ({ node, relay: relays.get(node) ?? '', ...answers }),
    };
  }

  #pod({ pod, address }: MeasureOrder['pods'][number]): Target<MatrixPod> {
    const { clusterPrefixes, echoes } = this.#options;
    const parsed = parseClusterAddress(address, clusterPrefixes);
    if (parsed === undefined) throw new ConfigError('pods', `${address} is no address of the cluster`);
    return {
      probe: async () => echoes.echo(parsed, TIMEOUT_MS),
      sum: (answers) => ({ pod, address, ...answers }),
    };
  }

  async #rounds<Result>(count: number, targets: readonly Target<Result>[]): Promise<Result[]> {
    const echoes: Promise<Echo>[][] = targets.map(() => []);
    for (let round = 0; round < count; round++) {
      const nextRound = sleep(round === count - 1 ? 0 : ROUND_MS);
      const startedMs = performance.now();
      for (const [index, target] of targets.entries()) {
        // On a machine that is busy a timer is late: what should have left by now leaves at once.
        const waitMs = startedMs + index * PACE_MS - performance.now();
        await (waitMs > 0 ? sleep(waitMs) : setImmediate());
        echoes[index]!.push(target.probe());
      }
      await nextRound;
    }
    return await Promise.all(targets.map(async ({ sum }, index) => sum(answersOf(await Promise.all(echoes[index]!)))));
  }
}

/** Whether nodes of a cluster with these prefixes probe this address for others. */
export function isMeasurable(address: string, clusterPrefixes: readonly Prefix[]): boolean {
  return parseClusterAddress(address, clusterPrefixes) !== undefined;
}

function parseClusterAddress(address: string, clusterPrefixes: readonly Prefix[]): IpAddress | undefined {
  const parsed = parseIpAddress(address);
  const isInside = parsed !== undefined && clusterPrefixes.some((prefix) => prefixContains(prefix, parsed));
  return isInside ? parsed : undefined;
}

/** What several probes say together. */
export function answersOf(echoes: readonly Echo[]): Answers {
  const answered = echoes.flatMap(({ roundTripMs }) => roundTripMs ?? []);
  const sum = answered.reduce((total, ms) => total + ms, 0);
  return {
    sent: echoes.length,
    lost: echoes.length - answered.length,
    minMs: answered.length === 0 ? null : Math.min(...answered),
    meanMs: answered.length === 0 ? null : microseconds(sum / answered.length),
    problem: echoes.find(({ problem }) => problem !== '')?.problem ?? '',
  };
}
