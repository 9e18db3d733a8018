/**
 * The pod directory, as membership sees it: somebody whose messages ride on gossip. Membership knows neither what they say nor
 * how they are encoded; it knows their limits.
 */
import type { Endpoint } from '../wire/address.ts';
import type { PodSummary } from './announcement.ts';

export interface PodGossip {
  /** Takes a change of pods that came in a datagram from `from`. */
  takeChange(from: Endpoint, bytes: Uint8Array): void;
  /** Answers a question that came from `from`; `undefined`: refuses it. */
  answer(from: Endpoint, request: Uint8Array): PodAnswer | undefined;
  /** Somebody claims that this node had announced this. */
  takeSummaryOfSelf(summary: PodSummary): void;
}

/** An answer, and what goes with it. */
export interface PodAnswer {
  readonly bytes: Uint8Array;
  /** Nodes whose announcements are told beside it: they may be newer than what the asker knows. */
  readonly about: readonly string[];
}
