/** What the control API says of Kubernetes: `docs/api.md`. */

/** How this node and the API of Kubernetes are with each other. */
export interface KubernetesStatus {
  /** `HOST:PORT` of the API server. */
  readonly server: string;
  /** Name of this node's Node object. */
  readonly node: string;
  /** Where this node's prefixes come from. */
  readonly ipam: 'static' | 'kubernetes';
  /** Whether nodes and pods are watched now. */
  readonly reachable: boolean;
  /** Since when it is so, or is not so, ISO 8601. */
  readonly since: string;
  /** Why not; empty: it is, or nothing is known of why. */
  readonly problem: string;
  /** What is known is of an earlier run, stored at this time; `null`: the API has told it in this one. */
  readonly storedAt: string | null;
  readonly resources: readonly WatchedResourceStatus[];
}

/** A resource of the API. */
export interface WatchedResourceStatus {
  readonly name: string;
  /** `waiting`: until it is asked for again; `absent`: the server does not have the resource, and so none of its objects. */
  readonly state: 'listing' | 'watching' | 'waiting' | 'absent';
  /** Objects that are known. */
  readonly objects: number;
  /** Objects that were passed over, as they were not what they should be. */
  readonly unreadable: number;
  /** How often all of them were listed: once, unless the API was away for long. */
  readonly lists: number;
}
