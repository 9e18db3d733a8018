/**
 * What one node has to enforce, kept up to date: policies, pods, namespaces and nodes are told one by one, and each change reaches only what
 * depends on it. The same cluster gives the same plan, whatever it was before.
 *
 *     policies ──► local pods ──► isolations ──► rules ──► peer sets, port sets
 *                                                              ▲
 *     pods, namespaces, nodes ─────────────────────────────────┘
 */
import { ChangedItems } from './changed-items.ts';
import type { PolicyNamespace, PolicyNode, PolicyPod } from './cluster-facts.ts';
import { Isolations } from './isolations.ts';
import { KnownCluster, type LookedAtCluster } from './known-cluster.ts';
import type { IsolationPlan, NodePlan, NodePlanChange, PeerSet, PodPlan, PortSet } from './node-plan.ts';
import { PeerSets } from './peer-sets.ts';
import { PlannedRules } from './planned-rules.ts';
import { selectsPod } from './pod-selection.ts';
import { PolicyIndex } from './policy-index.ts';
import { comparePolicies, compareTexts, type Direction, type Policy, titleOf, tiers } from './policy.ts';
import { PortSets } from './port-sets.ts';
import { isSameContent, isSameIsolation, isSamePeerSet, isSamePortSet } from './same-plan.ts';
import { closingPolicy, isolationOfUnknown } from './unknown-labels.ts';
import { UnknownPortPods } from './unknown-port-pods.ts';

/** A pod of this node. */
interface LocalPod {
  pod: PolicyPod;
  /** In the order in which they are asked. One that is isolated as its labels are not known has `isolationOfUnknown` alone. */
  policies: readonly Policy[];
  ingress: string | undefined;
  egress: string | undefined;
}

