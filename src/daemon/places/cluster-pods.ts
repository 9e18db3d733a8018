/** The pods of all nodes: each node is asked for its own. */
import * as v from 'valibot';
import { WeftError } from '../../errors.ts';
import { podTitle } from '../../directory/pod-name.ts';
import type { Pod } from '../../api/control-api.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { parseTold, parseToldOutcomes } from '../remote/told-answer.ts';

/** What other nodes are told of a pod. Its name has its namespace before it, unless that is the default one. */
export interface ClusterPod extends Pick<Pod, 'name' | 'addresses' | 'state'> {
  readonly node: string;
}

/** Pods, and the nodes that did not say which they have, and why. */
export interface PodSurvey {
  readonly pods: readonly ClusterPod[];
  readonly silent: readonly SilentNode[];
}

/** A node that could not be asked. */
export interface SilentNode {
  readonly node: string;
  readonly code: string;
  readonly message: string;
}

/** What nodes ask each other. */
const QUESTION = 'pods';

const toldPods = v.array(
  v.object({
    name: v.string(),
    addresses: v.array(v.string()),
    state: v.picklist(['running', 'broken', 'disconnected', 'gone']),
  }),
);

const TELLING = 'tells of its pods';

type ToldPod = Omit<ClusterPod, 'node'>;

/** What a node that cannot be asked said last, counts. */
export class ClusterPods {
  readonly #remote: RemoteNodes;
  /** By node. */
  readonly #told = new Map<string, readonly ToldPod[]>();

  /** @param own pods of this node. */
  constructor(remote: RemoteNodes, own: () => readonly Pod[]) {
    this.#remote = remote;
    remote.answer(QUESTION, () =>
      own().map(({ namespace, name, addresses, state }): ToldPod => {
        return { name: podTitle(namespace, name), addresses, state };
      }),
    );
  }

  /** Those of all live nodes. Never rejects. */
  async all(): Promise<PodSurvey> {
    const outcomes = parseToldOutcomes(toldPods, await this.#remote.askAll(QUESTION, {}), TELLING);
    const nodes = new Set(outcomes.map(({ node }) => node));
    for (const node of this.#told.keys()) if (!nodes.has(node)) this.#told.delete(node);
    for (const outcome of outcomes) if ('answer' in outcome) this.#told.set(outcome.node, outcome.answer);
    const pods = outcomes.flatMap(({ node }) => named(node, this.#told.get(node) ?? []));
    const silent = outcomes.flatMap((outcome) =>
      'error' in outcome ? [{ node: outcome.node, code: outcome.error.code, message: outcome.error.message }] : [],
    );
    return { pods, silent };
  }

  /** Those of one node. @throws as `RemoteNodes.ask`, if it never said anything */
  async of(node: string): Promise<readonly ClusterPod[]> {
    try {
      const told = parseTold(toldPods, node, await this.#remote.ask(node, QUESTION, {}), TELLING);
      this.#told.set(node, told);
      return named(node, told);
    } catch (error) {
      const told = this.#told.get(node);
      if (told === undefined || !(error instanceof WeftError)) throw error;
      return named(node, told);
    }
  }
}

function named(node: string, pods: readonly ToldPod[]): ClusterPod[] {
  return pods.map((pod) => ({ node, ...pod }));
}
