/**
 * Where pods meet their node: the rules for a pod stand before its cable is there, and go after it.
 *
 *     the Pod object is known ──> which policies select the pod is known ──> its rules stand ──> (the cable is made)
 *     └──────── not in the turn of pods: others are made meanwhile ────────┘
 *
 * A pod whose interface is beside that of another network has no policies there, and neither waits for anything.
 */
import type { NodePlanner } from '../../policy/node-planner.ts';
import type { AwaitedPod } from '../kubernetes/awaited-pods.ts';
import type { PolicyFacts } from '../policy-facts/policy-facts.ts';
import type { PodEdge } from '../pods/known-pods.ts';
import { kubernetesNameOf } from '../pods/kubernetes-pod.ts';
import { keyOf, type PodIdentity, titleOf } from '../pods/pod-key.ts';
import type { PodRecord } from '../pods/pod-record.ts';
import type { EventSink } from '../process/event-log.ts';
import type { NodePolicies } from './node-policies.ts';

export interface PodEdgesOptions {
  /** As `AwaitedPods.wait`; nothing of what it gives is looked at. */
  readonly awaitPod: (pod: AwaitedPod) => Promise<unknown>;
  /** Whether the Pod object is known now. */
  readonly isKnown: (pod: AwaitedPod) => boolean;
  readonly facts: Pick<PolicyFacts, 'ownPodsChanged'>;
  readonly policies: Pick<NodePolicies, 'prepare' | 'release' | 'begun' | 'isBegun' | 'isHolding'>;
  /** Knows which pods are isolated as their labels are not known. */
  readonly planner: Pick<NodePlanner, 'closingPolicy'>;
  readonly events: EventSink;
}

export class PodEdges implements PodEdge {
  readonly #options: PodEdgesOptions;

  constructor(options: PodEdgesOptions) {
    this.#options = options;
  }

  async expect(pod: PodIdentity): Promise<void> {
    if (!hasPolicies(pod)) return;
    const { awaitPod, policies } = this.#options;
    const name = kubernetesNameOf(pod);
    await Promise.all([name && awaitPod(name), policies.begun()]);
  }

  async prepare(record: PodRecord): Promise<void> {
    if (!hasPolicies(record)) return;
    const { isKnown, facts, policies, planner } = this.#options;
    const name = kubernetesNameOf(record);
    facts.ownPodsChanged();
    await policies.prepare(keyOf(record), record.hostDevice);
    if (!policies.isBegun) this.#tell(record, 'policies are not known yet', policies.isHolding(keyOf(record)));
    else if (name !== undefined && !isKnown(name))
      this.#tell(record, 'its labels are not known yet', planner.closingPolicy(keyOf(record)) !== undefined);
  }

  async release(record: PodRecord): Promise<void> {
    if (hasPolicies(record)) await this.#options.policies.release(keyOf(record));
  }

  #tell(record: PodRecord, why: string, isIsolated: boolean): void {
    const subject = titleOf(record);
    const meanwhile = isIsolated
      ? 'isolated in both directions until then, as policies may select it'
      : 'open until then';
    this.#options.events.add('policy-unsure', {
      subject,
      message: `pod ${subject} is there, and ${why}: it is ${meanwhile}`,
      details: { isIsolated },
    });
  }
}

/** Whether policies are enforced where a pod meets its node. */
export function hasPolicies({ attachment }: PodIdentity): boolean {
  return attachment?.alongside !== true;
}
