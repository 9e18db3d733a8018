/** Datagrams <-> bytes (`proto/weft/v1/membership.proto`). What passes here is trusted from then on. */
import { AnnouncementCache } from './announcement-cache.ts';
import { claimLimits, concatenateFields, MAX_CLAIM_BYTES, parseClaims, type EncodedField } from './claim-codec.ts';
import { directiveLimits, MAX_DIRECTIVE_BYTES, parseDirectives } from './directive-codec.ts';
import { checkFieldLimits, type FieldLimits } from './field-limits.ts';
import { weft } from './generated/weft.js';
import { identityFromBytes, identityToBytes } from './identity.ts';
import {
  IDENTITY_BYTES,
  MAX_DATAGRAM_BYTES,
  MAX_DATAGRAM_CLAIMS,
  MAX_DATAGRAM_DIRECTIVES,
  MAX_DATAGRAM_POD_CHANGES,
  MAX_POD_CHANGE_BYTES,
  MAX_RULEBOOK_RUMOUR_BYTES,
  MAX_WORD_BYTES,
} from './limits.ts';
import type { Datagram, DatagramBody, ProbeMessage } from './message.ts';
import type { RefusalReason } from './refusals.ts';

const identityLimit = { maxCount: 1, maxBytes: IDENTITY_BYTES };

/** Limits of the fields of a ping, an indirect ping, an ack and a nack. */
export const probeLimit = {
  maxCount: 1,
  maxBytes: 64,
  fields: { 1: { maxCount: 1, maxBytes: 0 }, 2: identityLimit },
};
const datagramLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_WORD_BYTES },
  2: identityLimit,
  3: probeLimit,
  4: probeLimit,
  5: probeLimit,
  6: { maxCount: MAX_DATAGRAM_CLAIMS, maxBytes: MAX_CLAIM_BYTES, fields: claimLimits },
  7: probeLimit,
  8: { maxCount: MAX_DATAGRAM_DIRECTIVES, maxBytes: MAX_DIRECTIVE_BYTES, fields: directiveLimits },
  9: { maxCount: MAX_DATAGRAM_POD_CHANGES, maxBytes: MAX_POD_CHANGE_BYTES },
  10: { maxCount: 1, maxBytes: MAX_RULEBOOK_RUMOUR_BYTES },
};

/** Tag of a length-delimited field (wire type 2) of a datagram. */
export const DatagramTag = {
  claim: (6 << 3) | 2,
  directive: (8 << 3) | 2,
  podChange: (9 << 3) | 2,
  rulebookRumour: (10 << 3) | 2,
} as const;

/** Encodes a datagram without news; {@link appendNews} adds it. */
export function encodeDatagram(network: string, sender: string, body: DatagramBody): Uint8Array {
  const probe = body.kind === 'none' ? {} : encodeProbe(body);
  return weft.v1.Datagram.encode({
    network,
    sender: identityToBytes(sender),
    ...(body.kind === 'ping' && { ping: probe }),
    ...(body.kind === 'indirect-ping' && { indirectPing: probe }),
    ...(body.kind === 'ack' && { ack: probe }),
    ...(body.kind === 'nack' && { nack: probe }),
  }).finish();
}

/** The datagram `head` followed by encoded news, each with its {@link DatagramTag}. */
export function appendNews(head: Uint8Array, news: readonly EncodedField[]): Uint8Array {
  return concatenateFields(head, news);
}

/** Decodes a datagram of `network`, or says why not. Never throws; keeps nothing of `bytes`. */
export function parseDatagram(
  bytes: Uint8Array,
  network: string,
  announcements = new AnnouncementCache(),
): Datagram | RefusalReason {
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
  const claims = parseClaims(raw.claims, announcements);
  if (typeof claims === 'string') return claims;
  const directives = parseDirectives(raw.directives);
  if (typeof directives === 'string') return directives;
  return {
    sender,
    body,
    claims,
    directives,
    podChanges: raw.podChanges.map((change) => Uint8Array.from(change)),
    ...(raw.rulebookRumour.length > 0 && { rulebookRumour: Uint8Array.from(raw.rulebookRumour) }),
  };
}

/** A probe as protobuf sees it. */
export function encodeProbe({ sequence, target }: ProbeMessage): weft.v1.Ping.$Properties {
  return { sequence, target: identityToBytes(target) };
}

/** A probe off the wire; `undefined` if its target is no identity. */
export function parseProbe(raw: {
  readonly sequence?: number | null;
  readonly target?: Uint8Array | null;
}): ProbeMessage | undefined {
  const target = identityFromBytes(raw.target ?? new Uint8Array(0));
  return target === undefined ? undefined : { sequence: raw.sequence ?? 0, target };
}

/** The generated decoder throws on bytes that make no sense; what it was given is hostile, so that is no bug. */
export function decodeSafely<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

function parseBody(raw: weft.v1.Datagram): DatagramBody | undefined {
  const { ping, indirectPing, ack, nack } = raw;
  if (ping) return bodyOf('ping', ping);
  if (indirectPing) return bodyOf('indirect-ping', indirectPing);
  if (ack) return bodyOf('ack', ack);
  if (nack) return bodyOf('nack', nack);
  return { kind: 'none' };
}

function bodyOf(
  kind: 'ping' | 'indirect-ping' | 'ack' | 'nack',
  raw: Parameters<typeof parseProbe>[0],
): DatagramBody | undefined {
  const probe = parseProbe(raw);
  return probe === undefined ? undefined : { kind, ...probe };
}
