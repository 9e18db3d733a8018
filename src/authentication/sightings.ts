/** When nodes were heard, and which of them from where they should not be: what tells of a network, and lets nobody in. */
import type { Endpoint } from '../wire/address.ts';
import type { ComingKind } from './sealed-gossip.ts';
import { EnvelopeKind } from './envelope.ts';

/** Senders that are remembered: as many as there may be members. The one that was heard first makes room. */
const MAX_SENDERS = 10_000;

/** How long it counts that messages came from elsewhere, in ms: in a large cluster, two nodes talk to each other about once a minute. */
export const TRANSLATION_AGE_MS = 120_000;

/** How a message came: datagrams have the announced port, too, and streams have any. */
export type Carrier = 'datagram' | 'stream';

/** Authentic messages of a node that came from elsewhere. They were refused. */
export interface Translation {
  readonly carrier: Carrier;
  /** Where the last one came from; the port of a stream says nothing. */
  readonly from: Endpoint;
  /** What the node announced then. */
  readonly announced: Endpoint;
  readonly lastMs: number;
  /** How many, since it began. Of many that come at a time only some are looked at. */
  readonly messages: number;
}

/** What is known of one sender. */
export interface Sighting {
  /** When the last message came that was taken; `undefined`: none did. */
  readonly heardMs: number | undefined;
  /** Of late; empty: all was as announced. */
  readonly translations: readonly Translation[];
}

interface Sender {
  heardMs: number | undefined;
  /** When the last message came in of itself that was taken. */
  arrivedMs: number | undefined;
  datagram: Translation | undefined;
  stream: Translation | undefined;
}

/** How a message of that kind comes. */
export function carrierOf(kind: ComingKind): Carrier {
  return kind === EnvelopeKind.datagram ? 'datagram' : 'stream';
}

/** Senders are told by the key of their identity (`identityKey`). Only authentic messages get here. */
export class Sightings {
  readonly #maxSenders: number;
  readonly #bySender = new Map<string, Sender>();

  constructor(maxSenders: number = MAX_SENDERS) {
    this.#maxSenders = maxSenders;
  }

  /** A message was taken. If it came in of itself, from where it should, earlier ones that did not are past. */
  noteHeard(sender: string, nowMs: number, carrier?: Carrier): void {
    const seen = this.#of(sender);
    seen.heardMs = nowMs;
    if (carrier === undefined) return;
    seen.arrivedMs = nowMs;
    seen[carrier] = undefined;
  }

  /** Whether messages came in of late from where they should. */
  hasArrived(sender: string, nowMs: number): boolean {
    const arrivedMs = this.#bySender.get(sender)?.arrivedMs;
    return arrivedMs !== undefined && nowMs - arrivedMs <= TRANSLATION_AGE_MS;
  }

  /** An authentic message came from elsewhere. */
  noteTranslated(sender: string, { lastMs, ...seen }: Omit<Translation, 'messages'>): void {
    const known = this.#of(sender);
    const before = known[seen.carrier];
    const isOngoing = before !== undefined && lastMs - before.lastMs <= TRANSLATION_AGE_MS;
    known[seen.carrier] = { ...seen, lastMs, messages: isOngoing ? before.messages + 1 : 1 };
  }

  get(sender: string, nowMs: number): Sighting {
    const known = this.#bySender.get(sender);
    const translations = [known?.datagram, known?.stream].filter(
      (one): one is Translation => one !== undefined && nowMs - one.lastMs <= TRANSLATION_AGE_MS,
    );
    return { heardMs: known?.heardMs, translations };
  }

  #of(sender: string): Sender {
    const known = this.#bySender.get(sender);
    if (known !== undefined) return known;
    if (this.#bySender.size >= this.#maxSenders) this.#bySender.delete(this.#bySender.keys().next().value!);
    const seen: Sender = { heardMs: undefined, arrivedMs: undefined, datagram: undefined, stream: undefined };
    this.#bySender.set(sender, seen);
    return seen;
  }
}
