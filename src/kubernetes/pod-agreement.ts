/**
 * Whether the pods that are here are those that Kubernetes has on this node. Pods come and go on both sides, one after the other: what differs
 * counts only when it has differed for a while.
 */
import type { ApiPod } from './api-object.ts';

/** A pod that a runtime attached here. */
export interface PodHere {
  readonly namespace: string;
  readonly name: string;
  /** `undefined`: the runtime did not say it. */
  readonly uid: string | undefined;
  readonly addresses: readonly string[];
}

/** Something that differs. */
export interface PodDifference {
  /** `missing` here, or `stale`: here, and not in Kubernetes. */
  readonly problem: 'missing' | 'stale';
  readonly subject: string;
  readonly message: string;
}

/** How long something has to differ, in ms: a pod that was deleted by force is still there for its grace period. */
const PATIENCE_MS = 90_000;

export class PodAgreement {
  /** When each was seen first, by problem and subject. */
  #since = new Map<string, number>();

  /**
   * What differs, and has for a while.
   *
   * @param isOverlay whether an address is one of weft's: those of another pod network are not looked for here
   */
  compare(
    inApi: Iterable<ApiPod>,
    here: readonly PodHere[],
    isOverlay: (address: string) => boolean,
    nowMs: number,
  ): readonly PodDifference[] {
    const differences = [...differencesOf([...inApi], here, isOverlay)];
    const before = this.#since;
    this.#since = new Map(differences.map((one) => [keyOf(one), before.get(keyOf(one)) ?? nowMs]));
    return differences.filter((one) => nowMs - this.#since.get(keyOf(one))! >= PATIENCE_MS);
  }
}

function* differencesOf(
  inApi: readonly ApiPod[],
  here: readonly PodHere[],
  isOverlay: (address: string) => boolean,
): Iterable<PodDifference> {
  const holders = new Map(here.flatMap((pod) => pod.addresses.map((address) => [address, pod] as const)));
  for (const pod of inApi) {
    if (pod.phase !== 'Running' || pod.hostNetwork || pod.isEnding) continue;
    for (const address of pod.addresses.filter(isOverlay)) {
      const holder = holders.get(address);
      if (holder !== undefined && isSame(pod, holder)) continue;
      const who = holder === undefined ? 'no pod here has it' : `here, pod ${titleOf(holder)} has it`;
      const message = `Kubernetes says that pod ${titleOf(pod)} runs on this node with ${address}, and ${who}`;
      yield { problem: 'missing', subject: `${titleOf(pod)} ${address}`, message };
    }
  }
  const uids = new Set(inApi.map(({ runtimeUid }) => runtimeUid));
  for (const pod of here) {
    if (pod.uid === undefined || uids.has(pod.uid)) continue;
    const message = `pod ${titleOf(pod)} has ${pod.addresses.join(', ')} here, and Kubernetes has no such pod on this node (UID ${pod.uid})`;
    yield { problem: 'stale', subject: `${titleOf(pod)} ${pod.uid}`, message };
  }
}

function isSame(pod: ApiPod, here: PodHere): boolean {
  return here.uid === undefined
    ? here.namespace === pod.namespace && here.name === pod.name
    : here.uid === pod.runtimeUid;
}

function titleOf({ namespace, name }: Pick<PodHere, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

function keyOf({ problem, subject }: PodDifference): string {
  return `${problem} ${subject}`;
}
