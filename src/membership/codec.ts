/** Datagrams and exchanges <-> bytes (`proto/weft/v1/membership.proto`). What passes here is trusted from then on. */
import type { MemberState } from './announcement.ts';
import { parseAnnouncement } from './announcement-codec.ts';
import { checkFieldLimits, type FieldLimits } from './field-limits.ts';
import { weft } from './generated/weft.js';
import { identityFromBytes, identityToBytes } from './identity.ts';
import {
  IDENTITY_BYTES,
  MAX_ANNOUNCEMENT_BYTES,
  MAX_DATAGRAM_BYTES,
  MAX_DATAGRAM_CLAIMS,
  MAX_EXCHANGE_BYTES,
  MAX_EXCHANGE_CLAIMS,
  MAX_INCARNATION,
  MAX_WORD_BYTES,
} from './limits.ts';
import type { Claim, Datagram, DatagramBody, Exchange } from './message.ts';
import type { RefusalReason } from './refusals.ts';

const identityLimit = { maxCount: 1, maxBytes: IDENTITY_BYTES };
const numberLimit = { maxCount: 1, maxBytes: 0 };
const networkLimit = { maxCount: 1, maxBytes: MAX_WORD_BYTES };
const probeLimit = { maxCount: 1, maxBytes: 64, fields: { 1: numberLimit, 2: identityLimit } };
const claimLimits: FieldLimits = {
  1: identityLimit,
  2: numberLimit,
  3: numberLimit,
  4: { maxCount: 1, maxBytes: MAX_ANNOUNCEMENT_BYTES },
  5: numberLimit,
  6: numberLimit,
};
const MAX_CLAIM_BYTES = MAX_ANNOUNCEMENT_BYTES + 256;
const datagramLimits: FieldLimits = {
  1: networkLimit,
  2: identityLimit,
  3: probeLimit,
  4: probeLimit,
  5: probeLimit,
  6: { maxCount: MAX_DATAGRAM_CLAIMS, maxBytes: MAX_CLAIM_BYTES, fields: claimLimits },
};
const exchangeLimits: FieldLimits = {
  1: networkLimit,
  2: identityLimit,
  3: { maxCount: MAX_EXCHANGE_CLAIMS, maxBytes: MAX_CLAIM_BYTES, fields: claimLimits },
};

/** Tag of a length-delimited field (wire type 2). All field numbers here are below 16: one byte. */
const datagramClaimTag = (6 << 3) | 2;
const exchangeClaimTag = (3 << 3) | 2;

const stateToWire: Readonly<Record<MemberState, number>> = { alive: 1, suspect: 2, dead: 3, left: 4 };
const stateFromWire: readonly (MemberState | undefined)[] = [undefined, 'alive', 'suspect', 'dead', 'left'];

/** Encodes one claim, to be put into datagrams and exchanges. */
export function encodeClaim(claim: Claim): Uint8Array {
  return weft.v1.Claim.encode({
    identity: identityToBytes(claim.identity),
    incarnation: claim.incarnation,
    state: stateToWire[claim.state],
    ...(claim.sealed === undefined ? {} : { announcement: claim.sealed.bytes }),
    announcedAt: claim.announcedAt === claim.incarnation ? 0 : claim.announcedAt,
    ageSeconds: claim.ageSeconds,
  }).finish();
}

/** Bytes that an encoded claim of `lengthBytes` takes in a datagram: itself, its tag and its length. */
export function claimCostBytes(lengthBytes: number): number {
  return lengthBytes + (lengthBytes < 128 ? 2 : 3);
}

/** Encodes a datagram without claims; {@link appendClaims} adds them. */
export function encodeDatagram(network: string, sender: string, body: DatagramBody): Uint8Array {
  const probe = body.kind === 'none' ? {} : { sequence: body.sequence, target: identityToBytes(body.target) };
  return weft.v1.Datagram.encode({
    network,
    sender: identityToBytes(sender),
    ...(body.kind === 'ping' && { ping: probe }),
    ...(body.kind === 'indirect-ping' && { indirectPing: probe }),
    ...(body.kind === 'ack' && { ack: probe }),
  }).finish();
}

/** The datagram `head` followed by encoded claims. */
export function appendClaims(head: Uint8Array, claims: readonly Uint8Array[]): Uint8Array {
  return concatenate(head, claims, datagramClaimTag);
}

/** Encodes everything that `sender` knows. */
export function encodeExchange(network: string, sender: string, claims: readonly Claim[]): Uint8Array {
  const head = weft.v1.Exchange.encode({ network, sender: identityToBytes(sender) }).finish();
  return concatenate(head, claims.map(encodeClaim), exchangeClaimTag);
}

