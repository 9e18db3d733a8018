/** Pods, namespaces and nodes as they are known now, found by what policies ask about. Pods with the network of their node are left out. */
import type { Labels, PolicyNamespace, PolicyNode, PolicyPod } from './cluster-facts.ts';
import { labelsOfNamespace } from './pod-selection.ts';

/** What of it changes nothing. */
export type LookedAtCluster = Omit<KnownCluster, `set${string}` | `remove${string}`>;

export class KnownCluster {
  readonly #pods = new Map<string, PolicyPod>();
  readonly #podsByNamespace = new Map<string, Set<PolicyPod>>();
  readonly #podsByPortName = new Map<string, Set<PolicyPod>>();
  readonly #podsWithMorePorts = new Set<PolicyPod>();
  readonly #namespaces = new Map<string, PolicyNamespace>();
  readonly #nodes = new Map<string, PolicyNode>();

  /** The pod that it replaces. */
  setPod(pod: PolicyPod): PolicyPod | undefined {
    const before = this.removePod(pod.key);
    this.#pods.set(pod.key, pod);
    insert(this.#podsByNamespace, pod.namespace, pod);
    for (const { name } of pod.ports) insert(this.#podsByPortName, name, pod);
    if (pod.hasMorePorts) this.#podsWithMorePorts.add(pod);
    return before;
  }

  removePod(key: string): PolicyPod | undefined {
    const pod = this.#pods.get(key);
    if (pod === undefined) return undefined;
    this.#pods.delete(key);
    remove(this.#podsByNamespace, pod.namespace, pod);
    for (const { name } of pod.ports) remove(this.#podsByPortName, name, pod);
    this.#podsWithMorePorts.delete(pod);
    return pod;
  }

  pod(key: string): PolicyPod | undefined {
    return this.#pods.get(key);
  }

  pods(): Iterable<PolicyPod> {
    return this.#pods.values();
  }

  podsIn(namespace: string): Iterable<PolicyPod> {
    return this.#podsByNamespace.get(namespace) ?? [];
  }

  /** Pods that have a port of this name, of whatever protocol. */
  podsWithPort(name: string): Iterable<PolicyPod> {
    return this.#podsByPortName.get(name) ?? [];
  }

  /** Pods of which not all named ports are known. */
  podsWithMorePorts(): Iterable<PolicyPod> {
    return this.#podsWithMorePorts;
  }

  setNamespace(namespace: PolicyNamespace): void {
    this.#namespaces.set(namespace.name, namespace);
  }

  removeNamespace(name: string): void {
    this.#namespaces.delete(name);
  }

  namespace(name: string): PolicyNamespace | undefined {
    return this.#namespaces.get(name);
  }

  /** Those of which more is known than the name. */
  namespaces(): Iterable<PolicyNamespace> {
    return this.#namespaces.values();
  }

  /** Those that have pods, known or not. */
  namespacesInUse(): Iterable<string> {
    return this.#podsByNamespace.keys();
  }

  isInUse(namespace: string): boolean {
    return this.#podsByNamespace.has(namespace);
  }

  labelsOf(namespace: string): Labels {
    return labelsOfNamespace(namespace, this.#namespaces.get(namespace));
  }

  /** The node that it replaces. */
  setNode(node: PolicyNode): PolicyNode | undefined {
    const before = this.#nodes.get(node.name);
    this.#nodes.set(node.name, node);
    return before;
  }

  removeNode(name: string): PolicyNode | undefined {
    const node = this.#nodes.get(name);
    this.#nodes.delete(name);
    return node;
  }

  nodes(): Iterable<PolicyNode> {
    return this.#nodes.values();
  }
}

function insert(index: Map<string, Set<PolicyPod>>, key: string, pod: PolicyPod): void {
  const pods = index.get(key);
  if (pods === undefined) index.set(key, new Set([pod]));
  else pods.add(pod);
}

function remove(index: Map<string, Set<PolicyPod>>, key: string, pod: PolicyPod): void {
  const pods = index.get(key);
  pods?.delete(pod);
  if (pods?.size === 0) index.delete(key);
}
