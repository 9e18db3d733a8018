/** Sealing and opening gossip: which key, which nonce, what is authenticated, and what was there before. */
import { NONCE_BYTES, type Cipher } from '../env/cipher.ts';
import type { Random } from '../env/random.ts';
import type { Endpoint } from '../wire/address.ts';
import { AssociatedData } from './associated-data.ts';
import type { ClusterKey } from './cluster-key.ts';
import { Correspondent, Correspondents } from './correspondents.ts';
import {
  copyCounter,
  COUNTER_BYTES,
  encodeHead,
  EnvelopeKind,
  HEAD_BYTES,
  isEnvelope,
  readCounter,
  readKeyId,
  readSalt,
  readSender,
  SALT_BYTES,
  saltKey,
  SEAL_BYTES,
  senderKey,
} from './envelope.ts';
import { formatHexadecimal, parseHexadecimal } from './hexadecimal.ts';
import { drawOctets, joinOctets } from './octet-string.ts';
import { octetsOf } from './octet-text.ts';
import { openRecords, sealedLength, sealRecords } from './sealed-records.ts';
import type { SealRefusal } from './seal-refusals.ts';

/** The keys of the cluster, as they are at the moment. */
export interface ClusterKeys {
  /** What is sent is sealed with it. */
  readonly primary: ClusterKey;
  /** All that can be found, the primary first. */
  readonly all: readonly ClusterKey[];
  /** What comes may be sealed with any that is found here. */
  find(id: string): ClusterKey | undefined;
}

/** What sealing needs. */
export interface SealedGossipOptions {
  readonly network: string;
  /** Identity of this node: 32 hexadecimal digits. */
  readonly identity: string;
  readonly keys: ClusterKeys;
  readonly cipher: Cipher;
  readonly random: Random;
}

/** What a request is for: its reply, or a conversation that begins with it. */
export type RequestKind = typeof EnvelopeKind.request | typeof EnvelopeKind.opening;

/** What comes in without having been asked for. */
export type ComingKind = RequestKind | typeof EnvelopeKind.datagram;

/** A request of this node, and how to open what is answered to it, and to nothing else. */
export interface SealedRequest {
  readonly bytes: Uint8Array;
  readonly key: ClusterKey;
  openReply(bytes: Uint8Array): Uint8Array | SealRefusal;
}

/** A request of another node, and how to seal the answer to it. */
export interface OpenedRequest {
  readonly bytes: Uint8Array;
  /** It was sealed with this one. */
  readonly key: ClusterKey;
  /** Identity of the node that sent it: 32 hexadecimal digits. */
  readonly sender: string;
  sealReply(reply: Uint8Array): Uint8Array;
}

/**
 * Messages that one salt is for. A subkey is used once per counter, so its nonces never repeat, and NIST SP 800-38D sets no
 * limit of its own to that; this is the limit that its section 8.3 sets where nonces are drawn, and leaves a margin to any.
 */
const MESSAGES_PER_SALT: number = 2 ** 32;

/** Subkeys of this node that are kept: while a key is exchanged, two are in use. */
const MAX_OWN_SUBKEYS = 2;

/** Senders whose messages came from elsewhere, and are remembered: replays of them count for nothing. */
const MAX_TRANSLATED = 1_024;

const LABEL = octetsOf('weft gossip');

/**
 * One process of one node.
 *
 * The key of the cluster encrypts nothing itself. Each process draws a salt, and seals its datagrams with a key that follows
 * from the cluster's key, the salt and its identity, each under the next counter; each stream has a key of its own, that
 * of a reply follows from the request as well. So no key is ever used twice with one nonce, however often nodes start and
 * however many they are.
 */
export class SealedGossip {
  readonly #options: SealedGossipOptions;
  readonly #associated: AssociatedData;
  readonly #sender: Uint8Array;
  readonly #correspondents = new Correspondents();
  /** Whose messages came from elsewhere: apart, as nothing that comes so may push out what tells replays. */
  readonly #translated = new Correspondents(MAX_TRANSLATED);
  #salt: Uint8Array;
  #counter = 0;
  readonly #nonceBytes = new Uint8Array(NONCE_BYTES);
  /** By id of the cluster key. */
  readonly #subkeys = new Map<string, Uint8Array>();

  constructor(options: SealedGossipOptions) {
    this.#options = options;
    this.#associated = new AssociatedData(options.network);
    this.#sender = parseHexadecimal(options.identity);
    this.#salt = drawOctets(options.random, SALT_BYTES);
  }

