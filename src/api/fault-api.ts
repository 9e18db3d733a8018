/** Injected faults, as the control API has them: `GET`, `POST` and `DELETE /v1/faults`. */
import type { FaultCounted } from '../dataplane/fault-counts.ts';
import type { FaultDirection } from '../dataplane/fault-rule.ts';

/** What is to befall datagrams. What is left out does not happen. */
export interface FaultRequest {
  /** `out`: what this node sends; `in`: what it receives. */
  readonly direction: FaultDirection;
  /** Name of the node at the other end; of the relay, where there is one. Left out: all of them, and strangers. */
  readonly peer?: string;
  /** Shares, 0 to 1, of what is lost, sent twice, damaged by one bit, and overtaken by what comes after it. */
  readonly lossRatio?: number;
  readonly duplicateRatio?: number;
  readonly corruptRatio?: number;
  readonly reorderRatio?: number;
  /** How long each is held back, give or take the jitter, in ms. */
  readonly delayMs?: number;
  readonly jitterMs?: number;
  /** Outer packets that are longer are lost, in bytes. */
  readonly clipBytes?: number;
  /** The same seed has the same befall the same datagrams. Left out: one is drawn. */
  readonly seed?: number;
}

/** One injected fault: all of the request, and what it did so far. */
export interface Fault extends Required<Omit<FaultRequest, 'peer'>> {
  readonly id: number;
  /** Empty: any. */
  readonly peer: string;
  /** Whether this node exchanges traffic with that peer at the moment; nothing happens otherwise. */
  readonly inUse: boolean;
  readonly since: string;
  /** In datagrams: those that it was about, and what befell them. */
  readonly counted: FaultCounted;
}
