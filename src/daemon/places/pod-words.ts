/**
 * Which pod is meant by what a person writes of it: `web`, `shop/web`, `default/web`, `deploy/web`, `shop/deploy/web`. The one place
 * where such text is read.
 */
import { DEFAULT_NAMESPACE, podTitle } from '../../directory/pod-name.ts';
import { formatWorkload, isOf, type Workload, workloadKind, workloadOf } from '../../directory/workload.ts';
import type { ClusterPod } from './cluster-pods.ts';

/** What the text may mean. */
export interface PodWords {
  /** A pod of this title. */
  readonly title?: string;
  /** A pod of a workload. */
  readonly workload?: Workload & { readonly namespace: string };
}

/** A kind as well, for whoever passes on what `kubectl get pods -o name` says. */
const podKinds: readonly string[] = ['pod', 'pods', 'po'];

const serviceKinds: readonly string[] = ['svc', 'service', 'services'];

/** Reads it: nothing, one or both. A namespace may be called like a kind: `job/web`. */
export function parsePodWords(text: string): PodWords {
  const segments = text.split('/');
  if (segments.includes('') || segments.length > 3) return {};
  const [first = '', second, third] = segments;
  if (second === undefined) return { title: podTitle(DEFAULT_NAMESPACE, first) };
  if (third !== undefined) return ofKind(first, second, third);
  // `pod/web` is as `web`, for there is no other way to say that.
  return podKinds.includes(first)
    ? ofKind(DEFAULT_NAMESPACE, first, second)
    : { title: podTitle(first, second), ...ofKind(DEFAULT_NAMESPACE, first, second) };
}

/** `svc/web`, `shop/svc/web`: a service; `undefined`: the text means none. A namespace may be called like that: whatever is no service may be a pod. */
export function parseServiceWords(text: string): { readonly namespace: string; readonly name: string } | undefined {
  const segments = text.split('/');
  const [name = '', kind, namespace = DEFAULT_NAMESPACE] = segments.toReversed();
  const isOne = kind !== undefined && serviceKinds.includes(kind) && segments.length <= 3 && !segments.includes('');
  return isOne ? { namespace, name } : undefined;
}

/** As {@link parseServiceWords} reads it. */
export function formatService(namespace: string, name: string): string {
  return namespace === DEFAULT_NAMESPACE ? `svc/${name}` : `${namespace}/svc/${name}`;
}

function ofKind(namespace: string, word: string, name: string): PodWords {
  if (podKinds.includes(word)) return { title: podTitle(namespace, name) };
  const kind = workloadKind(word);
  return kind === undefined ? {} : { workload: { namespace, kind, name } };
}

/** Pods of that title. */
export function titled<Pod extends ClusterPod>(pods: readonly Pod[], { title }: PodWords): Pod[] {
  return title === undefined ? [] : pods.filter(({ name }) => name === title);
}

/** Pods of that workload in order of their names: those that are gone last. */
export function madeBy<Pod extends ClusterPod>(pods: readonly Pod[], { workload }: PodWords): Pod[] {
  if (workload === undefined) return [];
  return pods
    .filter((pod) => namespaceOf(pod) === workload.namespace && isOf(workload, labelled(pod)))
    .sort((a, b) => Number(a.state === 'gone') - Number(b.state === 'gone') || byName.compare(a.name, b.name));
}

/** What the workloads of these pods are called, each once: `deploy/web`, `shop/deploy/web`. */
export function workloadNames(pods: readonly ClusterPod[]): string[] {
  const names = pods.flatMap((pod) => {
    const workload = workloadOf(labelled(pod));
    return workload === undefined ? [] : workloadTitle(namespaceOf(pod), workload);
  });
  return [...new Set(names)];
}

function workloadTitle(namespace: string, workload: Workload): string {
  return `${namespace === DEFAULT_NAMESPACE ? '' : `${namespace}/`}${formatWorkload(workload)}`;
}

/** `web-2` comes before `web-10`. */
const byName = new Intl.Collator('en', { numeric: true });

function namespaceOf({ name }: ClusterPod): string {
  return name.includes('/') ? name.slice(0, name.indexOf('/')) : DEFAULT_NAMESPACE;
}

function labelled({ name, labels = {} }: ClusterPod) {
  return { name: name.slice(name.indexOf('/') + 1), labels };
}
