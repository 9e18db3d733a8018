/**
 * Pods of this node: those of its book, also while they are made and removed, with labels and ports that Kubernetes gives them. What was known
 * of a pod counts as long as it is there: its object may be deleted before it is.
 */
import type { PodLabels } from '../../directory/pod-labels.ts';
import { DEFAULT_NAMESPACE } from '../../directory/pod-name.ts';
import type { ToldPod } from '../../kubernetes/told-pod.ts';
import type { PolicyPod } from '../../policy/cluster-facts.ts';
import type { AddressedPod } from '../pods/announced-pods.ts';
import { type KubernetesName, kubernetesNameOf } from '../pods/kubernetes-pod.ts';
import { keyOf } from '../pods/pod-key.ts';
import type { ToldValues } from './told-values.ts';

export interface OwnPodsOptions {
  /** All that have addresses. */
  readonly pods: () => readonly AddressedPod[];
  /** A pod that a runtime attached, as Kubernetes knows it; absent: there is no Kubernetes here. */
  readonly podInApi?: ((pod: KubernetesName) => ToldPod | undefined) | undefined;
  /** Of this node. */
  readonly nodeName: string;
  readonly told: ToldValues<PolicyPod>;
}

export class OwnPods {
  readonly #options: OwnPodsOptions;
  /** By key. */
  #known = new Map<string, ToldPod>();

  constructor(options: OwnPodsOptions) {
    this.#options = options;
  }

  /** Tells what changed. */
  update(): void {
    const { pods, told } = this.#options;
    const known = new Map<string, ToldPod>();
    const all = new Map<string, PolicyPod>();
    for (const { record, addresses } of pods()) {
      const key = keyOf(record);
      const name = kubernetesNameOf(record);
      const found = this.#find(key, name) ?? (this.#isOfApi(name) ? undefined : withoutPorts(record.labels));
      if (found !== undefined) known.set(key, found);
      all.set(key, {
        key,
        namespace: name?.namespace ?? record.namespace ?? DEFAULT_NAMESPACE,
        name: name?.name ?? record.name,
        labels: found?.labels,
        addresses,
        nodeName: this.#options.nodeName,
        hostNetwork: false,
        ports: found?.ports ?? [],
        hasMorePorts: found?.hasMorePorts ?? true,
      });
    }
    this.#known = known;
    told.replace(all);
  }

  #isOfApi(name: KubernetesName | undefined): name is KubernetesName {
    return name !== undefined && this.#options.podInApi !== undefined;
  }

  #find(key: string, name: KubernetesName | undefined): ToldPod | undefined {
    if (!this.#isOfApi(name)) return undefined;
    const found = this.#options.podInApi?.(name);
    if (found === undefined) return this.#known.get(key);
    const { labels, ports, hasMorePorts } = found;
    return { labels, ports, hasMorePorts };
  }
}

function withoutPorts(labels: PodLabels = {}): ToldPod {
  return { labels, ports: [], hasMorePorts: false };
}
