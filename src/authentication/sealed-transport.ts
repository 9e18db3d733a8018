/** A gossip transport on which only who has a key of the cluster is heard. */
import type { Clock } from '../env/clock.ts';
import type { Logger } from '../env/logger.ts';
import type { GossipTransport } from '../env/transport.ts';
import { formatEndpoint, type Endpoint } from '../wire/address.ts';
import { SEAL_BYTES } from './envelope.ts';
import {
  acceptConversation,
  openConversation,
  type AcceptedConversation,
  type ConversationOpening,
  type ConversationOptions,
  type SealedConversation,
} from './sealed-conversation.ts';
import { SealedGossip, type SealedGossipOptions } from './sealed-gossip.ts';
import { SealRefusals, type SealRefusal } from './seal-refusals.ts';

/** Takes what was opened. */
export interface OpenedGossipHandlers {
  datagram(from: Endpoint, bytes: Uint8Array): void;
  /** Gives the reply, or `undefined` to refuse the request. */
  exchange(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined;
}

/** What the transport needs. */
export interface SealedTransportOptions extends SealedGossipOptions {
  /** Where this node itself is reached at the moment: what it sends, comes from there. */
  readonly ownEndpoint: () => Endpoint;
  /** Carries sealed bytes. */
  readonly transport: GossipTransport;
  readonly handlers: OpenedGossipHandlers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Endpoints that did not answer lately, and are remembered: seeds, and the dead that are asked by turns. */
const MAX_UNANSWERED = 1_024;

/**
 * Seals what goes out through another transport, and opens what came in there before it is handed on.
 *
 *     membership -- sendDatagram, exchange --> seal --> transport
 *     membership <-- handlers -- open <-- handleDatagram, handleExchange
 *
 * Whoever does not answer a request is asked with the next key that is held. Chosen: that. Instead of: the primary always.
 * Because: two parts of a cluster that were apart may each have begun to write with a key that the other does not hold;
 * then they find each other by one that both do.
 */
export class SealedTransport implements GossipTransport {
  readonly #options: SealedTransportOptions;
  readonly #gossip: SealedGossip;
  readonly #conversations: ConversationOptions;
  readonly #refusals: SealRefusals;
  /** Requests in a row that were not answered, by endpoint; the latest last. */
  readonly #unanswered = new Map<string, number>();

  constructor(options: SealedTransportOptions) {
    this.#options = options;
    this.#gossip = new SealedGossip(options);
    this.#conversations = { ...options, gossip: this.#gossip };
    this.#refusals = new SealRefusals(options.clock, options.logger);
  }

  sendDatagram(to: Endpoint, bytes: Uint8Array): void {
    const { ownEndpoint, transport } = this.#options;
    transport.sendDatagram(to, this.#gossip.sealDatagram(ownEndpoint(), to, bytes));
  }

  datagramRoomBytes(to: Endpoint): number {
    return (this.#options.transport.datagramRoomBytes?.(to) ?? Infinity) - SEAL_BYTES;
  }

  exchange(to: Endpoint, request: Uint8Array, onReply: (reply: Uint8Array | undefined) => void): void {
    const { ownEndpoint, transport, keys } = this.#options;
    const name = formatEndpoint(to);
    const unanswered = this.#unanswered.get(name) ?? 0;
    const key = unanswered === 0 ? keys.primary : keys.all[unanswered % keys.all.length];
    const sealed = this.#gossip.sealRequest(ownEndpoint(), to, request, key);
    transport.exchange(to, sealed.bytes, (reply) => {
      const opened = reply === undefined ? undefined : sealed.openReply(reply);
      if (typeof opened === 'string') this.#refusals.count(opened, to);
      const answer = typeof opened === 'string' ? undefined : opened;
      this.#noteAnswer(name, answer !== undefined);
      onReply(answer);
    });
  }

  /** Takes a datagram that came from `from`. Nothing of `bytes` is kept, and nothing is ever answered to a stranger. */
  handleDatagram(from: Endpoint, bytes: Uint8Array): void {
    const { ownEndpoint, handlers } = this.#options;
    const opened = this.#gossip.openDatagram(from, ownEndpoint(), bytes);
    if (typeof opened === 'string') this.#refusals.count(opened, from);
    else handlers.datagram(from, opened);
  }

  /** Takes a request that came from `from`, and gives the sealed reply; `undefined` if it was refused. */
  handleExchange(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
    const { ownEndpoint, handlers } = this.#options;
    const opened = this.#gossip.openRequest(from, ownEndpoint(), bytes);
    if (typeof opened === 'string') {
      this.#refusals.count(opened, from);
      return undefined;
    }
    const reply = handlers.exchange(from, opened.bytes);
    return reply === undefined ? undefined : opened.sealReply(reply);
  }

  /** Openings to ask the node at `to` for a conversation with, one for each key that is held: to be tried in turn. */
  *openings(to: Endpoint): Iterable<ConversationOpening> {
    for (const key of this.#options.keys.all) {
      const opening = openConversation(this.#conversations, this.#options.ownEndpoint(), to, key);
      yield { bytes: opening.bytes, begin: (reply) => this.#counted(opening.begin(reply), to) };
    }
  }

  /** Takes an opening that came from `from`; `undefined` if it was refused. */
  handleOpening(from: Endpoint, bytes: Uint8Array): AcceptedConversation | undefined {
    const { ownEndpoint } = this.#options;
    const accepted = this.#counted(acceptConversation(this.#conversations, from, ownEndpoint(), bytes), from);
    return typeof accepted === 'string' ? undefined : accepted;
  }

  #counted<Outcome extends SealedConversation | AcceptedConversation>(
    outcome: Outcome | SealRefusal,
    from: Endpoint,
  ): Outcome | SealRefusal {
    if (typeof outcome === 'string') this.#refusals.count(outcome, from);
    return outcome;
  }

  #noteAnswer(name: string, hasAnswered: boolean): void {
    const count = this.#unanswered.get(name) ?? 0;
    this.#unanswered.delete(name);
    if (hasAnswered) return;
    this.#unanswered.set(name, count + 1);
    const [longestAgo] = this.#unanswered.keys();
    if (this.#unanswered.size > MAX_UNANSWERED) this.#unanswered.delete(longestAgo!);
  }

  /** Messages that were refused since the start, by reason; every reason is a key. */
  refused(): Record<SealRefusal, number> {
    return this.#refusals.counts();
  }
}
