/** What a plan is in the table of policies, piece by piece: a change of the plan changes those pieces that it is about. */
import type { NftTableContent } from '../../linux/nft-table-content.ts';
import { type NftTablePiece, NftTablePieces } from '../../linux/nft-table-pieces.ts';
import type { NftTableRevision } from '../../linux/nft-table-revision.ts';
import { POLICY_TABLE } from '../../linux/nftables.ts';
import type { NodePlan, NodePlanChange, PodPlan } from '../../policy/node-plan.ts';
import { addressKey, PlanState } from '../../policy/plan-state.ts';
import { isolationPiece, type PolicyMeans } from './policy-chains.ts';
import { peerSetNames, portSetNames } from './policy-sets.ts';
import { basePiece, heldPiece, peerSetPiece, podPiece, portSetPiece } from './policy-tables.ts';

/** Something that is not as before. */
export type PolicyUpdate =
  | { readonly kind: 'plan'; readonly plan: NodePlan }
  | { readonly kind: 'change'; readonly change: NodePlanChange }
  /** `undefined`: the pod has none any more. */
  | { readonly kind: 'device'; readonly pod: string; readonly device: PolicyDevice | undefined };

/** The node's end of the cable of a pod. */
export interface PolicyDevice {
  readonly name: string;
  /** Nothing is known of the pod, and nothing passes. */
  readonly isHeld: boolean;
}

/** What comes of updates. */
export interface PolicyRevision {
  readonly revision: NftTableRevision;
  /** Addresses of pods that are judged in another way, by `addressKey`. */
  readonly concerned: ReadonlySet<string>;
}

/** Keys of what is to be made anew. */
type Touched = Readonly<Record<keyof NodePlan, Set<string>>>;

export class PolicyPieces {
  readonly plan = new PlanState();
  readonly means: PolicyMeans;
  /** Of pods, by their keys. */
  readonly #devices: Map<string, PolicyDevice>;
  readonly #pieces = new NftTablePieces(POLICY_TABLE);

  /** @param devices of pods, by their keys: it is kept, and changes with the updates. */
  constructor(means: PolicyMeans, devices: Map<string, PolicyDevice>) {
    this.means = means;
    this.#devices = devices;
    this.#pieces.replace(new Map([['base', basePiece(means)]]));
  }

  /** All of the table. */
  content(): NftTableContent {
    return this.#pieces.content();
  }

  /** The same for a kernel that can do something else. */
  withMeans(means: PolicyMeans): PolicyPieces {
    const pieces = new PolicyPieces(means, this.#devices);
    pieces.update([{ kind: 'plan', plan: this.plan.whole() }]);
    return pieces;
  }

  update(updates: readonly PolicyUpdate[]): PolicyRevision {
    const touched: Touched = { pods: new Set(), isolations: new Set(), peerSets: new Set(), portSets: new Set() };
    const concerned = new Set<string>();
    const setsBefore = new Map<string, string>();
    for (const update of updates) {
      if (update.kind === 'device') {
        if (update.device === undefined) this.#devices.delete(update.pod);
        else this.#devices.set(update.pod, update.device);
        touched.pods.add(update.pod);
        continue;
      }
      const change = update.kind === 'plan' ? this.plan.changeTo(update.plan) : update.change;
      // The first plan finds those whose devices were known before.
      if (update.kind === 'plan') for (const pod of this.#devices.keys()) touched.pods.add(pod);
      for (const key of podsOf(change)) concern(concerned, this.plan.pod(key));
      for (const [kind, key] of setsOf(change)) {
        const set = `${kind} ${key}`;
        if (!setsBefore.has(set)) setsBefore.set(set, this.#setNames(kind, key));
      }
      this.plan.change(change);
      touch(touched, change);
    }
    const asking = this.plan.isolationsAsking([...touched.peerSets], [...touched.portSets]);
    for (const pod of this.plan.pods()) {
      const isJudgedBy = (keys: ReadonlySet<string>): boolean =>
        [pod.ingress, pod.egress].some((key) => key !== undefined && keys.has(key));
      // Whether a direction isolates, its device tells, too.
      if (isJudgedBy(touched.isolations)) touched.pods.add(pod.pod);
      if (isJudgedBy(asking) || touched.pods.has(pod.pod)) concern(concerned, pod);
    }
    for (const key of this.#askingOthers(touched, setsBefore)) touched.isolations.add(key);
    return { revision: this.#pieces.replace(this.#piecesOf(touched)), concerned };
  }

  /** Isolations that ask sets which are other ones now: one that was empty was none. */
  #askingOthers(
    { peerSets: peers, portSets: ports }: Touched,
    before: ReadonlyMap<string, string>,
  ): ReadonlySet<string> {
    const isOther = (kind: 'peerSets' | 'portSets') => (key: string) =>
      before.get(`${kind} ${key}`) !== this.#setNames(kind, key);
    return this.plan.isolationsAsking([...peers].filter(isOther('peerSets')), [...ports].filter(isOther('portSets')));
  }

  #setNames(kind: 'peerSets' | 'portSets', key: string): string {
    const sets =
      kind === 'peerSets'
        ? peerSetNames(this.plan.peerSet(key) ?? { key, prefixes: [] })
        : portSetNames(this.plan.portSet(key) ?? { key, elements: [] });
    return sets.map(({ name }) => name).join(' ');
  }

  #piecesOf(touched: Touched): Map<string, NftTablePiece | undefined> {
    const pieces = new Map<string, NftTablePiece | undefined>();
    const put = <Value>(
      kind: keyof NodePlan,
      find: (key: string) => Value | undefined,
      piece: (value: Value) => NftTablePiece,
    ): void => {
      for (const key of touched[kind]) {
        const value = find(key);
        pieces.set(`${kind} ${key}`, value === undefined ? undefined : piece(value));
      }
    };
    put('peerSets', (key) => this.plan.peerSet(key), peerSetPiece);
    put('portSets', (key) => this.plan.portSet(key), portSetPiece);
    put(
      'isolations',
      (key) => this.plan.isolation(key),
      (isolation) => isolationPiece(this.plan, isolation, this.means),
    );
    put(
      'pods',
      (key) => {
        const device = this.#devices.get(key);
        const pod = device?.isHeld === true ? undefined : this.plan.pod(key);
        return device === undefined || (pod === undefined && !device.isHeld) ? undefined : { pod, device };
      },
      ({ pod, device }) => (pod === undefined ? heldPiece(device.name) : podPiece(this.plan, pod, device.name)),
    );
    return pieces;
  }
}

function concern(concerned: Set<string>, pod: PodPlan | undefined): void {
  for (const address of pod?.addresses ?? []) concerned.add(addressKey(address));
}

function podsOf({ pods }: NodePlanChange): string[] {
  return [...pods.gone, ...pods.changed.map(({ pod }) => pod)];
}

function setsOf(change: NodePlanChange): (readonly ['peerSets' | 'portSets', string])[] {
  return (['peerSets', 'portSets'] as const).flatMap((kind) =>
    [...change[kind].gone, ...change[kind].changed.map(({ key }) => key)].map((key) => [kind, key] as const),
  );
}

function touch(touched: Touched, change: NodePlanChange): void {
  for (const key of podsOf(change)) touched.pods.add(key);
  for (const [kind, key] of setsOf(change)) touched[kind].add(key);
  for (const key of [...change.isolations.gone, ...change.isolations.changed.map((one) => one.key)])
    touched.isolations.add(key);
}