  /** Seals a datagram that goes from this node's endpoint `own` to `to`. */
  sealDatagram(own: Endpoint, to: Endpoint, plain: Uint8Array): Uint8Array {
    const { primary } = this.#options.keys;
    const envelope = new Uint8Array(SEAL_BYTES + plain.length);
    this.#writeHead(envelope, EnvelopeKind.datagram, primary);
    const associated = this.#associated.of(envelope, own.address, own.port, to.address, to.port);
    const sealed = this.#options.cipher.seal(this.#ownSubkey(primary), this.#nonce(envelope), associated, plain);
    envelope.set(sealed, HEAD_BYTES);
    return envelope;
  }

  /** What was sealed into a datagram that came from `from` to this node's endpoint `own`, or why it is refused. */
  openDatagram(from: Endpoint, own: Endpoint, bytes: Uint8Array): Uint8Array | SealRefusal {
    return this.#openDatagram(this.#correspondents, from, own, bytes);
  }

  /**
   * Whether this message, which was refused as it came from somewhere else, is authentic if it was sent from `announced`. It stays
   * refused: whoever repeats what he read along can have it come from anywhere. Each message counts once.
   */
  wasSentFrom(announced: Endpoint, own: Endpoint, bytes: Uint8Array, kind: ComingKind): boolean {
    const outcome =
      kind === EnvelopeKind.datagram
        ? this.#openDatagram(this.#translated, announced, own, bytes)
        : this.#openRequest(this.#translated, announced, own, bytes, kind);
    return typeof outcome !== 'string';
  }

  /** Whether the last message that was opened of its sender is of another process. */
  isOfAnotherProcess(bytes: Uint8Array): boolean {
    const latest = this.#correspondents.latestOf(senderKey(bytes));
    return latest !== undefined && latest !== saltKey(bytes);
  }

