/** A policy that is not as it was. */
export interface PolicyChange {
  /** As `titleOf` of `policy/policy.ts` gives it. */
  readonly title: string;
  readonly change: 'created' | 'changed' | 'deleted';
  readonly source: 'kubernetes' | 'rulebook';
  /** Name of the node where that was said; empty: in Kubernetes. */
  readonly node: string;
}
