/**
 * What policies say that their authors hardly meant: nothing is wrong with it, and it does nothing, or more than one thinks. It is asked of
 * pods as they are now, so that it may be meant for others. A pod whose labels are not known may be any of them.
 *
 * There may be thousands of policies and of pods: all of it is found step by step, and whoever asks may do something else between two steps.
 */
import type { PolicyPod } from './cluster-facts.ts';
import type { LookedAtCluster } from './known-cluster.ts';
import type { LabelSelector } from './label-selector.ts';
import { peerKey } from './peer-key.ts';
import { selectsLabels, selectsNamespace } from './pod-selection.ts';
import { type Direction, directions, type PodSelector, type Policy, type PolicyPort, titleOf } from './policy.ts';

/** Something suspicious. */
export interface Suspicion {
  readonly kind: 'selects-nothing' | 'rule-never-matches' | 'port-unknown' | 'dns-denied';
  /** Title of the policy. */
  readonly policy: string;
  /** Where in its object: `spec.ingress[2].from[0]`. */
  readonly path: string;
  /** For people. */
  readonly text: string;
}

/** What is found, one after the other; `undefined`: nothing yet, after some work. */
export type Steps<Found> = Generator<Found | undefined, void>;

/** Pods that are looked at in one step: some tens of microseconds. */
const PODS_A_STEP = 256;

/** Of single policies; of what several deny together, see `denied-names.ts`. */
export function* suspicionsOf(policies: Iterable<Policy>, cluster: LookedAtCluster): Steps<Suspicion> {
  const selection = new Selection(cluster);
  for (const policy of policies) {
    yield;
    const isAny = yield* selection.isAny(policy.subject);
    if (isAny) for (const direction of directions) yield* suspiciousRules(policy, direction, selection);
    else {
      const path = policy.namespace === '' ? 'spec.subject' : 'spec.podSelector';
      const text = 'no pod is selected, so that the policy does nothing';
      yield { kind: 'selects-nothing', policy: titleOf(policy), path, text };
    }
  }
}

function* suspiciousRules(policy: Policy, direction: Direction, selection: Selection): Steps<Suspicion> {
  for (const { peer, ports = [], place } of policy[direction]) {
    const found = { policy: titleOf(policy), path: `spec.${place}` };
    const peers = peer.kind === 'pods' ? peer.pods : undefined;
    if (peers !== undefined && !(yield* selection.isAny(peers))) {
      yield { ...found, kind: 'rule-never-matches', text: 'no pod is selected, so that the rule never matches' };
      continue;
    }
    const [holders, who] =
      direction === 'ingress' ? [policy.subject, 'that the policy selects'] : [peers, 'that the rule means'];
    for (const port of ports) {
      if (port.kind !== 'name' || (yield* selection.mayHavePort(holders, port))) continue;
      yield { ...found, kind: 'port-unknown', text: `no pod ${who} has a port ${JSON.stringify(port.name)}` };
    }
  }
}

/** Labels of the pods of a namespace. */
interface LabelsInUse {
  /** `app`, and `app=web`: no key has an equals sign. */
  readonly texts: ReadonlySet<string>;
  /** Whether those of some are not known. */
  readonly hasUnknown: boolean;
}

/** Whom selectors select, as far as that is asked. Many rules ask the same. */
class Selection {
  readonly #cluster: LookedAtCluster;
  readonly #isAny = new Map<string, boolean>();
  readonly #labels = new Map<string, LabelsInUse>();

  constructor(cluster: LookedAtCluster) {
    this.#cluster = cluster;
  }

  /** Whether there is a pod that it selects, or may select. */
  *isAny(selector: PodSelector): Generator<undefined, boolean> {
    const key = peerKey({ kind: 'pods', pods: selector }, 'certain')!;
    const isAny = this.#isAny.get(key) ?? (yield* this.#search(selector));
    this.#isAny.set(key, isAny);
    return isAny;
  }

  /** Whether one of those that it selects has the port, or may have it. @param selector `undefined`: all pods */
  *mayHavePort(
    selector: PodSelector | undefined,
    { name, protocol }: PolicyPort & { readonly kind: 'name' },
  ): Generator<undefined, boolean> {
    let looked = 0;
    for (const pod of this.#cluster.podsWithPort(name)) {
      if (++looked % PODS_A_STEP === 0) yield;
      const hasPort = pod.ports.some((port) => port.name === name && port.protocol === (protocol ?? port.protocol));
      if (hasPort && (selector === undefined || this.#isSelected(pod, selector) !== false)) return true;
    }
    for (const pod of this.#cluster.podsWithMorePorts()) {
      if (++looked % PODS_A_STEP === 0) yield;
      if (selector === undefined || this.#isSelected(pod, selector) !== false) return true;
    }
    return false;
  }

  #isSelected(pod: PolicyPod, { namespaces, pods }: PodSelector): boolean | undefined {
    const labels = this.#cluster.labelsOf(pod.namespace);
    return selectsNamespace({ namespaces, pods }, pod.namespace, labels) && selectsLabels(pods, pod.labels);
  }

  *#search(selector: PodSelector): Generator<undefined, boolean> {
    let looked = 0;
    for (const namespace of this.#namespacesOf(selector.namespaces)) {
      if (++looked % PODS_A_STEP === 0) yield;
      const labels = yield* this.#labelsIn(namespace);
      if (labels.hasUnknown) return true;
      if (!selector.pods.every((requirement) => mayHold(requirement, labels))) continue;
      for (const pod of this.#cluster.podsIn(namespace)) {
        if (++looked % PODS_A_STEP === 0) yield;
        if (selectsLabels(selector.pods, pod.labels) !== false) return true;
      }
    }
    return false;
  }

  *#namespacesOf(namespaces: PodSelector['namespaces']): Generator<string, void> {
    const all = typeof namespaces === 'string' ? [namespaces] : this.#cluster.namespacesInUse();
    for (const name of all)
      if (selectsNamespace({ namespaces, pods: [] }, name, this.#cluster.labelsOf(name))) yield name;
  }

  *#labelsIn(namespace: string): Generator<undefined, LabelsInUse> {
    const known = this.#labels.get(namespace);
    if (known !== undefined) return known;
    const texts = new Set<string>();
    let hasUnknown = false;
    let looked = 0;
    for (const { labels } of this.#cluster.podsIn(namespace)) {
      if (++looked % PODS_A_STEP === 0) yield;
      hasUnknown ||= labels === undefined;
      for (const [key, value] of Object.entries(labels ?? {})) texts.add(key).add(`${key}=${value}`);
    }
    const inUse = { texts, hasUnknown };
    this.#labels.set(namespace, inUse);
    return inUse;
  }
}

/** What no pod has, need not be looked for pod by pod: it is what is suspicious mostly. */
function mayHold({ key, operator, values }: LabelSelector[number], { texts }: LabelsInUse): boolean {
  if (operator === 'Exists') return texts.has(key);
  return operator !== 'In' || values.some((value) => texts.has(`${key}=${value}`));
}
