/**
 * Packets from an address of another node that policies denied, though an `ipBlock` of theirs means somebody: clients that the node masquerades
 * come under its address, and no block of clients means that. Whether it was a client or the node itself, nobody can tell here.
 */
import { readFlow } from '../../explain/packet-flow.ts';
import type { NodeAddress } from '../../explain/policy-words.ts';
import type { PolicyNode } from '../../policy/cluster-facts.ts';
import { addressKey, type PlanState } from '../../policy/plan-state.ts';
import { type Policy, ruleName } from '../../policy/policy.ts';
import { formatIpAddress, parseIpAddress } from '../../wire/address.ts';
import { formatPrefix } from '../../wire/prefix.ts';
import type { DeniedPacket } from './policy-log.ts';

/** How long they are remembered, in ms. */
export const REMEMBERED_MS = 600_000;

/** Pairs of addresses that are remembered: a node has some hundred pods, and few nodes are asked for them. */
const MAX_PAIRS = 256;

/** Addresses of nodes are gathered anew after this time, in ms: a packet must not cost a look at all nodes. */
const NODES_MS = 10_000;

/** Blocks that are named of those of one pod. */
const MAX_BLOCKS = 3;

export interface MasqueradedDenialsOptions {
  readonly nodes: () => Iterable<PolicyNode>;
  readonly plan: () => PlanState | undefined;
  /** By its title. */
  readonly policy: (title: string) => Policy | undefined;
  /** Monotonic, in ms. */
  readonly nowMs: () => number;
}

/** Packets of one node for one pod. */
export interface MasqueradedDenial {
  readonly node: string;
  readonly source: string;
  readonly destination: string;
  /** That were told: the kernel tells some of many. */
  readonly packets: number;
  /** What denied the last. */
  readonly why: string;
  /** `shop/web ingress[0].from[0] (203.0.113.0/24)`: rules that would let in whom they mean. At least one. */
  readonly blocks: readonly string[];
}

interface Pair {
  readonly node: string;
  readonly source: string;
  readonly destination: string;
  packets: number;
  why: string;
  lastMs: number;
}

export class MasqueradedDenials {
  readonly #options: MasqueradedDenialsOptions;
  /** The one that was heard of last is the last. */
  readonly #pairs = new Map<string, Pair>();
  #nodes: ReadonlyMap<string, NodeAddress['node']> = new Map();
  #nodesAtMs = -Infinity;

  constructor(options: MasqueradedDenialsOptions) {
    this.#options = options;
  }

  hear(packets: readonly DeniedPacket[]): void {
    for (const { packet, denier } of packets) {
      if (denier.direction !== 'ingress' || denier.isAudit) continue;
      const { source, destination } = readFlow(packet) ?? {};
      const node = source === undefined ? undefined : this.#nodesNow().get(source);
      if (source === undefined || destination === undefined || node === undefined) continue;
      const key = `${source} ${destination}`;
      const pair = this.#pairs.get(key) ?? { node, source, destination, packets: 0, why: '', lastMs: 0 };
      this.#pairs.delete(key);
      if (this.#pairs.size === MAX_PAIRS) this.#pairs.delete(this.#pairs.keys().next().value!);
      this.#pairs.set(key, pair);
      pair.packets++;
      pair.why = denier.text;
      pair.lastMs = this.#options.nowMs();
    }
  }

  /** Of late, where a rule of the pod has an `ipBlock` now. */
  recent(): readonly MasqueradedDenial[] {
    const sinceMs = this.#options.nowMs() - REMEMBERED_MS;
    return [...this.#pairs.values()]
      .filter(({ lastMs }) => lastMs > sinceMs)
      .map(({ node, source, destination, packets, why }) => {
        return { node, source, destination, packets, why, blocks: this.#blocksFor(destination) };
      })
      .filter(({ blocks }) => blocks.length > 0);
  }

  #blocksFor(destination: string): readonly string[] {
    const plan = this.#options.plan();
    const address = parseIpAddress(destination);
    const pod = address && plan?.podAt(addressKey(address));
    const isolation = pod?.ingress === undefined ? undefined : plan?.isolation(pod.ingress);
    const policies = isolation?.isolatedBy.flatMap((title) => this.#options.policy(title) ?? []) ?? [];
    const blocks = policies.flatMap((policy) =>
      policy.ingress.flatMap((rule) =>
        rule.peer.kind === 'block' ? [`${ruleName(policy, rule)} (${formatPrefix(rule.peer.prefix)})`] : [],
      ),
    );
    return blocks.length > MAX_BLOCKS
      ? [...blocks.slice(0, MAX_BLOCKS), `and ${blocks.length - MAX_BLOCKS} more`]
      : blocks;
  }

  #nodesNow(): ReadonlyMap<string, string> {
    const { nodes, nowMs } = this.#options;
    if (nowMs() - this.#nodesAtMs < NODES_MS) return this.#nodes;
    this.#nodesAtMs = nowMs();
    const all = new Map<string, string>();
    for (const { name, overlayAddresses, underlayAddresses } of nodes())
      for (const address of [...overlayAddresses, ...underlayAddresses]) all.set(formatIpAddress(address), name);
    return (this.#nodes = all);
  }
}
