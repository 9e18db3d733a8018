/** `POST /v1/matrix`: part of the control API, see `control-api.ts`. Types only. */
import type { SilentNode } from './silent-node.ts';

/** How often each node and each pod is asked, and how long an answer is awaited. */
export interface MatrixRequest {
  /** 1 to 20; 3 if nothing is said. */
  readonly count?: number;
  /** Only pods with one of these addresses, and no data ports; absent: all of both. */
  readonly addresses?: readonly string[];
}

/** Every node to every other node, and to all pods. */
export interface Matrix {
  readonly count: number;
  /** Names of all live nodes, in order. */
  readonly nodes: readonly string[];
  /** `n2/web`, by node and name; those that run. */
  readonly pods: readonly string[];
  /** A row for each node that could be asked. */
  readonly rows: readonly MatrixRow[];
  /** The nodes that could not. */
  readonly silent: readonly SilentNode[];
  /** Data ports and addresses of pods, over all rows: how many were asked, and how many of them did not answer each time. */
  readonly asked: number;
  readonly lossy: number;
}

/** What one node measured. */
export interface MatrixRow {
  readonly from: string;
  readonly nodes: readonly MatrixNode[];
  readonly pods: readonly MatrixPod[];
  /** Names of the nodes that it has known for seconds only, or does not know yet: what it lost to them may come of that. */
  readonly settling: readonly string[];
}

/** The answers to some probes. */
export interface Answers {
  readonly sent: number;
  readonly lost: number;
  /** The least and the mean, in ms; `null` if nothing was answered. */
  readonly minMs: number | null;
  readonly meanMs: number | null;
  /** Empty, or why nothing, or not all, was answered, as far as anybody said. */
  readonly problem: string;
}

/** The data port of a node: through a relay where packets take one. */
export interface MatrixNode extends Answers {
  readonly node: string;
  /** Name of the relay; empty: straight. */
  readonly relay: string;
}

/** One address of a pod. */
export interface MatrixPod extends Answers {
  readonly pod: string;
  readonly address: string;
}

/** What one node asks another to measure. */
export interface MeasureOrder {
  readonly count: number;
  /** Names of nodes; its own is left out. */
  readonly nodes: readonly string[];
  readonly pods: readonly { readonly pod: string; readonly address: string }[];
}