export class NodePlanner {
  readonly #nodeName: string;
  readonly #cluster = new KnownCluster();
  readonly #policies = new PolicyIndex();
  readonly #locals = new Map<string, LocalPod>();
  readonly #peers: PeerSets;
  readonly #ports: PortSets;
  readonly #unknownPorts: UnknownPortPods;
  readonly #isolations: Isolations;
  readonly #changed = {
    pods: new ChangedItems<PodPlan>({ read: (key) => this.#podPlan(key), isSame: isSameContent }),
    isolations: new ChangedItems<IsolationPlan>({ read: (key) => this.#isolations.read(key), isSame: isSameIsolation }),
    peerSets: new ChangedItems<PeerSet>({ read: (key) => this.#readPeers(key), isSame: isSamePeerSet }),
    portSets: new ChangedItems<PortSet>({ read: (key) => this.#ports.read(key), isSame: isSamePortSet }),
  };

  /** @param nodeName as in `PolicyPod.nodeName`. */
  constructor(nodeName: string) {
    const { isolations, peerSets, portSets } = this.#changed;
    this.#nodeName = nodeName;
    this.#peers = new PeerSets(this.#cluster, (key) => peerSets.touch(key));
    this.#ports = new PortSets(nodeName, this.#cluster, (key) => portSets.touch(key));
    this.#unknownPorts = new UnknownPortPods(nodeName, (key) => peerSets.touch(key));
    const rules = new PlannedRules(this.#peers, this.#ports, this.#unknownPorts);
    this.#isolations = new Isolations(rules, (key) => isolations.touch(key));
  }

  /** All that was told. */
  policies(): Iterable<Policy> {
    return this.#policies.all();
  }

  /** @param title {@link titleOf} it. */
  policy(title: string): Policy | undefined {
    return this.#policies.get(title);
  }

  /** What was told of pods, namespaces and nodes: to look at, as it changes with the next word. */
  get cluster(): LookedAtCluster {
    return this.#cluster;
  }

  /** A policy is there, or another than before. */
  setPolicy(policy: Policy): void {
    const title = titleOf(policy);
    if (isSameContent(this.#policies.get(title), policy)) return;
    this.#policies.set(policy);
    this.#replacePolicy(title, policy);
  }

  /** @param title {@link titleOf} it. */
  removePolicy(title: string): void {
    if (this.#policies.get(title) === undefined) return;
    this.#policies.remove(title);
    this.#replacePolicy(title, undefined);
  }

  /** A pod is there, or another than before, on whatever node. */
  setPod(pod: PolicyPod): void {
    if (pod.hostNetwork) this.removePod(pod.key);
    else if (!isSameContent(this.#cluster.pod(pod.key), pod)) this.#replacePod(this.#cluster.setPod(pod), pod);
  }

  removePod(key: string): void {
    const before = this.#cluster.removePod(key);
    if (before !== undefined) this.#replacePod(before, undefined);
  }

  setNamespace(namespace: PolicyNamespace): void {
    if (isSameContent(this.#cluster.namespace(namespace.name), namespace)) return;
    this.#cluster.setNamespace(namespace);
    this.#updateNamespace(namespace.name);
  }

  /** Nothing is known of it any more but its name. */
  removeNamespace(name: string): void {
    this.#cluster.removeNamespace(name);
    this.#updateNamespace(name);
  }

  setNode(node: PolicyNode): void {
    const before = this.#cluster.setNode(node);
    if (!isSameContent(before, node)) this.#peers.replaceNode(before, node);
  }

  removeNode(name: string): void {
    const before = this.#cluster.removeNode(name);
    if (before !== undefined) this.#peers.replaceNode(before, undefined);
  }

  /** A policy by which a pod of this node is isolated because its labels are not known; `undefined`: it is not. @param key `PolicyPod.key` */
  closingPolicy(key: string): Policy | undefined {
    const local = this.#locals.get(key);
    return local && this.#closing(local.pod);
  }

  /** All of it, in order of the keys. */
  plan(): NodePlan {
    this.#settle();
    return {
      pods: all(this.#locals.keys(), (key) => this.#podPlan(key)),
      isolations: all(this.#isolations.keys(), (key) => this.#isolations.read(key)),
      peerSets: all([...this.#peers.keys(), ...this.#unknownPorts.keys()], (key) => this.#readPeers(key)),
      portSets: all(this.#ports.keys(), (key) => this.#ports.read(key)),
    };
  }

  /** What is not as it was the last time. The first time, that is all. */
  takeChange(): NodePlanChange {
    this.#settle();
    return {
      pods: this.#changed.pods.take(),
      isolations: this.#changed.isolations.take(),
      peerSets: this.#changed.peerSets.take(),
      portSets: this.#changed.portSets.take(),
    };
  }

  /** What is asked again is kept. */
  #settle(): void {
    this.#isolations.settle();
    this.#peers.forgetIdle();
  }

  #readPeers(key: string): PeerSet | undefined {
    return this.#peers.read(key) ?? this.#unknownPorts.read(key);
  }

  #replacePolicy(title: string, policy: Policy | undefined): void {
    const replaced = [...this.#locals.values()].flatMap((local) => {
      if (local.pod.labels === undefined) return [{ local, policies: this.#policiesOf(local.pod) }];
      const others = local.policies.filter((one) => titleOf(one) !== title);
      const isSelected = policy !== undefined && this.#isAbout(policy, local.pod);
      const isConcerned = isSelected || others.length < local.policies.length;
      return isConcerned ? [{ local, policies: isSelected ? [...others, policy] : others }] : [];
    });
    this.#judge(replaced);
  }

  #replacePod(before: PolicyPod | undefined, after: PolicyPod | undefined): void {
    if (after !== undefined) this.#peers.noteNamespace(after.namespace);
    this.#peers.replacePod(before, after);
    if (before !== undefined) this.#peers.noteNamespace(before.namespace);
    this.#ports.replacePod(before, after);
    this.#unknownPorts.replacePod(before, after);
    const key = (before ?? after)!.key;
    const local = this.#locals.get(key);
    if (after?.nodeName === this.#nodeName) {
      const kept = local ?? { pod: after, policies: [], ingress: undefined, egress: undefined };
      kept.pod = after;
      this.#locals.set(key, kept);
      this.#judge([{ local: kept, policies: this.#policiesOf(after) }]);
    } else if (local !== undefined) {
      this.#judge([{ local, policies: [] }]);
      this.#locals.delete(key);
    }
  }

  #updateNamespace(name: string): void {
    this.#peers.updateNamespace(name);
    const there = [...this.#locals.values()].filter(({ pod }) => pod.namespace === name);
    this.#judge(there.map((local) => ({ local, policies: this.#policiesOf(local.pod) })));
  }

  #policiesOf(pod: PolicyPod): readonly Policy[] {
    const { namespace } = pod;
    if (this.#closing(pod) !== undefined) return [isolationOfUnknown(namespace)];
    return [...this.#policies.about(namespace)].filter((policy) => this.#isAbout(policy, pod));
  }

  #closing(pod: PolicyPod): Policy | undefined {
    return closingPolicy(this.#policies.about(pod.namespace), pod, this.#cluster.labelsOf(pod.namespace));
  }

  #isAbout({ subject }: Policy, pod: PolicyPod): boolean {
    return selectsPod(subject, pod, this.#cluster.labelsOf(pod.namespace)) === true;
  }

  /** Pods are selected by other policies. All are released first: policies of the same titles may say something else now. */
  #judge(pods: readonly { readonly local: LocalPod; readonly policies: readonly Policy[] }[]): void {
    for (const { local } of pods) {
      for (const key of [local.ingress, local.egress]) if (key !== undefined) this.#isolations.release(key);
    }
    for (const { local, policies } of pods) {
      local.policies = policies.toSorted(compareAsked);
      local.ingress = this.#isolate(local.policies, 'ingress');
      local.egress = this.#isolate(local.policies, 'egress');
      this.#changed.pods.touch(local.pod.key);
    }
  }

  #isolate(policies: readonly Policy[], direction: Direction): string | undefined {
    const judging = policies.filter(({ directions }) => directions.includes(direction));
    return judging.length === 0 ? undefined : this.#isolations.acquire(direction, judging);
  }

  #podPlan(key: string): PodPlan | undefined {
    const local = this.#locals.get(key);
    if (local === undefined || (local.ingress === undefined && local.egress === undefined)) return undefined;
    return { pod: key, addresses: local.pod.addresses, ingress: local.ingress, egress: local.egress };
  }
}

function compareAsked(a: Policy, b: Policy): number {
  return tiers.indexOf(a.tier) - tiers.indexOf(b.tier) || comparePolicies(a, b);
}

function all<Item>(keys: Iterable<string>, read: (key: string) => Item | undefined): readonly Item[] {
  return [...keys].sort(compareTexts).flatMap((key) => read(key) ?? []);
}
