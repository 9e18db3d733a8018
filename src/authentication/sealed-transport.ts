/** A gossip transport on which only who has a key of the cluster is heard. */
import type { Clock } from '../env/clock.ts';
import type { Logger } from '../env/logger.ts';
import type { GossipTransport } from '../env/transport.ts';
import { equalEndpoints, equalIpAddresses, formatEndpoint, type Endpoint } from '../wire/address.ts';
import { EnvelopeKind, identityKey, isEnvelope, readSender, SEAL_BYTES, senderKey } from './envelope.ts';
import { formatHexadecimal } from './hexadecimal.ts';
import {
  acceptConversation,
  openConversation,
  type AcceptedConversation,
  type ConversationOpening,
  type ConversationOptions,
  type SealedConversation,
} from './sealed-conversation.ts';
import { type ComingKind, SealedGossip, type SealedGossipOptions } from './sealed-gossip.ts';
import { SealRefusals, type SealRefusal } from './seal-refusals.ts';
import { carrierOf, Sightings, type Sighting } from './sightings.ts';

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
  /** Where a node says that it is reached; `undefined`: it is no member. Without it, nobody is looked for. */
  readonly announcedEndpoint?: (identity: string) => Endpoint | undefined;
  /** Carries sealed bytes. */
  readonly transport: GossipTransport;
  readonly handlers: OpenedGossipHandlers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Endpoints that did not answer lately, and are remembered: seeds, and the dead that are asked by turns. */
const MAX_UNANSWERED = 1_024;

/**
 * Refused messages that are looked at again, in each second, for where they were sent from: what names a member and a key that is held
 * costs a derived key, and whoever reads along can make such messages up.
 */
const LOOKS_PER_SECOND = 20;

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
  readonly #sightings = new Sightings();
  #looksFromMs = -Infinity;
  #looks = 0;

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
      else if (opened !== undefined) this.#sightings.noteHeard(senderKey(reply!), this.#options.clock.nowMs());
      const answer = typeof opened === 'string' ? undefined : opened;
      this.#noteAnswer(name, answer !== undefined);
      onReply(answer);
    });
  }

  /** Takes a datagram that came from `from`. Nothing of `bytes` is kept, and nothing is ever answered to a stranger. */
  handleDatagram(from: Endpoint, bytes: Uint8Array): void {
    const { ownEndpoint, handlers } = this.#options;
    const opened = this.#seen(
      this.#gossip.openDatagram(from, ownEndpoint(), bytes),
      from,
      bytes,
      EnvelopeKind.datagram,
    );
    if (typeof opened !== 'string') handlers.datagram(from, opened);
  }

  /** Takes a request that came from `from`, and gives the sealed reply; `undefined` if it was refused. */
  handleExchange(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
    const { ownEndpoint, handlers } = this.#options;
    const opened = this.#seen(this.#gossip.openRequest(from, ownEndpoint(), bytes), from, bytes, EnvelopeKind.request);
    if (typeof opened === 'string') return undefined;
    const reply = handlers.exchange(from, opened.bytes);
    return reply === undefined ? undefined : opened.sealReply(reply);
  }

  /** Openings to ask the node at `to` for a conversation with, one for each key that is held: to be tried in turn. */
  *openings(to: Endpoint): Iterable<ConversationOpening> {
    for (const key of this.#options.keys.all) {
      const opening = openConversation(this.#conversations, this.#options.ownEndpoint(), to, key);
      yield { bytes: opening.bytes, begin: (reply) => this.#begun(opening.begin(reply), to) };
    }
  }

  /** Takes an opening that came from `from`; `undefined` if it was refused. */
  handleOpening(from: Endpoint, bytes: Uint8Array): AcceptedConversation | undefined {
    const { ownEndpoint } = this.#options;
    const accepted = this.#seen(
      acceptConversation(this.#conversations, from, ownEndpoint(), bytes),
      from,
      bytes,
      EnvelopeKind.opening,
    );
    return typeof accepted === 'string' ? undefined : accepted;
  }

  /** When the node with this identity was heard, and whether of late from elsewhere. */
  sightingOf(identity: string): Sighting {
    return this.#sightings.get(identityKey(identity), this.#options.clock.nowMs());
  }

  #begun(outcome: SealedConversation | SealRefusal, to: Endpoint): SealedConversation | SealRefusal {
    if (typeof outcome === 'string') this.#refusals.count(outcome, to);
    else this.#sightings.noteHeard(identityKey(outcome.peer), this.#options.clock.nowMs());
    return outcome;
  }

  /** Remembers of whom a message was that came in, counts it if it was refused, and then says why. */
  #seen<Opened extends object>(
    outcome: Opened | SealRefusal,
    from: Endpoint,
    bytes: Uint8Array,
    kind: ComingKind,
  ): Opened | SealRefusal {
    if (typeof outcome !== 'string') {
      this.#sightings.noteHeard(senderKey(bytes), this.#options.clock.nowMs(), carrierOf(kind));
      return outcome;
    }
    const isTranslated = outcome === 'not-authenticated' && this.#isTranslated(from, bytes, kind);
    const reason = isTranslated ? 'address-translated' : outcome;
    this.#refusals.count(reason, from);
    return reason;
  }

  #isTranslated(from: Endpoint, bytes: Uint8Array, kind: ComingKind): boolean {
    const { announcedEndpoint, ownEndpoint, clock } = this.#options;
    if (announcedEndpoint === undefined || !isEnvelope(bytes, kind)) return false;
    const announced = announcedEndpoint(formatHexadecimal(readSender(bytes)));
    const carrier = carrierOf(kind);
    const isAsAnnounced = carrier === 'datagram' ? equalEndpoints : sameHost;
    if (announced === undefined || isAsAnnounced(announced, from)) return false;
    // What a process of before sent is new to whoever was started after it, and no sign of where the node is: somebody may repeat it.
    const isHeard = this.#sightings.hasArrived(senderKey(bytes), clock.nowMs());
    if (isHeard && this.#gossip.isOfAnotherProcess(bytes)) return false;
    if (!this.#mayLook() || !this.#gossip.wasSentFrom(announced, ownEndpoint(), bytes, kind)) return false;
    this.#sightings.noteTranslated(senderKey(bytes), { carrier, from, announced, lastMs: clock.nowMs() });
    return true;
  }

  #mayLook(): boolean {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#looksFromMs >= 1_000) [this.#looksFromMs, this.#looks] = [nowMs, 0];
    return this.#looks++ < LOOKS_PER_SECOND;
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

function sameHost(a: Endpoint, b: Endpoint): boolean {
  return equalIpAddresses(a.address, b.address);
}
