/** Messages of the pod directory <-> bytes (`proto/weft/v1/directory.proto`). Each is checked for its limits before it is decoded. */
import { decodeSafely } from '../membership/codec.ts';
import { checkFieldLimits, type FieldLimits } from '../membership/field-limits.ts';
import { weft } from '../membership/generated/weft.js';
import { bytesToHex, hexToBytes, identityFromBytes, identityToBytes } from '../membership/identity.ts';
import {
  IDENTITY_BYTES,
  MAX_POD_ANSWER_BYTES,
  MAX_POD_CHANGE_BYTES,
  MAX_POD_REQUEST_BYTES,
  MAX_PODS,
  POD_DIGEST_BYTES,
  POD_VERSION_BYTES,
} from '../membership/limits.ts';
import { podVersionFromBytes, podVersionToBytes } from '../membership/pod-version.ts';
import { MAX_POD_BYTES, MAX_WANTS, POD_HASH_BYTES } from './limits.ts';
import type { PodAnswerMessage, PodChange, PodPart, PodVersion, PodWant } from './messages.ts';

const identityLimit = { maxCount: 1, maxBytes: IDENTITY_BYTES };
const versionLimit = { maxCount: 1, maxBytes: POD_VERSION_BYTES };
const digestLimit = { maxCount: 1, maxBytes: POD_DIGEST_BYTES };
const numberLimit = { maxCount: 1, maxBytes: 0 };
const changeLimits: FieldLimits = {
  1: identityLimit,
  2: versionLimit,
  3: versionLimit,
  4: digestLimit,
  5: { maxCount: Math.floor(MAX_POD_CHANGE_BYTES / POD_HASH_BYTES), maxBytes: POD_HASH_BYTES },
  6: { maxCount: MAX_POD_CHANGE_BYTES, maxBytes: MAX_POD_CHANGE_BYTES },
};
const wantLimits: FieldLimits = { 1: identityLimit, 2: versionLimit, 3: digestLimit, 4: numberLimit };
const requestLimits: FieldLimits = { 1: { maxCount: MAX_WANTS, maxBytes: 96, fields: wantLimits } };
const partLimits: FieldLimits = {
  1: identityLimit,
  2: versionLimit,
  3: digestLimit,
  4: numberLimit,
  5: numberLimit,
  6: { maxCount: MAX_PODS, maxBytes: MAX_POD_BYTES },
};
const answerLimits: FieldLimits = {
  1: { maxCount: MAX_WANTS, maxBytes: MAX_POD_ANSWER_BYTES, fields: partLimits },
  2: { maxCount: MAX_WANTS, maxBytes: IDENTITY_BYTES },
};

export function encodeChange(change: PodChange): Uint8Array {
  const { identity, base, removed, added } = change;
  return weft.v1.PodChange.encode({
    identity: identityToBytes(identity),
    base: podVersionToBytes(base),
    ...encodeVersion(change),
    removed: [...removed],
    added: [...added],
  }).finish();
}

/** Says that this node holds this version, and no more. */
export function encodeOffer(identity: string, { version, digest }: PodVersion): Uint8Array {
  return encodeChange({ identity, base: version, version, digest, removed: [], added: [] });
}

/** Holds on to nothing of `bytes`. */
export function parseChange(bytes: Uint8Array): PodChange | undefined {
  if (bytes.length > MAX_POD_CHANGE_BYTES || checkFieldLimits(bytes, 0, bytes.length, changeLimits) !== 'ok')
    return undefined;
  const raw = decodeSafely(() => weft.v1.PodChange.decode(Uint8Array.from(bytes)));
  const identity = raw && identityFromBytes(raw.identity);
  const base = raw && podVersionFromBytes(raw.base);
  const version = raw && parseVersion(raw);
  if (identity === undefined || base === undefined || version === undefined || base > version.version) return undefined;
  const { removed, added } = raw!;
  if (base === version.version && removed.length + added.length > 0) return undefined;
  if (removed.some(({ length }) => length !== POD_HASH_BYTES)) return undefined;
  return { identity, base, ...version, removed, added };
}

export function encodeRequest(wants: readonly PodWant[]): Uint8Array {
  return weft.v1.PodRequest.encode({
    wants: wants.map((want) => ({
      identity: identityToBytes(want.identity),
      ...encodeVersion(want),
      ...(want.from !== 0 && { from: want.from }),
    })),
  }).finish();
}

/** What is wanted, each node once. */
export function parseRequest(bytes: Uint8Array): readonly PodWant[] | undefined {
  if (bytes.length > MAX_POD_REQUEST_BYTES || checkFieldLimits(bytes, 0, bytes.length, requestLimits) !== 'ok')
    return undefined;
  const raw = decodeSafely(() => weft.v1.PodRequest.decode(bytes));
  if (raw === undefined) return undefined;
  const wants = new Map<string, PodWant>();
  for (const want of raw.wants) {
    const identity = identityFromBytes(want.identity ?? nothing);
    const version = parseVersion(want);
    if (identity === undefined || version === undefined || wants.has(identity)) return undefined;
    wants.set(identity, { identity, ...version, from: want.from ?? 0 });
  }
  return [...wants.values()];
}

export function encodeAnswer({ parts, lacking }: PodAnswerMessage): Uint8Array {
  return weft.v1.PodAnswer.encode({
    parts: parts.map((part) => ({
      identity: identityToBytes(part.identity),
      ...encodeVersion(part),
      count: part.count,
      ...(part.from !== 0 && { from: part.from }),
      pods: [...part.pods],
    })),
    lacking: lacking.map(identityToBytes),
  }).finish();
}

/** An answer, each node once. What is in it is part of a copy of `bytes`. */
export function parseAnswer(bytes: Uint8Array): PodAnswerMessage | undefined {
  if (bytes.length > MAX_POD_ANSWER_BYTES || checkFieldLimits(bytes, 0, bytes.length, answerLimits) !== 'ok')
    return undefined;
  const raw = decodeSafely(() => weft.v1.PodAnswer.decode(Uint8Array.from(bytes)));
  if (raw === undefined) return undefined;
  const identities = new Set<string>();
  const parts: PodPart[] = [];
  for (const part of raw.parts) {
    const identity = identityFromBytes(part.identity ?? nothing);
    const version = parseVersion(part);
    const { count = 0, from = 0, pods = [] } = part as { count?: number; from?: number; pods?: Uint8Array[] };
    const isInRange = count <= MAX_PODS && from + pods.length <= count;
    if (identity === undefined || version === undefined || !isInRange || identities.has(identity)) return undefined;
    identities.add(identity);
    parts.push({ identity, ...version, count, from, pods });
  }
  const lacking: string[] = [];
  for (const one of raw.lacking) {
    const identity = identityFromBytes(one);
    if (identity === undefined || identities.has(identity)) return undefined;
    identities.add(identity);
    lacking.push(identity);
  }
  return { parts, lacking };
}

const nothing = new Uint8Array(0);

function encodeVersion({ version, digest }: PodVersion): { version: Uint8Array; digest: Uint8Array } {
  return { version: podVersionToBytes(version), digest: hexToBytes(digest) };
}

function parseVersion(raw: {
  readonly version?: Uint8Array | null;
  readonly digest?: Uint8Array | null;
}): PodVersion | undefined {
  const version = podVersionFromBytes(raw.version ?? nothing);
  const digest = raw.digest ?? nothing;
  return version === undefined || digest.length !== POD_DIGEST_BYTES
    ? undefined
    : { version, digest: bytesToHex(digest) };
}
