/** Claims <-> bytes (`proto/weft/v1/membership.proto`), and how encoded messages are put into others. */
import { AnnouncementCache } from './announcement-cache.ts';
import type { MemberState } from './announcement.ts';
import type { FieldLimits } from './field-limits.ts';
import { weft } from './generated/weft.js';
import { identityFromBytes, identityToBytes } from './identity.ts';
import { IDENTITY_BYTES, MAX_ACCUSERS, MAX_ANNOUNCEMENT_BYTES, MAX_INCARNATION } from './limits.ts';
import { MAX_LOCAL_HEALTH } from './local-health.ts';
import type { Claim, SealedAnnouncement } from './message.ts';
import type { RefusalReason } from './refusals.ts';

const identityLimit = { maxCount: 1, maxBytes: IDENTITY_BYTES };
const numberLimit = { maxCount: 1, maxBytes: 0 };

/** Limits of the fields of one claim. */
export const claimLimits: FieldLimits = {
  1: identityLimit,
  2: numberLimit,
  3: numberLimit,
  4: { maxCount: 1, maxBytes: MAX_ANNOUNCEMENT_BYTES },
  5: numberLimit,
  6: numberLimit,
  7: numberLimit,
  8: { maxCount: MAX_ACCUSERS, maxBytes: IDENTITY_BYTES },
  9: numberLimit,
};

/** Longest encoded claim that is read, in bytes: with fields that this version does not know. */
export const MAX_CLAIM_BYTES = MAX_ANNOUNCEMENT_BYTES + 256;

const stateToWire: Readonly<Record<MemberState, number>> = { alive: 1, suspect: 2, dead: 3, left: 4 };
const stateFromWire: readonly (MemberState | undefined)[] = [undefined, 'alive', 'suspect', 'dead', 'left'];

/** Encodes one claim, but for the age of its announcement: {@link withAnnouncementAge} adds that when it is sent. */
export function encodeClaim(claim: Claim): Uint8Array {
  const lasting = claim.sealed === undefined ? encodeLasting(claim) : lastingOf(claim, claim.sealed);
  if (claim.ageSeconds === 0 && claim.accusers === undefined) return lasting;
  const passing = weft.v1.Claim.encode({
    ...(claim.ageSeconds !== 0 && { ageSeconds: claim.ageSeconds }),
    accusers: claim.accusers?.map(identityToBytes) ?? [],
  }).finish();
  const bytes = new Uint8Array(lasting.length + passing.length);
  bytes.set(lasting);
  bytes.set(passing, lasting.length);
  return bytes;
}

/** What of a claim stays the same while its age grows. */
function encodeLasting(claim: Claim): Uint8Array {
  return weft.v1.Claim.encode({
    identity: identityToBytes(claim.identity),
    incarnation: claim.incarnation,
    state: stateToWire[claim.state],
    ...(claim.sealed !== undefined && { announcement: claim.sealed.bytes }),
    ...(claim.announcedAt !== claim.incarnation && { announcedAt: claim.announcedAt }),
    ...(claim.slowness !== undefined && { slowness: claim.slowness }),
  }).finish();
}

/** By announcement: what was encoded last. Exchanges tell the same of each member again and again. */
const encodedLast = new WeakMap<SealedAnnouncement, { readonly claim: Claim; readonly bytes: Uint8Array }>();

function lastingOf(claim: Claim, sealed: SealedAnnouncement): Uint8Array {
  const last = encodedLast.get(sealed);
  if (last !== undefined && lastsAs(last.claim, claim)) return last.bytes;
  const bytes = encodeLasting(claim);
  encodedLast.set(sealed, { claim, bytes });
  return bytes;
}

function lastsAs(a: Claim, b: Claim): boolean {
  return (
    a.incarnation === b.incarnation &&
    a.state === b.state &&
    a.announcedAt === b.announcedAt &&
    a.slowness === b.slowness &&
    a.identity === b.identity
  );
}

/** Field 7, fixed32 (wire type 5). */
const announcementAgeTag = (7 << 3) | 5;

