/** The pods of the whole cluster, as this node knows them: types of the control API. */
import type { PodLabels } from '../directory/pod-labels.ts';
import type { PodPort } from '../directory/pod-port.ts';
import type { Pod } from './control-api.ts';

/** `GET /v1/directory`. */
export interface DirectoryReport {
  /** Of nodes that are alive or suspect, in order of nodes, namespaces and names. */
  readonly pods: readonly DirectoryEntry[];
  /** Nodes whose pods, as they are now, have not come yet. */
  readonly missing: readonly MissingNode[];
}

export interface DirectoryEntry {
  /** Name of its node. */
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
  /** Without those that belong to another node by the routes. */
  readonly addresses: readonly string[];
  readonly labels: PodLabels;
  /** Those that have names: policies may mean them by these. In order. */
  readonly ports: readonly PodPort[];
  /** A newer pod of its node has taken its name. */
  readonly superseded: boolean;
  /** `null` of pods of other nodes: their state is known there. */
  readonly state: Pod['state'] | null;
}

export interface MissingNode {
  readonly node: string;
  readonly sinceSeconds: number;
  /** An earlier version of weft, which does not say which pods it has. */
  readonly isEarlier: boolean;
}
