/**
 * What the doctor is told of policies: what is suspicious about them, of all that is known of pods now. Anybody may have thousands of policies
 * and pods, and gossip must not wait for them: they are looked at in slices, and for no longer than {@link MAX_WORK_MS} in all.
 */
import type { PolicyFacts, SuspiciousPolicies } from '../../doctor/facts.ts';
import type { PolicyPod } from '../../policy/cluster-facts.ts';
import { ClusterView } from '../../policy/cluster-view.ts';
import { answersNames, deniedNames, type NameDenial } from '../../policy/denied-names.ts';
import type { NodePlanner } from '../../policy/node-planner.ts';
import { type Suspicion, suspicionsOf } from '../../policy/suspicions.ts';
import { MAX_WORK_MS, SlicedWork } from '../process/sliced-work.ts';

/** Of one kind, so many are told; the others are counted. */
const MAX_TOLD = 8;

export interface PolicySurveyOptions {
  readonly planner: Pick<NodePlanner, 'policies' | 'cluster'>;
  /** As in `PolicyPod.nodeName`. */
  readonly nodeName: string;
  /** Why not all pods and policies are known; empty: they are. */
  readonly ignorance: () => string;
  /** Whether this node answers DNS for its pods in the place of the pods that do it for the cluster (NodeLocal DNSCache). */
  readonly answersOwnNames: () => boolean;
  readonly masqueraded: () => PolicyFacts['masqueraded'];
  /** Monotonic, in ms. */
  readonly nowMs: () => number;
}

/** What was found, and why that may not be all; empty: it is. */
export interface PolicySurvey {
  readonly facts: PolicyFacts;
  readonly unseen: string;
}

const nothing: SuspiciousPolicies = { some: [], count: 0 };

const noFacts: PolicyFacts = {
  selectingNothing: nothing,
  neverMatching: nothing,
  unknownPorts: nothing,
  nameDenials: [],
  masqueraded: [],
};

/** Finds it. */
export async function surveyPolicies(options: PolicySurveyOptions): Promise<PolicySurvey> {
  const { planner, nodeName, ignorance, answersOwnNames, nowMs } = options;
  const reason = ignorance();
  // What was denied is known, whatever else is not.
  if (reason !== '') return { facts: { ...noFacts, masqueraded: options.masqueraded() }, unseen: reason };
  const { cluster } = planner;
  const policies = [...planner.policies()];
  const work = new SlicedWork(nowMs);
  const suspicions = new Map<Suspicion['kind'], { some: Suspicion[]; count: number }>();
  await work.take(suspicionsOf(policies, cluster), (suspicion) => {
    const known = suspicions.get(suspicion.kind) ?? { some: [], count: 0 };
    if (known.some.length < MAX_TOLD) known.some.push(suspicion);
    known.count++;
    suspicions.set(suspicion.kind, known);
  });
  const denials: NameDenial[] = [];
  if (!answersOwnNames()) {
    const servers: PolicyPod[] = [];
    const own: PolicyPod[] = [];
    for (const pod of cluster.pods()) {
      if (answersNames(pod)) servers.push(pod);
      else if (pod.nodeName === nodeName) own.push(pod);
    }
    const pods = [...own, ...servers];
    const view = new ClusterView(policies, { pods, namespaces: cluster.namespaces(), nodes: cluster.nodes() });
    await work.take(deniedNames(own, servers, view), (denial) => denials.push(denial));
  }
  return {
    facts: {
      selectingNothing: suspicions.get('selects-nothing') ?? nothing,
      neverMatching: suspicions.get('rule-never-matches') ?? nothing,
      unknownPorts: suspicions.get('port-unknown') ?? nothing,
      nameDenials: denials,
      masqueraded: options.masqueraded(),
    },
    unseen: work.isOver ? `there are too many policies and pods to look at all of them within ${MAX_WORK_MS} ms` : '',
  };
}