/** Bytes that {@link withAnnouncementAge} adds. */
export const ANNOUNCEMENT_AGE_BYTES = 5;

/** The encoded claim, and how long ago its announcement was made. */
export function withAnnouncementAge(claim: Uint8Array, ageMs: number): Uint8Array {
  const bytes = new Uint8Array(claim.length + ANNOUNCEMENT_AGE_BYTES);
  bytes.set(claim);
  const age = Math.min(Math.max(0, Math.round(ageMs)), 0xff_ff_ff_ff);
  let at = claim.length;
  bytes[at++] = announcementAgeTag;
  bytes[at++] = age & 0xff;
  bytes[at++] = (age >>> 8) & 0xff;
  bytes[at++] = (age >>> 16) & 0xff;
  bytes[at] = age >>> 24;
  return bytes;
}

/** The claims in `raws`, or why the first that is refused is. */
export function parseClaims(
  raws: readonly weft.v1.Claim.$Properties[],
  announcements: AnnouncementCache,
): readonly Claim[] | RefusalReason {
  const claims: Claim[] = [];
  for (const raw of raws) {
    const claim = parseClaim(raw, announcements);
    if (typeof claim === 'string') return claim;
    claims.push(claim);
  }
  return claims;
}

const nothing = new Uint8Array(0);

function parseClaim(raw: weft.v1.Claim.$Properties, announcements: AnnouncementCache): Claim | RefusalReason {
  const identity = identityFromBytes(raw.identity ?? nothing);
  const state = stateFromWire[raw.state ?? 0];
  const incarnation = raw.incarnation ?? 0;
  const announcedAt = raw.announcedAt ? raw.announcedAt : incarnation;
  if (identity === undefined || state === undefined) return 'claim-invalid';
  if (incarnation < 1 || incarnation > MAX_INCARNATION || announcedAt > incarnation) return 'claim-invalid';
  // An accuser that is none is no accuser, and nobody may ask for more time than there is.
  const accusers = (raw.accusers ?? []).map(identityFromBytes).filter((accuser) => accuser !== undefined);
  const slowness = Math.min(raw.slowness ?? 0, MAX_LOCAL_HEALTH);
  const ageSeconds = raw.ageSeconds ?? 0;
  const news = {
    identity,
    incarnation,
    state,
    ageSeconds,
    ...(accusers.length > 0 && { accusers }),
    ...(slowness > 0 && { slowness }),
  };
  // proto3 cannot tell an absent announcement from an empty one; an empty one would be invalid anyway.
  if (!raw.announcement || raw.announcement.length === 0) {
    return { ...news, sealed: undefined, announcedAt: incarnation };
  }
  const sealed = announcements.parse(identity, raw.announcement);
  if (typeof sealed === 'string') return sealed;
  return { ...news, sealed, announcedAt, announcementAgeMs: raw.announcementAgeMs ?? 0 };
}

/** An encoded message, and the tag of the field that it is to be. */
export interface EncodedField {
  readonly tag: number;
  readonly bytes: Uint8Array;
}

/** Bytes that an encoded message of `lengthBytes` takes within another: itself, its tag and its length. */
export function fieldCostBytes(lengthBytes: number): number {
  return lengthBytes + (lengthBytes < 128 ? 2 : 3);
}

/**
 * `head` and, for each field, its tag, its length as a varint, and itself: protobuf lets messages be concatenated. Field
 * numbers are below 16 (one byte of tag), lengths below 16 384 (two of length).
 */
export function concatenateFields(head: Uint8Array, fields: readonly EncodedField[]): Uint8Array {
  let lengthBytes = head.length;
  for (const { bytes } of fields) lengthBytes += fieldCostBytes(bytes.length);
  const whole = new Uint8Array(lengthBytes);
  whole.set(head);
  let at = head.length;
  for (const { tag, bytes } of fields) {
    whole[at++] = tag;
    if (bytes.length >= 128) whole[at++] = (bytes.length & 0x7f) | 0x80;
    whole[at++] = bytes.length >= 128 ? bytes.length >> 7 : bytes.length;
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}