/** Decodes a datagram of `network`, or says why not. Never throws; keeps nothing of `bytes`. */
export function parseDatagram(bytes: Uint8Array, network: string): Datagram | RefusalReason {
  if (bytes.length > MAX_DATAGRAM_BYTES) return 'too-long';
  const outcome = checkFieldLimits(bytes, 0, bytes.length, datagramLimits);
  if (outcome !== 'ok') return outcome;
  const raw = decodeSafely(() => weft.v1.Datagram.decode(bytes));
  if (raw === undefined) return 'malformed';
  if (raw.network !== network) return 'network-other';
  const sender = identityFromBytes(raw.sender);
  if (sender === undefined) return 'sender-invalid';
  const body = parseBody(raw);
  if (body === undefined) return 'probe-invalid';
  const claims = parseClaims(raw.claims);
  return typeof claims === 'string' ? claims : { sender, body, claims };
}

/** Decodes a request or reply of `network`, or says why not. Never throws; keeps nothing of `bytes`. */
export function parseExchange(bytes: Uint8Array, network: string): Exchange | RefusalReason {
  if (bytes.length > MAX_EXCHANGE_BYTES) return 'too-long';
  const outcome = checkFieldLimits(bytes, 0, bytes.length, exchangeLimits);
  if (outcome !== 'ok') return outcome;
  const raw = decodeSafely(() => weft.v1.Exchange.decode(bytes));
  if (raw === undefined) return 'malformed';
  if (raw.network !== network) return 'network-other';
  const sender = identityFromBytes(raw.sender);
  if (sender === undefined) return 'sender-invalid';
  const claims = parseClaims(raw.claims);
  return typeof claims === 'string' ? claims : { sender, claims };
}

function parseBody(raw: weft.v1.Datagram): DatagramBody | undefined {
  const { ping, indirectPing, ack } = raw;
  if (ping) return parseProbe('ping', ping);
  if (indirectPing) return parseProbe('indirect-ping', indirectPing);
  if (ack) return parseProbe('ack', ack);
  return { kind: 'none' };
}

function parseProbe(
  kind: 'ping' | 'indirect-ping' | 'ack',
  raw: { readonly sequence?: number | null; readonly target?: Uint8Array | null },
): DatagramBody | undefined {
  const target = identityFromBytes(raw.target ?? new Uint8Array(0));
  return target === undefined ? undefined : { kind, sequence: raw.sequence ?? 0, target };
}

function parseClaims(raws: readonly weft.v1.Claim.$Properties[]): readonly Claim[] | RefusalReason {
  const claims: Claim[] = [];
  for (const raw of raws) {
    const claim = parseClaim(raw);
    if (typeof claim === 'string') return claim;
    claims.push(claim);
  }
  return claims;
}

function parseClaim(raw: weft.v1.Claim.$Properties): Claim | RefusalReason {
  const identity = identityFromBytes(raw.identity ?? new Uint8Array(0));
  const state = stateFromWire[raw.state ?? 0];
  const incarnation = raw.incarnation ?? 0;
  const announcedAt = raw.announcedAt ? raw.announcedAt : incarnation;
  if (identity === undefined || state === undefined) return 'claim-invalid';
  if (incarnation < 1 || incarnation > MAX_INCARNATION || announcedAt > incarnation) return 'claim-invalid';
  const ageSeconds = raw.ageSeconds ?? 0;
  // proto3 cannot tell an absent announcement from an empty one; an empty one would be invalid anyway.
  if (!raw.announcement || raw.announcement.length === 0) {
    return { identity, incarnation, state, sealed: undefined, announcedAt: incarnation, ageSeconds };
  }
  const sealed = parseAnnouncement(identity, raw.announcement);
  if (typeof sealed === 'string') return sealed;
  return { identity, incarnation, state, sealed, announcedAt, ageSeconds };
}

/** The generated decoder throws on bytes that make no sense; what it was given is hostile, so that is no bug. */
function decodeSafely<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** `head` and, for each claim, its tag, its length as a varint, and itself: protobuf lets messages be concatenated. */
function concatenate(head: Uint8Array, claims: readonly Uint8Array[], tag: number): Uint8Array {
  let lengthBytes = head.length;
  for (const claim of claims) lengthBytes += claimCostBytes(claim.length);
  const bytes = new Uint8Array(lengthBytes);
  bytes.set(head);
  let at = head.length;
  for (const claim of claims) {
    bytes[at++] = tag;
    if (claim.length >= 128) bytes[at++] = (claim.length & 0x7f) | 0x80;
    bytes[at++] = claim.length >= 128 ? claim.length >> 7 : claim.length;
    bytes.set(claim, at);
    at += claim.length;
  }
  return bytes;
}
