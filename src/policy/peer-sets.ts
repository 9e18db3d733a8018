/**
 * The addresses of all peers that rules mean: one set for all rules that mean the same. A change of a pod reaches only the selectors that
 * look into its namespace.
 */
import type { Prefix } from '../wire/prefix.ts';
import type { PolicyNode, PolicyPod } from './cluster-facts.ts';
import type { KnownCluster } from './known-cluster.ts';
import type { PeerSet } from './node-plan.ts';
import { type PeerCertainty, peerKey } from './peer-key.ts';
import { coveredBy, prefixesOfBlock, prefixesOfNodes } from './peer-prefixes.ts';
import { PodPeers } from './pod-peers.ts';
import type { PolicyPeer } from './policy.ts';
import { isSameContent } from './same-plan.ts';

interface UsedPeers {
  readonly peer: PolicyPeer;
  /** Of pods alone. */
  readonly pods: PodPeers | undefined;
  /** By a block alone. */
  readonly covered: readonly Prefix[];
  /** Rules that mean these. */
  uses: number;
}

export class PeerSets {
  readonly #cluster: KnownCluster;
  readonly #touch: (key: string) => void;
  readonly #sets = new Map<string, UsedPeers>();
  /** Keys of those that look into a namespace, for each that has pods. */
  readonly #byNamespace = new Map<string, Set<string>>();
  /** Keys of those that no rule may mean any more. They are kept until {@link forgetIdle}: another rule may mean them in the next moment. */
  readonly #idle = new Set<string>();

  /** @param touch a set may be another one. */
  constructor(cluster: KnownCluster, touch: (key: string) => void) {
    this.#cluster = cluster;
    this.#touch = touch;
  }

  /** One more rule means these. The key of their set; `undefined`: anybody, who is in no set. */
  acquire(peer: PolicyPeer, certainty: PeerCertainty): string | undefined {
    const key = peerKey(peer, certainty);
    if (key === undefined) return undefined;
    const set = this.#sets.get(key);
    if (set === undefined) this.#insert(key, peer, certainty);
    else set.uses++;
    return key;
  }

  /** One rule less means those of a key. */
  release(key: string): void {
    const set = this.#sets.get(key)!;
    set.uses--;
    if (set.uses === 0) this.#idle.add(key);
  }

  /** Drops what no rule means. */
  forgetIdle(): void {
    for (const key of this.#idle) {
      if (this.#sets.get(key)!.uses > 0) continue;
      this.#sets.delete(key);
      for (const keys of this.#byNamespace.values()) keys.delete(key);
      this.#touch(key);
    }
    this.#idle.clear();
  }

  /** A pod is another, new or gone. The cluster knows already. */
  replacePod(before: PolicyPod | undefined, after: PolicyPod | undefined): void {
    const key = (before ?? after)!.key;
    const sources = before === undefined ? [] : this.#keysOf(before.namespace);
    const targets = new Set(after === undefined ? [] : this.#keysOf(after.namespace));
    for (const set of new Set([...sources, ...targets])) this.#replace(set, key, targets.has(set) ? after : undefined);
  }

  /** A namespace may have its first pods now, or none any more. */
  noteNamespace(name: string): void {
    if (this.#cluster.isInUse(name) !== this.#byNamespace.has(name)) this.updateNamespace(name);
  }

  /** Labels of a namespace may be others, or it has its first pods, or none any more. */
  updateNamespace(name: string): void {
    const labels = this.#cluster.labelsOf(name);
    const before = this.#keysOf(name);
    const after = new Set<string>();
    if (this.#cluster.isInUse(name)) {
      for (const [key, { pods }] of this.#sets) if (pods?.concerns(name, labels) === true) after.add(key);
      this.#byNamespace.set(name, after);
    } else {
      this.#byNamespace.delete(name);
    }
    for (const pod of this.#cluster.podsIn(name)) {
      for (const key of before) if (!after.has(key)) this.#replace(key, pod.key, undefined);
      for (const key of after) if (!before.has(key)) this.#replace(key, pod.key, pod);
    }
  }

  /** A node is another, new or gone. The cluster knows already. */
  replaceNode(before: PolicyNode | undefined, after: PolicyNode | undefined): void {
    const isElsewhere = !isSameContent(addressesOf(before), addressesOf(after));
    for (const [key, { peer }] of this.#sets)
      if (peer.kind === 'nodes' || (peer.kind === 'block' && isElsewhere)) this.#touch(key);
  }

  keys(): Iterable<string> {
    return this.#sets.keys();
  }

  read(key: string): PeerSet | undefined {
    const set = this.#sets.get(key);
    return set && { key, prefixes: this.#prefixesOf(set) };
  }

  #prefixesOf({ peer, pods, covered }: UsedPeers): readonly Prefix[] {
    if (peer.kind === 'block') return prefixesOfBlock(peer, covered, this.#cluster.nodes());
    if (peer.kind === 'nodes') return prefixesOfNodes(peer.nodes, this.#cluster.nodes());
    return pods?.prefixes() ?? [];
  }

  #insert(key: string, peer: PolicyPeer, certainty: PeerCertainty): void {
    const pods = peer.kind === 'pods' ? new PodPeers(peer.pods, certainty) : undefined;
    const covered = peer.kind === 'block' ? coveredBy(peer) : [];
    this.#sets.set(key, { peer, pods, covered, uses: 1 });
    this.#touch(key);
    if (pods === undefined) return;
    for (const namespace of this.#cluster.namespacesInUse()) {
      if (!pods.concerns(namespace, this.#cluster.labelsOf(namespace))) continue;
      this.#byNamespace.get(namespace)!.add(key);
      for (const pod of this.#cluster.podsIn(namespace)) pods.replace(pod.key, pod);
    }
  }

  #keysOf(namespace: string): ReadonlySet<string> {
    return this.#byNamespace.get(namespace) ?? new Set();
  }

  #replace(key: string, podKey: string, pod: PolicyPod | undefined): void {
    if (this.#sets.get(key)!.pods!.replace(podKey, pod)) this.#touch(key);
  }
}

function addressesOf(node: PolicyNode | undefined): unknown {
  return node && [node.underlayAddresses, node.overlayAddresses];
}
