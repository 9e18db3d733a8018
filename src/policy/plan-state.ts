/** The plan of a node as its changes leave it, and who in it asks whom. */
import type { IpAddress } from '../wire/address.ts';
import type { IsolationPlan, NodePlan, NodePlanChange, PeerSet, PodPlan, PortSet } from './node-plan.ts';

export class PlanState {
  readonly #pods = new Map<string, PodPlan>();
  readonly #isolations = new Map<string, IsolationPlan>();
  readonly #peerSets = new Map<string, PeerSet>();
  readonly #portSets = new Map<string, PortSet>();
  /** Keys of isolations, by `peers KEY` and `ports KEY` of the sets that their rules ask. */
  readonly #asking = new Map<string, Set<string>>();
  /** Pods by their addresses, see {@link addressKey}. */
  readonly #podsAt = new Map<string, PodPlan>();

  /** All of it. */
  whole(): NodePlan {
    return {
      pods: [...this.#pods.values()],
      isolations: [...this.#isolations.values()],
      peerSets: [...this.#peerSets.values()],
      portSets: [...this.#portSets.values()],
    };
  }

  /** How much that is. */
  get size(): number {
    return this.#pods.size + this.#isolations.size + this.#peerSets.size + this.#portSets.size;
  }

  /** What makes this the plan. */
  changeTo({ pods, isolations, peerSets, portSets }: NodePlan): NodePlanChange {
    return {
      pods: {
        changed: pods,
        gone: gone(
          this.#pods,
          pods.map(({ pod }) => pod),
        ),
      },
      isolations: { changed: isolations, gone: gone(this.#isolations, isolations.map(keyOf)) },
      peerSets: { changed: peerSets, gone: gone(this.#peerSets, peerSets.map(keyOf)) },
      portSets: { changed: portSets, gone: gone(this.#portSets, portSets.map(keyOf)) },
    };
  }

  change({ pods, isolations, peerSets, portSets }: NodePlanChange): void {
    for (const key of pods.gone) this.#forgetPod(key);
    for (const pod of pods.changed) {
      this.#forgetPod(pod.pod);
      this.#pods.set(pod.pod, pod);
      for (const address of pod.addresses) this.#podsAt.set(addressKey(address), pod);
    }
    for (const key of isolations.gone) this.#forgetIsolation(key);
    for (const isolation of isolations.changed) {
      this.#forgetIsolation(isolation.key);
      this.#isolations.set(isolation.key, isolation);
      for (const set of setsOf(isolation)) {
        const asking = this.#asking.get(set) ?? new Set();
        this.#asking.set(set, asking.add(isolation.key));
      }
    }
    for (const key of peerSets.gone) this.#peerSets.delete(key);
    for (const set of peerSets.changed) this.#peerSets.set(set.key, set);
    for (const key of portSets.gone) this.#portSets.delete(key);
    for (const set of portSets.changed) this.#portSets.set(set.key, set);
  }

  pods(): Iterable<PodPlan> {
    return this.#pods.values();
  }

  pod(key: string): PodPlan | undefined {
    return this.#pods.get(key);
  }

  /** The pod of the plan that has an address. */
  podAt(key: string): PodPlan | undefined {
    return this.#podsAt.get(key);
  }

  isolations(): Iterable<IsolationPlan> {
    return this.#isolations.values();
  }

  isolation(key: string): IsolationPlan | undefined {
    return this.#isolations.get(key);
  }

  peerSet(key: string): PeerSet | undefined {
    return this.#peerSets.get(key);
  }

  portSet(key: string): PortSet | undefined {
    return this.#portSets.get(key);
  }

  /** Keys of the isolations whose rules ask one of these sets. */
  isolationsAsking(peerSets: readonly string[], portSets: readonly string[]): ReadonlySet<string> {
    const sets = [...peerSets.map((key) => `peers ${key}`), ...portSets.map((key) => `ports ${key}`)];
    return new Set(sets.flatMap((set) => [...(this.#asking.get(set) ?? [])]));
  }

  #forgetPod(key: string): void {
    const pod = this.#pods.get(key);
    this.#pods.delete(key);
    for (const address of pod?.addresses ?? []) {
      // Another pod may have it by now.
      const at = addressKey(address);
      if (this.#podsAt.get(at) === pod) this.#podsAt.delete(at);
    }
  }

  #forgetIsolation(key: string): void {
    const isolation = this.#isolations.get(key);
    if (isolation === undefined) return;
    this.#isolations.delete(key);
    for (const set of setsOf(isolation)) {
      const asking = this.#asking.get(set)!;
      asking.delete(key);
      if (asking.size === 0) this.#asking.delete(set);
    }
  }
}

/** A key for maps: addresses that are equal have the same. */
export function addressKey({ bytes }: Pick<IpAddress, 'bytes'>): string {
  return String.fromCharCode(...bytes);
}

/** Keys that there were. */
function gone(before: ReadonlyMap<string, unknown>, after: readonly string[]): string[] {
  const kept = new Set(after);
  return [...before.keys()].filter((key) => !kept.has(key));
}

function keyOf({ key }: { readonly key: string }): string {
  return key;
}

function setsOf({ rules }: IsolationPlan): ReadonlySet<string> {
  return new Set(
    rules.flatMap(({ peers, ports = [] }) => [
      ...(peers === undefined ? [] : [`peers ${peers}`]),
      ...ports.flatMap((port) => {
        if (port.kind === 'named') return [`ports ${port.ports}`];
        return port.kind === 'unknown' ? [`peers ${port.pods}`] : [];
      }),
    ]),
  );
}
