/**
 * The clear head of sealed gossip. Fields are big-endian, and all of them are authenticated.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+
 *   0 |Version| Kind  |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   1 |                     Id of the cluster key                     |
 *   5 |                                                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   9 |            Salt of the sender's process, 16 bytes             |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  25 |               Identity of the sender, 16 bytes                |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  41 |                            Counter                            |
 *     +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  45 |                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  47 Ciphertext and tag: one of a datagram, one for each record of a stream
 *
 * Plain gossip is protobuf and begins with 0x0a, the tag of its first field: no envelope does.
 */
import { TAG_BYTES } from '../env/cipher.ts';
import { copyOctets, readU16, readU32, writeU16, writeU32 } from '../wire/octets.ts';
import { parseHexadecimal } from './hexadecimal.ts';

const Offset = { kind: 0, keyId: 1, salt: 9, sender: 25, counter: 41 } as const;

const VERSION = 1;

/** What an envelope carries. An opening is a request that begins a conversation; a reply answers either. */
export const EnvelopeKind = { datagram: 1, request: 2, reply: 3, opening: 4 } as const;

export type EnvelopeKind = (typeof EnvelopeKind)[keyof typeof EnvelopeKind];

/** Length of a salt, in bytes: 128 bits, so that no two processes of a cluster ever draw the same. */
export const SALT_BYTES = 16;

/** Length of the identity of a node, in bytes. */
const SENDER_BYTES = 16;

/** Length of a counter, in bytes. */
export const COUNTER_BYTES = 6;

/** Length of the head, in bytes. */
export const HEAD_BYTES = 47;

/** What a datagram grows by when it is sealed, in bytes. */
export const SEAL_BYTES = HEAD_BYTES + TAG_BYTES;

/** Largest counter: the field is 48 bits wide. */
export const MAX_COUNTER = 2 ** 48 - 1;

/** A head. */
export interface EnvelopeHead {
  readonly kind: EnvelopeKind;
  /** 16 hexadecimal digits. */
  readonly keyId: string;
  /** {@link SALT_BYTES} bytes. */
  readonly salt: Uint8Array;
  /** {@link SENDER_BYTES} bytes. */
  readonly sender: Uint8Array;
  /** 0 to {@link MAX_COUNTER}. */
  readonly counter: number;
}

/** Whether `bytes` begin with a head of that kind, in the one version there is. */
export function isEnvelope(bytes: Uint8Array, kind: EnvelopeKind): boolean {
  return bytes.length >= SEAL_BYTES && bytes[Offset.kind] === (VERSION << 4) + kind;
}

/** Id of the cluster key that the head at the start of `bytes` names. */
export function readKeyId(bytes: Uint8Array): string {
  return hexadecimalOf(readU32(bytes, Offset.keyId)) + hexadecimalOf(readU32(bytes, Offset.keyId + 4));
}

/** Salt in the head, as bytes of their own. */
export function readSalt(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.subarray(Offset.salt, Offset.salt + SALT_BYTES));
}

/** Sender in the head, as bytes of their own. */
export function readSender(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.subarray(Offset.sender, Offset.sender + SENDER_BYTES));
}

/** Salt in the head as a key for maps: text, but none to be read. */
export function saltKey(bytes: Uint8Array): string {
  return mapKeyOf(bytes, Offset.salt);
}

/** Sender in the head as a key for maps, like {@link saltKey}. */
export function senderKey(bytes: Uint8Array): string {
  return mapKeyOf(bytes, Offset.sender);
}

/** Identity of a node as the key that {@link senderKey} gives for it. */
export function identityKey(identity: string): string {
  return mapKeyOf(parseHexadecimal(identity), 0);
}

/** Counter in the head. */
export function readCounter(bytes: Uint8Array): number {
  return readU16(bytes, Offset.counter) * 2 ** 32 + readU32(bytes, Offset.counter + 2);
}

/** Copies the counter in the head to `at`. */
export function copyCounter(bytes: Uint8Array, to: Uint8Array, at: number): void {
  copyOctets(bytes, Offset.counter, to, at, COUNTER_BYTES);
}

/** Writes a head at the start of `bytes`. */
export function encodeHead(head: EnvelopeHead, bytes: Uint8Array): void {
  bytes[Offset.kind] = (VERSION << 4) + head.kind;
  writeU32(bytes, Offset.keyId, Number.parseInt(head.keyId.slice(0, 8), 16));
  writeU32(bytes, Offset.keyId + 4, Number.parseInt(head.keyId.slice(8), 16));
  copyOctets(head.salt, 0, bytes, Offset.salt, SALT_BYTES);
  copyOctets(head.sender, 0, bytes, Offset.sender, SENDER_BYTES);
  writeU16(bytes, Offset.counter, Math.floor(head.counter / 2 ** 32));
  writeU32(bytes, Offset.counter + 2, head.counter);
}

function hexadecimalOf(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** 16 bytes as eight code units. For every datagram: much faster than digits. */
function mapKeyOf(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(
    readU16(bytes, at),
    readU16(bytes, at + 2),
    readU16(bytes, at + 4),
    readU16(bytes, at + 6),
    readU16(bytes, at + 8),
    readU16(bytes, at + 10),
    readU16(bytes, at + 12),
    readU16(bytes, at + 14),
  );
}
