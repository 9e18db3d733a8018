/**
 * The pods of all nodes, from the directory, which gossip keeps. Nobody is asked, but for nodes of an earlier version, which do not say
 * which pods they have; and such nodes are answered.
 */
import * as v from 'valibot';
import type { Pod } from '../../api/control-api.ts';
import type { SilentNode } from '../../api/silent-node.ts';
import type { FoundPod } from '../../directory/pod-index.ts';
import type { PodLabels } from '../../directory/pod-labels.ts';
import { podTitle } from '../../directory/pod-name.ts';
import { ConflictError, WeftError } from '../../errors.ts';
import type { Member } from '../../membership/announcement.ts';
import { formatIpAddress } from '../../wire/address.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { parseTold } from '../remote/told-answer.ts';
import { namedPods } from './named-pods.ts';

/** What is known of a pod, wherever it is. */
export interface ClusterPod {
  readonly node: string;
  /** With its namespace, if that is not the default one: `shop/web`. */
  readonly name: string;
  readonly addresses: readonly string[];
  /** Absent for those of nodes of an earlier version. */
  readonly labels?: PodLabels;
  /** What its node alone knows: absent for pods of others, of which those that are gone are not told. */
  readonly state?: Pod['state'];
}

/** Pods, and the nodes whose pods are not known, and why. */
export interface PodSurvey {
  readonly pods: readonly ClusterPod[];
  readonly silent: readonly SilentNode[];
}

/** Where pods of other nodes are looked up. */
export interface PodsOfOthers {
  /** The node of that name that is there, or was last. */
  readonly member: (node: string) => Member | undefined;
  /** Those of the node with this identity; `undefined`: not known yet. */
  readonly of: (identity: string) => readonly FoundPod[] | undefined;
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

export class ClusterPods {
  readonly #remote: RemoteNodes;
  readonly #nodeName: string;
  readonly #own: () => readonly Pod[];
  readonly #others: PodsOfOthers;
  /** What nodes that were asked said last, by name: it counts while they cannot be asked. */
  readonly #told = new Map<string, readonly ClusterPod[]>();

  /**
   * @param nodeName of this node
   * @param own its pods
   */
  constructor(remote: RemoteNodes, nodeName: string, own: () => readonly Pod[], others: PodsOfOthers) {
    this.#remote = remote;
    this.#nodeName = nodeName;
    this.#own = own;
    this.#others = others;
    remote.answer(QUESTION, () => this.#ownPods().map(({ name, addresses, state }) => ({ name, addresses, state })));
  }

  /** Those of all live nodes. Never rejects. */
  async all(): Promise<PodSurvey> {
    const names = this.#remote.names();
    for (const node of this.#told.keys()) if (!names.includes(node)) this.#told.delete(node);
    const surveys = await Promise.all(names.map(async (node) => this.#survey(node)));
    return { pods: surveys.flatMap(({ pods }) => pods), silent: surveys.flatMap(({ silent }) => silent) };
  }

  /** Those of one node. @throws WeftError `pods-unknown`; of a node that does not say which it has, as `RemoteNodes.ask` */
  async of(node: string): Promise<readonly ClusterPod[]> {
    const { pods, failure } = await this.#find(node);
    if (failure !== undefined && pods === undefined) throw failure;
    return pods ?? [];
  }

  async #survey(node: string): Promise<PodSurvey> {
    const { pods = [], failure } = await this.#find(node);
    const silent = failure === undefined ? [] : [{ node, code: failure.code, message: failure.message }];
    return { pods, silent };
  }

  /** Those of one node, or why they are not known; of one that said something before, both. */
  async #find(node: string): Promise<{ readonly pods?: readonly ClusterPod[]; readonly failure?: WeftError }> {
    try {
      return { pods: node === this.#nodeName ? this.#ownPods() : (this.#known(node) ?? (await this.#ask(node))) };
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      const told = this.#told.get(node);
      return { failure: error, ...(told !== undefined && { pods: told }) };
    }
  }

  async #ask(node: string): Promise<readonly ClusterPod[]> {
    const told = parseTold(toldPods, node, await this.#remote.ask(node, QUESTION, {}), TELLING);
    const pods = told.map((pod) => ({ node, ...pod }));
    this.#told.set(node, pods);
    return pods;
  }

  /** Those of a node that says which it has; `undefined` of one of an earlier version. @throws WeftError `pods-unknown` */
  #known(node: string): readonly ClusterPod[] | undefined {
    const member = this.#others.member(node);
    if (member?.announcement.podSummary === undefined) return undefined;
    const known = this.#others.of(member.announcement.identity);
    if (known !== undefined) {
      // One whose name another has is meant by its address alone.
      const named = known.filter(({ isSuperseded }) => !isSuperseded);
      return named.map(({ namespace, name, addresses, labels }) => ({
        node,
        name: podTitle(namespace, name),
        addresses: addresses.map(formatIpAddress),
        labels,
      }));
    }
    throw new ConflictError(
      'pods-unknown',
      `node ${node}: its pods are not known here yet: nobody that was asked has the list`,
      {
        node,
      },
    );
  }

  #ownPods(): (ClusterPod & Pick<Pod, 'state'>)[] {
    return namedPods(this.#own()).map(({ namespace, name, addresses, labels, state }) => ({
      node: this.#nodeName,
      name: podTitle(namespace, name),
      addresses,
      labels,
      state,
    }));
  }
}