  #openDatagram(
    correspondents: Correspondents,
    from: Endpoint,
    own: Endpoint,
    bytes: Uint8Array,
  ): Uint8Array | SealRefusal {
    if (!isEnvelope(bytes, EnvelopeKind.datagram)) return 'not-authenticated';
    const key = this.#options.keys.find(readKeyId(bytes));
    if (key === undefined) return 'key-unknown';
    const sender = senderKey(bytes);
    const salt = saltKey(bytes);
    const known = correspondents.find(sender, salt);
    const counter = readCounter(bytes);
    if (known?.datagrams.isFresh(counter) === false) return 'replayed';

    const knownSubkey = known?.subkey(key.id);
    const subkey = knownSubkey ?? this.#datagramKey(key, readSalt(bytes), readSender(bytes));
    const associated = this.#associated.of(bytes, from.address, from.port, own.address, own.port);
    const plain = this.#options.cipher.open(subkey, this.#nonce(bytes), associated, bytes.subarray(HEAD_BYTES));
    if (plain === undefined) return 'not-authenticated';
    const correspondent = known ?? new Correspondent();
    if (knownSubkey === undefined) correspondent.keepSubkey(key.id, subkey);
    correspondent.datagrams.accept(counter);
    correspondents.keep(sender, salt, correspondent);
    return plain;
  }

  /** Seals a request that goes to `to` from any port of `own`'s address. */
  sealRequest(
    own: Endpoint,
    to: Endpoint,
    plain: Uint8Array,
    key: ClusterKey = this.#options.keys.primary,
    kind: RequestKind = EnvelopeKind.request,
  ): SealedRequest {
    const head = this.#nextHead(kind, key);
    const associated = this.#associated.of(head, own.address, 0, to.address, to.port);
    const bytes = this.#sealStream(head, this.#streamKey(key, head), associated, plain);
    return { bytes, key, openReply: (reply) => this.#openReply(key, head, own, to, reply) };
  }

  /** What was sealed into a request that came from `from`'s address to `own`, or why it is refused. */
  openRequest(
    from: Endpoint,
    own: Endpoint,
    bytes: Uint8Array,
    kind: RequestKind = EnvelopeKind.request,
  ): OpenedRequest | SealRefusal {
    return this.#openRequest(this.#correspondents, from, own, bytes, kind);
  }

  #openRequest(
    correspondents: Correspondents,
    from: Endpoint,
    own: Endpoint,
    bytes: Uint8Array,
    kind: RequestKind,
  ): OpenedRequest | SealRefusal {
    if (!isEnvelope(bytes, kind)) return 'not-authenticated';
    const key = this.#options.keys.find(readKeyId(bytes));
    if (key === undefined) return 'key-unknown';
    const sender = senderKey(bytes);
    const salt = saltKey(bytes);
    const known = correspondents.find(sender, salt);
    const counter = readCounter(bytes);
    if (known?.requests.isFresh(counter) === false) return 'replayed';

    // A copy: the reply needs it after the bytes of the request may be gone.
    const head = new Uint8Array(bytes.subarray(0, HEAD_BYTES));
    const associated = this.#associated.of(head, from.address, 0, own.address, own.port);
    const plain = openRecords(this.#options.cipher, this.#streamKey(key, head), associated, bytes, HEAD_BYTES);
    if (plain === undefined) return 'not-authenticated';
    const correspondent = known ?? new Correspondent();
    correspondent.requests.accept(counter);
    correspondents.keep(sender, salt, correspondent);
    return {
      bytes: plain,
      key,
      sender: formatHexadecimal(readSender(head)),
      sealReply: (reply) => this.#sealReply(key, head, own, from, reply),
    };
  }

  /** With the key of the request, not the primary: who missed that the key was exchanged learns of it from this reply. */
  #sealReply(key: ClusterKey, request: Uint8Array, own: Endpoint, to: Endpoint, plain: Uint8Array): Uint8Array {
    const head = this.#nextHead(EnvelopeKind.reply, key);
    const associated = this.#associated.of(head, own.address, own.port, to.address, 0);
    return this.#sealStream(head, this.#streamKey(key, head, request), associated, plain);
  }

  #openReply(
    key: ClusterKey,
    request: Uint8Array,
    own: Endpoint,
    from: Endpoint,
    bytes: Uint8Array,
  ): Uint8Array | SealRefusal {
    if (!isEnvelope(bytes, EnvelopeKind.reply)) return 'not-authenticated';
    if (readKeyId(bytes) !== key.id) return 'key-unknown';
    const associated = this.#associated.of(bytes, from.address, from.port, own.address, 0);
    const streamKey = this.#streamKey(key, bytes, request);
    return openRecords(this.#options.cipher, streamKey, associated, bytes, HEAD_BYTES) ?? 'not-authenticated';
  }

  #sealStream(head: Uint8Array, key: Uint8Array, associated: Uint8Array, plain: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(HEAD_BYTES + sealedLength(plain.length));
    bytes.set(head);
    sealRecords(this.#options.cipher, key, associated, plain, bytes, HEAD_BYTES);
    return bytes;
  }

  #nextHead(kind: EnvelopeKind, key: ClusterKey): Uint8Array {
    const head = new Uint8Array(HEAD_BYTES);
    this.#writeHead(head, kind, key);
    return head;
  }

  /** Writes the head of the next message. */
  #writeHead(envelope: Uint8Array, kind: EnvelopeKind, key: ClusterKey): void {
    if (this.#counter >= MESSAGES_PER_SALT) {
      this.#salt = drawOctets(this.#options.random, SALT_BYTES);
      this.#counter = 0;
      this.#subkeys.clear();
    }
    encodeHead({ kind, keyId: key.id, salt: this.#salt, sender: this.#sender, counter: this.#counter++ }, envelope);
  }

  /** Nonce of a datagram: its counter. Bytes that the next call writes over. */
  #nonce(envelope: Uint8Array): Uint8Array {
    copyCounter(envelope, this.#nonceBytes, NONCE_BYTES - COUNTER_BYTES);
    return this.#nonceBytes;
  }

  #ownSubkey(key: ClusterKey): Uint8Array {
    const known = this.#subkeys.get(key.id);
    if (known !== undefined) return known;
    const subkey = this.#datagramKey(key, this.#salt, this.#sender);
    if (this.#subkeys.size >= MAX_OWN_SUBKEYS) this.#subkeys.clear();
    this.#subkeys.set(key.id, subkey);
    return subkey;
  }

  #datagramKey(key: ClusterKey, salt: Uint8Array, sender: Uint8Array): Uint8Array {
    return this.#options.cipher.deriveKey(
      key.bytes,
      salt,
      joinOctets(LABEL, Uint8Array.of(EnvelopeKind.datagram), sender),
    );
  }

  /** Key of one stream: of its own head, and of the request's if it is a reply. */
  #streamKey(key: ClusterKey, envelope: Uint8Array, request?: Uint8Array): Uint8Array {
    const head = envelope.subarray(0, HEAD_BYTES);
    const heads = request === undefined ? [head] : [head, request];
    return this.#options.cipher.deriveKey(key.bytes, readSalt(envelope), joinOctets(LABEL, ...heads));
  }
}
