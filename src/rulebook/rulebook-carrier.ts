/** How the rulebook reaches others: by the membership, mostly. */
import type { Member } from '../membership/announcement.ts';
import type { Endpoint } from '../wire/address.ts';

export interface RulebookCarrier {
  /** Tells others what this node holds, in the place of what it told before. */
  spreadRulebook(rumour: Uint8Array): void;
  /** Asks the node at `to`. `onAnswer` gets the answer, or `undefined`; never before this returns. */
  askForRulebook(to: Endpoint, request: Uint8Array, onAnswer: (answer: Uint8Array | undefined) => void): void;
  /** Members that are alive or suspect, without this node, in no order. */
  liveOthers(): readonly Member[];
  /** Whether all of whom this node was told to begin with have been members since its start. */
  hasMetSeeds(): boolean;
}
