/**
 * A fault that somebody injects, for a lab or a test: what is to befall the datagrams between this node and a peer.
 *
 *     out    encapsulate ──> faults ──> to-underlay       what this node sends to the underlay address of the peer, for whomever
 *     in     from-underlay ──> faults ──> decapsulate     what came from there, before anything is checked
 *
 * Shares are probabilities, drawn for each datagram anew, and repeatable: the datagrams that a rule is about are numbered, and
 * what befalls number n depends on seed, worker and n alone (`fault-draw.ts`). Path probes have numbers of their own: they come
 * when they like, and what befalls the packets of pods must not depend on that.
 */

/** Given to workers; all of it survives a structured clone. */
export interface FaultRule {
  /** 1 or more, and never that of another rule of this daemon. */
  readonly id: number;
  /** Where its counters are: 0 to {@link MAX_FAULT_RULES} - 1. */
  readonly slot: number;
  /** Number of the peer at the other end, or, for whoever goes through relays, of the relay; 0: any, strangers included. */
  readonly peer: number;
  readonly direction: FaultDirection;
  /** Shares, 0 to 1, of what is lost, sent twice, damaged, and overtaken by what comes after it. */
  readonly lossRatio: number;
  readonly duplicateRatio: number;
  readonly corruptRatio: number;
  readonly reorderRatio: number;
  /** How long each is held back, give or take the jitter, in microseconds. */
  readonly delayUs: number;
  readonly jitterUs: number;
  /** Outer packets that are longer are lost, as on a path of this MTU, in bytes; 0: none are. */
  readonly clipBytes: number;
  /** 32 bits. */
  readonly seed: number;
}

export type FaultDirection = 'out' | 'in';

/** Most rules at a time. */
export const MAX_FAULT_RULES = 32;
