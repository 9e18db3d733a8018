/**
 * What of Kubernetes made a pod, as far as its name and labels tell: nobody asks the API. The controllers of Kubernetes give their pods
 * these labels, and derive their names from their own (`metadata.generateName`).
 */
import type { PodLabels } from './pod-labels.ts';

export type WorkloadKind = 'deployment' | 'statefulset' | 'daemonset' | 'job';

export interface Workload {
  readonly kind: WorkloadKind;
  readonly name: string;
}

/** What of a pod tells. */
export interface LabelledPod {
  readonly name: string;
  readonly labels: PodLabels;
}

/** What one may write, as for `kubectl`: the first of a kind is what weft writes. */
const words: Readonly<Record<WorkloadKind, readonly [string, ...string[]]>> = {
  deployment: ['deploy', 'deployment', 'deployments', 'deployment.apps', 'deployments.apps'],
  statefulset: ['sts', 'statefulset', 'statefulsets', 'statefulset.apps', 'statefulsets.apps'],
  daemonset: ['ds', 'daemonset', 'daemonsets', 'daemonset.apps', 'daemonsets.apps'],
  job: ['job', 'jobs', 'job.batch', 'jobs.batch'],
};

const kinds = new Map(
  (Object.keys(words) as WorkloadKind[]).flatMap((kind) => words[kind].map((word) => [word, kind] as const)),
);

/** Characters at the end of a name that is generated. */
const RANDOM_LENGTH = 5;
/** What stands before them is cut to so many characters. */
const MAX_BASE_LENGTH = 58;

const TEMPLATE_HASH = 'pod-template-hash';
const REVISION_HASH = 'controller-revision-hash';
const SET_POD = 'statefulset.kubernetes.io/pod-name';
/** The second one is of before Kubernetes 1.27. */
const JOB_NAMES = ['batch.kubernetes.io/job-name', 'job-name'] as const;

/** `deploy`, `deployment`, `deployment.apps` -> `deployment`. `undefined`: it is no kind that is known here. */
export function workloadKind(word: string): WorkloadKind | undefined {
  return kinds.get(word);
}

/** `deploy/web`. */
export function formatWorkload({ kind, name }: Workload): string {
  return `${words[kind][0]}/${name}`;
}

/** Whether a workload of this kind and name made the pod. */
export function isOf({ kind, name }: Workload, pod: LabelledPod): boolean {
  const { labels } = pod;
  if (kind === 'deployment') {
    const hash = labels[TEMPLATE_HASH];
    return hash !== undefined && isGenerated(pod.name, `${name}-${hash}-`);
  }
  if (kind === 'daemonset') {
    return REVISION_HASH in labels && !(SET_POD in labels) && isGenerated(pod.name, `${name}-`);
  }
  const made = workloadOf(pod);
  return made?.kind === kind && made.name === name;
}

/** What made the pod. `undefined`: nothing that is known here, or a Deployment whose name was too long to be kept in that of its pod. */
export function workloadOf({ name, labels }: LabelledPod): Workload | undefined {
  if (SET_POD in labels) return { kind: 'statefulset', name: name.replace(/-\d+$/, '') };
  const job = JOB_NAMES.map((key) => labels[key]).find((value) => value !== undefined);
  if (job !== undefined) return { kind: 'job', name: job };
  const base = name.slice(0, -RANDOM_LENGTH);
  const hash = labels[TEMPLATE_HASH];
  const [kind, end] = hash !== undefined ? (['deployment', `-${hash}-`] as const) : (['daemonset', '-'] as const);
  const isMade = hash !== undefined || REVISION_HASH in labels;
  return isMade && base.endsWith(end) ? { kind, name: base.slice(0, -end.length) } : undefined;
}

function isGenerated(name: string, base: string): boolean {
  const cut = base.slice(0, MAX_BASE_LENGTH);
  return name.length === cut.length + RANDOM_LENGTH && name.startsWith(cut);
}
