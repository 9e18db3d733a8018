/** The rulebook, as membership sees it: its messages ride on gossip, and membership does not know what they say. */
import type { Endpoint } from '../wire/address.ts';

export interface RulebookGossip {
  /** Takes what the node at `from` says that it holds. */
  takeRumour(from: Endpoint, bytes: Uint8Array): void;
  /** Answers a question that came from `from`; `undefined`: refuses it. */
  answer(from: Endpoint, request: Uint8Array): Uint8Array | undefined;
}
