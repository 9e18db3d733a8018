/** Every node to every other node and to all pods: each node is asked to measure, and what they say is put together. */
import * as v from 'valibot';
import { ConfigError, WeftError } from '../errors.ts';
import type { ClusterPods, SilentNode } from './cluster-pods.ts';
import { parseBody } from './control-request.ts';
import type { Matrix, MatrixRequest, MatrixRow, MeasureOrder } from './matrix-api.ts';
import { MAX_MEASURE_COUNT, type Measurement } from './measurement.ts';
import type { RemoteNodes } from './remote-nodes.ts';

export interface MatrixOptions {
  readonly remote: RemoteNodes;
  readonly pods: ClusterPods;
  readonly measurement: Measurement;
}

/** What nodes ask each other. */
const QUESTION = 'measure';

/** Targets per order: one has at most 64 KiB, and is carried out long before whoever asks has lost patience. */
const TARGETS_PER_ORDER = 400;
/** And probes to all of them, at one a millisecond. */
const PROBES_PER_ORDER = 1_500;
const DEFAULT_COUNT = 3;

const matrixRequest = v.strictObject({
  count: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_MEASURE_COUNT))),
});

/** Body of `POST /v1/matrix`. @throws ConfigError naming the key that is wrong; WeftError `request-invalid` */
export function parseMatrixRequest(body: string): MatrixRequest {
  const result = v.safeParse(matrixRequest, body === '' ? {} : parseBody(body));
  if (result.success) return result.output;
  const [issue] = result.issues;
  const problem = issue.type === 'strict_object' ? 'is not a known key' : `is not 1 to ${MAX_MEASURE_COUNT}`;
  throw new ConfigError(v.getDotPath(issue) ?? '', problem);
}

export class ClusterMatrix {
  readonly #options: MatrixOptions;

  constructor(options: MatrixOptions) {
    this.#options = options;
    options.remote.answer(QUESTION, async (order) => options.measurement.measure(order));
  }

  /** Has all live nodes measure at once. Those that do not are named. */
  async measure({ count = DEFAULT_COUNT }: MatrixRequest): Promise<Matrix> {
    const { remote, pods } = this.#options;
    const nodes = remote.names();
    const survey = await pods.all();
    const running = survey.pods.filter(({ state }) => state === 'running');
    const targets = running.flatMap(({ node, name, addresses }) =>
      addresses.map((address) => ({ pod: `${node}/${name}`, address })),
    );
    const outcomes = await Promise.all(nodes.map(async (node) => this.#row(node, { count, nodes, pods: targets })));
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

  async #row(node: string, { count, nodes, pods }: MeasureOrder): Promise<MatrixRow | SilentNode> {
    const { remote } = this.#options;
    const size = Math.min(TARGETS_PER_ORDER, Math.floor(PROBES_PER_ORDER / count));
    const rows: MatrixRow[] = [];
    try {
      for (let at = 0; at === 0 || at < Math.max(nodes.length, pods.length); at += size) {
        const order = { count, nodes: nodes.slice(at, at + size), pods: pods.slice(at, at + size) };
        rows.push(await remote.ask<MatrixRow>(node, QUESTION, order));
      }
      return { from: node, nodes: rows.flatMap((row) => row.nodes), pods: rows.flatMap((row) => row.pods) };
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return { node, code: error.code, message: error.message };
    }
  }
}
