/** What a plan is in the table of policies, piece by piece: a change of the plan changes those pieces that it is about. */
import type { NftTableContent } from '../../linux/nft-table-content.ts';
import { type NftPieceElements, type NftTablePiece, NftTablePieces } from '../../linux/nft-table-pieces.ts';
import type { NftTableRevision } from '../../linux/nft-table-revision.ts';
import { POLICY_TABLE } from '../../linux/nftables.ts';
import type { NodePlan, NodePlanChange, PeerSet, PodPlan, PortSet } from '../../policy/node-plan.ts';
import { addressKey, PlanState } from '../../policy/plan-state.ts';
import { isolationPiece, type PolicyMeans } from './policy-chains.ts';
import { peerSetDifference, peerSetNames, portSetDifference, portSetNames } from './policy-sets.ts';
import { basePiece, heldPiece, peerSetPiece, podPiece, portSetPiece } from './policy-tables.ts';
import { TouchedSets } from './touched-sets.ts';

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

/** What is to be made anew, or changed. */
interface Touched {
  readonly pods: Set<string>;
  readonly isolations: Set<string>;
  readonly peerSets: TouchedSets<PeerSet>;
  readonly portSets: TouchedSets<PortSet>;
}

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
    const touched = this.#touched();
    const concerned = new Set<string>();
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
      touch(touched, change);
      this.plan.change(change);
    }
    const { peerSets, portSets } = touched;
    const asking = this.plan.isolationsAsking(peerSets.keys(), portSets.keys());
    for (const pod of this.plan.pods()) {
      const isJudgedBy = (keys: ReadonlySet<string>): boolean =>
        [pod.ingress, pod.egress].some((key) => key !== undefined && keys.has(key));
      // Whether a direction isolates, its device tells, too.
      if (isJudgedBy(touched.isolations)) touched.pods.add(pod.pod);
      if (isJudgedBy(asking) || touched.pods.has(pod.pod)) concern(concerned, pod);
    }
    for (const key of this.plan.isolationsAsking(peerSets.others(), portSets.others())) touched.isolations.add(key);
    return { revision: this.#replace(touched), concerned };
  }

  #touched(): Touched {
    return {
      pods: new Set(),
      isolations: new Set(),
      peerSets: new TouchedSets({
        find: (key) => this.plan.peerSet(key),
        names: peerSetNames,
        difference: peerSetDifference,
        piece: peerSetPiece,
      }),
      portSets: new TouchedSets({
        find: (key) => this.plan.portSet(key),
        names: portSetNames,
        difference: portSetDifference,
        piece: portSetPiece,
      }),
    };
  }

  #replace({ pods, isolations, peerSets, portSets }: Touched): NftTableRevision {
    const pieces = new Map<string, NftTablePiece | undefined>();
    const elements = new Map<string, NftPieceElements>();
    for (const [kind, sets] of [['peerSets', peerSets] as const, ['portSets', portSets] as const]) {
      for (const [key, change] of sets.changes()) {
        if ('elements' in change) elements.set(`${kind} ${key}`, change.elements);
        else pieces.set(`${kind} ${key}`, change.piece);
      }
    }
    for (const key of isolations) {
      const isolation = this.plan.isolation(key);
      pieces.set(`isolations ${key}`, isolation && isolationPiece(this.plan, isolation, this.means));
    }
    for (const key of pods) pieces.set(`pods ${key}`, this.#podPiece(key));
    return this.#pieces.replace(pieces, elements);
  }

  #podPiece(key: string): NftTablePiece | undefined {
    const device = this.#devices.get(key);
    if (device === undefined) return undefined;
    if (device.isHeld) return heldPiece(device.name);
    const pod = this.plan.pod(key);
    return pod && podPiece(this.plan, pod, device.name);
  }
}

function concern(concerned: Set<string>, pod: PodPlan | undefined): void {
  for (const key of pod === undefined ? [] : addressKeysOf(pod)) concerned.add(key);
}

/** Made once for each: with each change, many pods of the node are asked for theirs. */
const addressKeys = new WeakMap<PodPlan, readonly string[]>();

function addressKeysOf(pod: PodPlan): readonly string[] {
  const known = addressKeys.get(pod) ?? pod.addresses.map(addressKey);
  addressKeys.set(pod, known);
  return known;
}

function podsOf({ pods }: NodePlanChange): string[] {
  return [...pods.gone, ...pods.changed.map(({ pod }) => pod)];
}

/** To be called before the plan changes. */
function touch(touched: Touched, change: NodePlanChange): void {
  for (const key of podsOf(change)) touched.pods.add(key);
  for (const kind of ['peerSets', 'portSets'] as const)
    for (const key of keysOf(change[kind])) touched[kind].touch(key);
  for (const key of keysOf(change.isolations)) touched.isolations.add(key);
}

function keysOf({ changed, gone }: NodePlanChange['peerSets' | 'portSets' | 'isolations']): string[] {
  return [...gone, ...changed.map(({ key }) => key)];
}
