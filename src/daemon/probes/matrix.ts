/** Every node to every other node and to all pods: each node is asked to measure, and what they say is put together. */
import * as v from 'valibot';
import { ConfigError, WeftError } from '../../errors.ts';
import type { Prefix } from '../../wire/prefix.ts';
import type { SilentNode } from '../../api/silent-node.ts';
import type { ClusterPod, ClusterPods } from '../places/cluster-pods.ts';
import { parseBody } from '../doors/control-exchange.ts';
import type { Matrix, MatrixPod, MatrixRequest, MatrixRow, MeasureOrder } from '../../api/matrix-api.ts';
import { answersOf, isMeasurable, MAX_MEASURE_COUNT, type Measurement } from './measurement.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { parseTold } from '../remote/told-answer.ts';
import { Turns } from '../remote/turns.ts';
import { parseKeys } from '../doors/request-keys.ts';

export interface MatrixOptions {
  readonly remote: RemoteNodes;
  readonly pods: ClusterPods;
  readonly measurement: Measurement;
  /** What a node says of pods beyond them is not passed on to others, which would refuse to measure at all. */
  readonly clusterPrefixes: readonly Prefix[];
}

/** What nodes ask each other. */
const QUESTION = 'measure';

/** Targets per order: one has at most 64 KiB, and is carried out long before whoever asks has lost patience. */
const TARGETS_PER_ORDER = 400;
/** And probes to all of them, at one a millisecond. */
const PROBES_PER_ORDER = 1_500;
const DEFAULT_COUNT = 3;
/** Orders that this node carries out at a time; others wait. */
const ORDERS_AT_A_TIME = 2;

const countProblem = `is not 1 to ${MAX_MEASURE_COUNT}`;

const matrixRequest = v.strictObject({
  count: v.exactOptional(
    v.pipe(
      v.number(countProblem),
      v.integer(countProblem),
      v.minValue(1, countProblem),
      v.maxValue(MAX_MEASURE_COUNT, countProblem),
    ),
  ),
  addresses: v.exactOptional(v.pipe(v.array(v.string('is not text'), 'is not a list'), v.minLength(1, 'is empty'))),
});

/** Body of `POST /v1/matrix`. @throws ConfigError naming the key that is wrong; WeftError `request-invalid` */
export function parseMatrixRequest(body: string): MatrixRequest {
  return parseKeys(matrixRequest, body === '' ? {} : parseBody(body));
}

const answers = {
  sent: v.number(),
  lost: v.number(),
  minMs: v.nullable(v.number()),
  meanMs: v.nullable(v.number()),
  problem: v.string(),
};
const toldRow = v.object({
  nodes: v.array(v.object({ node: v.string(), relay: v.string(), ...answers })),
  pods: v.array(v.object({ pod: v.string(), address: v.string(), ...answers })),
  settling: v.optional(v.array(v.string()), []),
});

export class ClusterMatrix {
  readonly #options: MatrixOptions;
  readonly #turns = new Turns(ORDERS_AT_A_TIME);

  constructor(options: MatrixOptions) {
    this.#options = options;
    const { remote, measurement } = options;
    remote.answer(QUESTION, async (order) => this.#turns.run(async () => measurement.measure(order)));
  }

  /** Has all live nodes measure at once. Those that do not are named. @throws ConfigError `addresses`, if no pod that runs has one */
  async measure({ count = DEFAULT_COUNT, addresses }: MatrixRequest): Promise<Matrix> {
    const { remote, pods } = this.#options;
    const nodes = remote.names();
    const survey = await pods.all();
    const isWanted = ({ state, addresses: those }: ClusterPod): boolean =>
      state !== 'gone' && (addresses === undefined || those.some((one) => addresses.includes(one)));
    const running = survey.pods.filter(isWanted);
    if (addresses !== undefined && running.length === 0)
      throw new ConfigError('addresses', `no pod that runs has ${addresses.join(' or ')}`);
    const ports = addresses === undefined ? nodes : [];
    const targets = running.flatMap(({ node, name, addresses }) =>
      addresses.map((address) => ({ pod: `${node}/${name}`, address })),
    );
    const outcomes = await Promise.all(
      nodes.map(async (node) => this.#row(node, { count, nodes: ports, pods: targets })),
    );
    const rows = outcomes.flatMap((outcome) => ('from' in outcome ? [outcome] : []));
    const answers = rows.flatMap((row) => [...row.nodes, ...row.pods]);
    return {
      count,
      nodes,
      pods: running.map(({ node, name }) => `${node}/${name}`),
      rows,
      silent: outcomes.flatMap((outcome) => ('from' in outcome ? [] : [outcome])),
      asked: answers.length,
      lossy: answers.filter(({ lost }) => lost > 0).length,
    };
  }

  async #row(node: string, { count, nodes, pods: told }: MeasureOrder): Promise<MatrixRow | SilentNode> {
    const { remote, clusterPrefixes } = this.#options;
    const { pods = [], alien = [] } = Object.groupBy(told, ({ address }) =>
      isMeasurable(address, clusterPrefixes) ? 'pods' : 'alien',
    );
    const size = Math.min(TARGETS_PER_ORDER, Math.floor(PROBES_PER_ORDER / count));
    const rows: v.InferOutput<typeof toldRow>[] = [];
    try {
      for (let at = 0; at === 0 || at < Math.max(nodes.length, pods.length); at += size) {
        const order = { count, nodes: nodes.slice(at, at + size), pods: pods.slice(at, at + size) };
        rows.push(parseTold(toldRow, node, await remote.ask(node, QUESTION, order), 'measures'));
      }
      const measured = rows.flatMap((row) => row.pods);
      return {
        from: node,
        nodes: rows.flatMap((row) => row.nodes),
        pods: [...measured, ...alien.map((pod) => unmeasured(pod, count))],
        settling: rows.flatMap((row) => row.settling),
      };
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return { node, code: error.code, message: error.message };
    }
  }
}

/** Of a pod whose node says that it has an address beyond the cluster. */
function unmeasured({ pod, address }: MeasureOrder['pods'][number], count: number): MatrixPod {
  const none = { roundTripMs: null, problem: `${address} is no address of the cluster` };
  return { pod, address, ...answersOf(Array.from({ length: count }, () => none)) };
}
