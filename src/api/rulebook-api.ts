/** What is given to a cluster without Kubernetes, over the control API. Types only; `docs/api.md` documents every key. */

import type { Notice } from './control-api.ts';

/** Kinds of objects. */
export type GivenKind = 'NetworkPolicy' | 'ClusterNetworkPolicy' | 'Namespace' | 'Service';

/** Which object is meant. */
export interface GivenName {
  readonly kind: GivenKind;
  /** Of a NetworkPolicy or a Service; empty for others. */
  readonly namespace: string;
  readonly name: string;
}

/** Body of `POST /v1/policies`: all of it, or nothing. */
export interface GiveRequest {
  /** Objects as in Kubernetes. */
  readonly apply?: readonly unknown[];
  readonly delete?: readonly GivenName[];
}

/** What became of one object; `absent`: it was to be deleted, and is not there. */
export interface GivenOutcome extends GivenName {
  readonly outcome: 'created' | 'configured' | 'unchanged' | 'deleted' | 'absent';
}

/** Answer to `POST /v1/policies`: in the order of the request. */
export interface GiveReport {
  readonly results: readonly GivenOutcome[];
  /** Why this node does not enforce it; empty: it does. */
  readonly notices: readonly Notice[];
}
