/** Messages of the rulebook <-> bytes (`proto/weft/v1/rulebook.proto`). Each is checked for its limits before it is decoded. */
import { decodeSafely } from '../membership/codec.ts';
import { checkFieldLimits, type FieldLimits } from '../membership/field-limits.ts';
import { weft } from '../membership/generated/weft.js';
import { bytesToHex, hexToBytes } from '../membership/identity.ts';
import { MAX_RULEBOOK_MESSAGE_BYTES, MAX_RULEBOOK_RUMOUR_BYTES, POD_VERSION_BYTES } from '../membership/limits.ts';
import { podVersionFromBytes, podVersionToBytes } from '../membership/pod-version.ts';
import { MAX_ENTRY_BYTES } from './entry-codec.ts';
import { type KnowledgeWord, knowledgeWords } from './knowledge.ts';
import { ENTRY_HASH_BYTES, MAX_BUCKETS, MAX_DELETIONS, MAX_HELD_OBJECTS, MAX_WANTED } from './limits.ts';

/** What a node holds, in short. */
export interface RulebookSummary {
  /** The highest of all entries; 0: there is none. */
  readonly version: number;
  /** 16 hexadecimal digits: equal where the same is held. */
  readonly digest: string;
}

/** What a node tells others of itself. */
export interface RulebookRumour extends RulebookSummary {
  /** Encoded: those that changed last. */
  readonly entries: readonly Uint8Array[];
}

export interface RulebookRequest {
  /** Sums of buckets, 8 bytes each; absent: it does not ask in what the two differ. */
  readonly buckets?: Uint8Array;
  /** Hashes of entries. */
  readonly wanted: readonly string[];
  /** Encoded. */
  readonly entries: readonly Uint8Array[];
}

export interface RulebookAnswer {
  /** Of the one who answers. */
  readonly digest: string;
  /** Whether that is what the cluster holds. */
  readonly knowledge: KnowledgeWord;
  /** Indexes of buckets. */
  readonly differing: readonly number[];
  /** Of all entries of these. */
  readonly hashes: readonly string[];
  /** Encoded. */
  readonly entries: readonly Uint8Array[];
}

/** Entries of one message: the shortest take some dozen bytes. */
const MAX_ENTRIES = MAX_HELD_OBJECTS + MAX_DELETIONS;

const entriesLimit = { maxCount: MAX_ENTRIES, maxBytes: MAX_ENTRY_BYTES };
const rumourLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: POD_VERSION_BYTES },
  2: { maxCount: 1, maxBytes: ENTRY_HASH_BYTES },
  3: { maxCount: MAX_RULEBOOK_RUMOUR_BYTES, maxBytes: MAX_RULEBOOK_RUMOUR_BYTES },
};
const requestLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_BUCKETS * ENTRY_HASH_BYTES },
  2: { maxCount: 1, maxBytes: MAX_WANTED * ENTRY_HASH_BYTES },
  3: entriesLimit,
};
const answerLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_BUCKETS },
  2: { maxCount: 1, maxBytes: MAX_ENTRIES * ENTRY_HASH_BYTES },
  3: entriesLimit,
  4: { maxCount: 1, maxBytes: ENTRY_HASH_BYTES },
  5: { maxCount: 1, maxBytes: 0 },
};

export function encodeRumour({ version, digest, entries }: RulebookRumour): Uint8Array {
  return weft.v1.RulebookRumour.encode({
    ...(version !== 0 && { version: podVersionToBytes(version) }),
    digest: hexToBytes(digest),
    entries: [...entries],
  }).finish();
}

/** What is in it is part of a copy of `bytes`. */
export function parseRumour(bytes: Uint8Array): RulebookRumour | undefined {
  if (bytes.length > MAX_RULEBOOK_RUMOUR_BYTES || checkFieldLimits(bytes, 0, bytes.length, rumourLimits) !== 'ok')
    return undefined;
  const raw = decodeSafely(() => weft.v1.RulebookRumour.decode(Uint8Array.from(bytes)));
  if (raw?.digest.length !== ENTRY_HASH_BYTES) return undefined;
  const version = raw.version.length === 0 ? 0 : podVersionFromBytes(raw.version);
  return version === undefined ? undefined : { version, digest: bytesToHex(raw.digest), entries: raw.entries };
}

export function encodeRequest({ buckets, wanted, entries }: RulebookRequest): Uint8Array {
  return weft.v1.RulebookRequest.encode({
    ...(buckets !== undefined && { buckets }),
    ...(wanted.length > 0 && { wanted: joined(wanted) }),
    entries: [...entries],
  }).finish();
}

/** What is in it is part of a copy of `bytes`. */
export function parseRequest(bytes: Uint8Array): RulebookRequest | undefined {
  if (!isWithin(bytes, requestLimits)) return undefined;
  const raw = decodeSafely(() => weft.v1.RulebookRequest.decode(Uint8Array.from(bytes)));
  const wanted = raw && split(raw.wanted);
  if (wanted === undefined) return undefined;
  const { buckets, entries } = raw!;
  if (buckets.length === 0) return { wanted, entries };
  const count = buckets.length / ENTRY_HASH_BYTES;
  return Number.isInteger(Math.log2(count)) ? { buckets, wanted, entries } : undefined;
}

export function encodeAnswer({ digest, knowledge, differing, hashes, entries }: RulebookAnswer): Uint8Array {
  const word = knowledgeWords.indexOf(knowledge);
  return weft.v1.RulebookAnswer.encode({
    digest: hexToBytes(digest),
    ...(word !== 0 && { knowledge: word }),
    ...(differing.length > 0 && { differing: Uint8Array.from(differing) }),
    ...(hashes.length > 0 && { hashes: joined(hashes) }),
    entries: [...entries],
  }).finish();
}

/** What is in it is part of a copy of `bytes`. */
export function parseAnswer(bytes: Uint8Array): RulebookAnswer | undefined {
  if (!isWithin(bytes, answerLimits)) return undefined;
  const raw = decodeSafely(() => weft.v1.RulebookAnswer.decode(Uint8Array.from(bytes)));
  const hashes = raw && split(raw.hashes);
  if (raw?.digest.length !== ENTRY_HASH_BYTES || hashes === undefined) return undefined;
  return {
    digest: bytesToHex(raw.digest),
    // A word of a later version is none of somebody who knows.
    knowledge: knowledgeWords[raw.knowledge] ?? 'seeks',
    differing: [...new Set(raw.differing)],
    hashes,
    entries: raw.entries,
  };
}

function isWithin(bytes: Uint8Array, limits: FieldLimits): boolean {
  return bytes.length <= MAX_RULEBOOK_MESSAGE_BYTES && checkFieldLimits(bytes, 0, bytes.length, limits) === 'ok';
}

function joined(hashes: readonly string[]): Uint8Array {
  return hexToBytes(hashes.join(''));
}

/** `undefined`: these are no hashes. */
function split(bytes: Uint8Array): readonly string[] | undefined {
  if (bytes.length % ENTRY_HASH_BYTES !== 0) return undefined;
  return Array.from({ length: bytes.length / ENTRY_HASH_BYTES }, (_, index) =>
    bytesToHex(bytes.subarray(index * ENTRY_HASH_BYTES, (index + 1) * ENTRY_HASH_BYTES)),
  );
}
