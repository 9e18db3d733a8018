/**
 * A conversation of two nodes over one stream: any number of records each way, until one side says that it was the last.
 *
 *     client                                               server
 *       |  opening: 32 random bytes, sealed as a request     |
 *       |--------------------------------------------------->|  stranger, or seen before: closed without a byte
 *       |  reply to it: 32 random bytes                      |
 *       |<---------------------------------------------------|
 *       |  records, each way under a key of its own          |
 *       |<-------------------------------------------------->|
 *
 * Nothing is asked before the reply: whoever plays an opening again gets a reply that he cannot read, and nothing done. Both
 * keys follow from what both sides drew, so a record of one conversation says nothing in another. Within one, the nonce is
 * the number of the record and whether it is the last: a record that is missing, doubled, out of order or cut off is noticed.
 */
import { TAG_BYTES, type Cipher } from '../env/cipher.ts';
import type { Random } from '../env/random.ts';
import type { Endpoint } from '../wire/address.ts';
import type { ClusterKey } from './cluster-key.ts';
import { EnvelopeKind, readSender } from './envelope.ts';
import { formatHexadecimal, parseHexadecimal } from './hexadecimal.ts';
import { drawOctets, joinOctets } from './octet-string.ts';
import { octetsOf } from './octet-text.ts';
import type { ClusterKeys, SealedGossip } from './sealed-gossip.ts';
import { recordNonce } from './sealed-records.ts';
import type { SealRefusal } from './seal-refusals.ts';

/** What each side draws for the keys of a conversation, in bytes. */
const SALT_BYTES = 32;

/** Longest record before it is sealed, in bytes. */
export const MAX_RECORD_BYTES: number = 64 * 1024;

/** What a record grows by when it is sealed, in bytes. */
export const RECORD_SEAL_BYTES: number = TAG_BYTES;

/** The counter in a nonce is 32 bits wide. */
const MAX_RECORDS = 2 ** 32;

const LABEL = octetsOf('weft conversation');
const NOTHING = new Uint8Array(0);

/** What conversations of one node need. */
export interface ConversationOptions {
  /** Identity of this node: 32 hexadecimal digits. */
  readonly identity: string;
  readonly gossip: SealedGossip;
  readonly keys: ClusterKeys;
  readonly cipher: Cipher;
  readonly random: Random;
}

/** A conversation that this node asks for. */
export interface ConversationOpening {
  /** To be sent first. */
  readonly bytes: Uint8Array;
  /** Takes the reply. The conversation, or why the reply is refused. */
  begin(reply: Uint8Array): SealedConversation | SealRefusal;
}

/** A conversation that this node was asked for. */
export interface AcceptedConversation {
  /** To be sent first. */
  readonly reply: Uint8Array;
  readonly conversation: SealedConversation;
}

/** What was in a record. */
export interface OpenedRecord {
  readonly bytes: Uint8Array;
  /** Whether the other side says nothing after it. */
  readonly isLast: boolean;
}

/** Asks the node at `to` for a conversation. @param key which the other side must hold, too. */
export function openConversation(
  options: ConversationOptions,
  own: Endpoint,
  to: Endpoint,
  key: ClusterKey,
): ConversationOpening {
  const clientSalt = drawOctets(options.random, SALT_BYTES);
  const request = options.gossip.sealRequest(own, to, clientSalt, key, EnvelopeKind.opening);
  return {
    bytes: request.bytes,
    begin: (reply) => {
      const serverSalt = request.openReply(reply);
      if (typeof serverSalt === 'string') return serverSalt;
      if (serverSalt.length !== SALT_BYTES) return 'not-authenticated';
      const peer = formatHexadecimal(readSender(reply));
      return new SealedConversation(options, { key, salts: [clientSalt, serverSalt], peer, isClient: true });
    },
  };
}

/** Takes what came first from `from` on a stream to `own`. The conversation, or why it is refused. */
export function acceptConversation(
  options: ConversationOptions,
  from: Endpoint,
  own: Endpoint,
  bytes: Uint8Array,
): AcceptedConversation | SealRefusal {
  const request = options.gossip.openRequest(from, own, bytes, EnvelopeKind.opening);
  if (typeof request === 'string') return request;
  if (request.bytes.length !== SALT_BYTES) return 'not-authenticated';
  const serverSalt = drawOctets(options.random, SALT_BYTES);
  const { key, sender: peer } = request;
  const salts = [request.bytes, serverSalt] as const;
  return {
    reply: request.sealReply(serverSalt),
    conversation: new SealedConversation(options, { key, salts, peer, isClient: false }),
  };
}

interface Beginning {
  readonly key: ClusterKey;
  /** What the client drew, and what the server did. */
  readonly salts: readonly [Uint8Array, Uint8Array];
  readonly peer: string;
  readonly isClient: boolean;
}

/**
 * One side of a conversation. Records are sealed in the order in which they are sent, and opened in that in which they come.
 *
 * It ends with the key of the cluster that it began with: once that is not held any more, nothing is sealed or opened.
 */
export class SealedConversation {
  /** Identity of the node on the other side: 32 hexadecimal digits. */
  readonly peer: string;
  readonly #cipher: Cipher;
  readonly #keys: ClusterKeys;
  readonly #keyId: string;
  readonly #sealKey: Uint8Array;
  readonly #openKey: Uint8Array;
  #sealed = 0;
  #opened = 0;

  constructor({ identity, keys, cipher }: ConversationOptions, { key, salts, peer, isClient }: Beginning) {
    this.peer = peer;
    this.#cipher = cipher;
    this.#keys = keys;
    this.#keyId = key.id;
    const salt = joinOctets(...salts);
    const [client, server] = isClient ? [identity, peer] : [peer, identity];
    const nodes = joinOctets(parseHexadecimal(client), parseHexadecimal(server));
    const keyOf = (isFromClient: boolean): Uint8Array =>
      cipher.deriveKey(key.bytes, salt, joinOctets(LABEL, Uint8Array.of(isFromClient ? 1 : 2), nodes));
    this.#sealKey = keyOf(isClient);
    this.#openKey = keyOf(!isClient);
  }

  /**
   * Seals the next record, the last if this side has nothing more to say. `undefined` once the conversation is over.
   *
   * @throws RangeError if it is longer than {@link MAX_RECORD_BYTES}
   */
  seal(plain: Uint8Array, isLast = false): Uint8Array | undefined {
    if (plain.length > MAX_RECORD_BYTES) throw new RangeError(`a record of ${plain.length} bytes is too long`);
    if (this.#sealed >= MAX_RECORDS || !this.#isKeyHeld()) return undefined;
    const nonce = recordNonce(this.#sealed, isLast);
    this.#sealed = isLast ? MAX_RECORDS : this.#sealed + 1;
    return this.#cipher.seal(this.#sealKey, nonce, NOTHING, plain);
  }

  /** Opens the next record. `undefined` if it is not what the other side sealed next, and of everything after that. */
  open(sealed: Uint8Array): OpenedRecord | undefined {
    if (this.#opened >= MAX_RECORDS || !this.#isKeyHeld()) return undefined;
    for (const isLast of [false, true]) {
      const bytes = this.#cipher.open(this.#openKey, recordNonce(this.#opened, isLast), NOTHING, sealed);
      if (bytes === undefined) continue;
      this.#opened = isLast ? MAX_RECORDS : this.#opened + 1;
      return { bytes, isLast };
    }
    this.#opened = MAX_RECORDS;
    return undefined;
  }

  #isKeyHeld(): boolean {
    return this.#keys.find(this.#keyId) !== undefined;
  }
}
