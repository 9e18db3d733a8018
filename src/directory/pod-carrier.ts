/** How the pod directory reaches others, and what it knows of them: the membership, mostly. */
import type { Member, PodSummary } from '../membership/announcement.ts';
import type { Endpoint } from '../wire/address.ts';

export interface PodCarrier {
  /** Says from now on that this node has these pods. */
  announcePods(summary: PodSummary): void;
  /** Passes on how the pods of a node changed. */
  spreadPods(identity: string, change: Uint8Array): void;
  /** Asks the node at `to`. `onAnswer` gets the answer, or `undefined`; never before this returns. */
  askForPods(to: Endpoint, request: Uint8Array, onAnswer: (answer: Uint8Array | undefined) => void): void;
  /** Members that are alive or suspect, without this node, in no order. */
  liveOthers(): readonly Member[];
  member(identity: string): Member | undefined;
}

/** What a node that is alive or suspect says of its pods; `undefined`: nothing, or it is not. */
export function summaryOf(member: Member | undefined): PodSummary | undefined {
  return member?.state === 'alive' || member?.state === 'suspect' ? member.announcement.podSummary : undefined;
}
