/**
 * Orders that change the keys of a cluster. They travel as directives of the membership; this is their content.
 *
 *     subject         'key/ID': add that key; 'key-removed/ID': remove it; 'key-primary': seal with another key
 *     content         1 to 4 times: id of a key, 8 bytes | proof, 16 bytes | payload
 *     payload         'key/ID': the key, 32 bytes, masked; 'key-removed/ID': nothing; 'key-primary': id, 8 bytes
 *
 * An order to add a key stays when the key is removed, as others may be proven by that key: so all that a node has to know
 * is its key file and the orders. Who has a key of today does not get those of yesterday from it: each is masked by the key
 * that stood before it when it was added.
 *
 * Who knows one of the keys reads the order. The first key of the file proves every order: nodes with one file need no
 * chain of orders that prove each other, which another order to add the same key would break.
 *
 * The proof shows that whoever gave the order held the key that stands before it. Chosen: orders count only if they are
 * proven by a key that the node itself holds. Instead of: any order that gossip brings. Because: when a key leaked and the
 * nodes were given others by file, what a stranger ordered meanwhile must not come back through a node that still has it.
 */
import { KEY_BYTES, type Cipher } from '../env/cipher.ts';
import { equalOctets } from '../wire/octets.ts';
import { clusterKey, isKeyId, KEY_ID_BYTES, type ClusterKey } from './cluster-key.ts';
import { formatHexadecimal, parseHexadecimal } from './hexadecimal.ts';
import { octetsOf } from './octet-text.ts';

/** An order as the membership carries it, which calls it a directive. */
export interface CarriedOrder {
  readonly subject: string;
  /** The highest counts. */
  readonly version: number;
  readonly content: Uint8Array;
}

/** What is to be done. */
export type KeyOrder =
  | { readonly kind: 'add'; readonly key: ClusterKey }
  | { readonly kind: 'remove'; readonly id: string }
  | { readonly kind: 'use'; readonly id: string };

const ADD_SUBJECT = 'key/';
const REMOVE_SUBJECT = 'key-removed/';
const PRIMARY_SUBJECT = 'key-primary';
const PROOF_BYTES = 16;
const PAYLOAD_AT = KEY_ID_BYTES + PROOF_BYTES;
const PROOF_SALT = octetsOf('weft key order');
const MASK_SALT = octetsOf('weft key mask');

/** Whether an order of that subject is about keys. */
export function isKeySubject(subject: string): boolean {
  return subject === PRIMARY_SUBJECT || subject.startsWith(ADD_SUBJECT) || subject.startsWith(REMOVE_SUBJECT);
}

/**
 * Whether `order` replaces `known`, of the same subject, as in the membership: the higher version wins; of two of one
 * version, given at two nodes at one time, the greater content.
 */
export function overrulesOrder(order: CarriedOrder, known: CarriedOrder): boolean {
  if (order.version !== known.version) return order.version > known.version;
  return compareOctets(order.content, known.content) > 0;
}

/** Most keys that prove one order: as many as a directive has room for. */
const MAX_PROVERS = 4;

/** Subject and content of an order, proven by the first {@link MAX_PROVERS} of `provers`. */
export function encodeKeyOrder(
  cipher: Cipher,
  order: KeyOrder,
  ...provers: readonly ClusterKey[]
): { readonly subject: string; readonly content: Uint8Array } {
  const subject = subjectOf(order);
  const chosen = provers.slice(0, MAX_PROVERS);
  const entries = chosen.map((prover) => {
    const payload = payloadOf(cipher, order, subject, prover);
    return [...parseHexadecimal(prover.id), ...proofOf(cipher, prover, subject, chosen.length, payload), ...payload];
  });
  return { subject, content: Uint8Array.from(entries.flat()) };
}

/** The order, if it is one, and is proven by a key that `find` knows. */
export function parseKeyOrder(
  cipher: Cipher,
  { subject, content }: Pick<CarriedOrder, 'subject' | 'content'>,
  find: (id: string) => ClusterKey | undefined,
): KeyOrder | undefined {
  if (!isKeySubject(subject)) return undefined;
  const entryBytes = PAYLOAD_AT + payloadBytes(subject);
  const count = content.length / entryBytes;
  if (!Number.isInteger(count)) return undefined;
  for (let at = 0; at < content.length; at += entryBytes) {
    const order = parseEntry(cipher, subject, content.subarray(at, at + entryBytes), count, find);
    if (order !== undefined) return order;
  }
  return undefined;
}

function parseEntry(
  cipher: Cipher,
  subject: string,
  entry: Uint8Array,
  count: number,
  find: (id: string) => ClusterKey | undefined,
): KeyOrder | undefined {
  const prover = find(formatHexadecimal(entry, 0, KEY_ID_BYTES));
  if (prover === undefined) return undefined;
  const payload = entry.subarray(PAYLOAD_AT);
  // Not constant in time: whoever sends proofs has shown already that he holds some key of the cluster.
  const proof = proofOf(cipher, prover, subject, count, payload);
  if (!equalOctets(proof, 0, entry, KEY_ID_BYTES, PROOF_BYTES)) return undefined;
  if (subject === PRIMARY_SUBJECT) return { kind: 'use', id: formatHexadecimal(payload) };
  if (subject.startsWith(REMOVE_SUBJECT)) return parseRemove(subject.slice(REMOVE_SUBJECT.length));
  return parseAdd(cipher, subject, payload, prover);
}

function payloadBytes(subject: string): number {
  if (subject === PRIMARY_SUBJECT) return KEY_ID_BYTES;
  return subject.startsWith(REMOVE_SUBJECT) ? 0 : KEY_BYTES;
}

function parseRemove(id: string): KeyOrder | undefined {
  return isKeyId(id) ? { kind: 'remove', id } : undefined;
}

function parseAdd(cipher: Cipher, subject: string, payload: Uint8Array, prover: ClusterKey): KeyOrder | undefined {
  const key = clusterKey(cipher, masked(cipher, payload, subject, prover));
  return `${ADD_SUBJECT}${key.id}` === subject ? { kind: 'add', key } : undefined;
}

function subjectOf(order: KeyOrder): string {
  if (order.kind === 'use') return PRIMARY_SUBJECT;
  return order.kind === 'add' ? `${ADD_SUBJECT}${order.key.id}` : `${REMOVE_SUBJECT}${order.id}`;
}

function payloadOf(cipher: Cipher, order: KeyOrder, subject: string, prover: ClusterKey): Uint8Array {
  if (order.kind === 'add') return masked(cipher, order.key.bytes, subject, prover);
  return order.kind === 'use' ? parseHexadecimal(order.id) : new Uint8Array(0);
}

/** Masks a key, or takes its mask off. The subject names the key, so no mask is ever used for two. */
function masked(cipher: Cipher, bytes: Uint8Array, subject: string, prover: ClusterKey): Uint8Array {
  const mask = cipher.deriveKey(prover.bytes, MASK_SALT, octetsOf(subject));
  return bytes.map((octet, index) => octet ^ mask[index]!);
}

function compareOctets(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((octet, index) => octet !== b[index]);
  if (at < 0) return a.length - b.length;
  return at < b.length ? a[at]! - b[at]! : 1;
}

/** @param count of the proofs that the order has */
function proofOf(cipher: Cipher, prover: ClusterKey, subject: string, count: number, payload: Uint8Array): Uint8Array {
  const text = octetsOf(subject);
  const info = Uint8Array.from([count, subject.length, ...text, ...payload]);
  return cipher.deriveKey(prover.bytes, PROOF_SALT, info).subarray(0, PROOF_BYTES);
}
