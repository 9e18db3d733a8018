/** Exchanges <-> bytes (`proto/weft/v1/membership.proto`). What passes here is trusted from then on. */
import { AnnouncementCache } from './announcement-cache.ts';
import {
  claimLimits,
  concatenateFields,
  encodeClaim,
  MAX_CLAIM_BYTES,
  parseClaims,
  withAnnouncementAge,
} from './claim-codec.ts';
import { decodeSafely, encodeProbe, parseProbe, probeLimit } from './codec.ts';
import { directiveLimits, MAX_DIRECTIVE_BYTES, parseDirectives } from './directive-codec.ts';
import { checkFieldLimits, type FieldLimits } from './field-limits.ts';
import { weft } from './generated/weft.js';
import { identityFromBytes, identityToBytes } from './identity.ts';
import {
  DIGEST_BUCKET_BYTES,
  IDENTITY_BYTES,
  MAX_DIGEST_BUCKETS,
  MAX_DIRECTIVES,
  MAX_EXCHANGE_BYTES,
  MAX_EXCHANGE_CLAIMS,
  MAX_POD_ANSWER_BYTES,
  MAX_POD_REQUEST_BYTES,
  MAX_RULEBOOK_MESSAGE_BYTES,
  MAX_WORD_BYTES,
} from './limits.ts';
import type { Difference, Digest, Exchange } from './message.ts';
import type { RefusalReason } from './refusals.ts';

const digestLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_DIGEST_BUCKETS * DIGEST_BUCKET_BYTES },
  2: { maxCount: 1, maxBytes: DIGEST_BUCKET_BYTES },
};
const differenceLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_DIGEST_BUCKETS },
  2: { maxCount: 1, maxBytes: 0 },
  3: { maxCount: 1, maxBytes: 0 },
};
const directivesLimits: FieldLimits = {
  1: { maxCount: MAX_DIRECTIVES, maxBytes: MAX_DIRECTIVE_BYTES, fields: directiveLimits },
};
const exchangeLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_WORD_BYTES },
  2: { maxCount: 1, maxBytes: IDENTITY_BYTES },
  3: { maxCount: MAX_EXCHANGE_CLAIMS, maxBytes: MAX_CLAIM_BYTES, fields: claimLimits },
  4: { maxCount: 1, maxBytes: (MAX_DIGEST_BUCKETS + 8) * DIGEST_BUCKET_BYTES, fields: digestLimits },
  5: { maxCount: 1, maxBytes: 2 * MAX_DIGEST_BUCKETS, fields: differenceLimits },
  6: { maxCount: 1, maxBytes: MAX_DIRECTIVES * (MAX_DIRECTIVE_BYTES + 3), fields: directivesLimits },
  7: probeLimit,
  8: probeLimit,
  9: { maxCount: 1, maxBytes: MAX_POD_REQUEST_BYTES },
  10: { maxCount: 1, maxBytes: MAX_POD_ANSWER_BYTES },
  11: { maxCount: 1, maxBytes: MAX_RULEBOOK_MESSAGE_BYTES },
  12: { maxCount: 1, maxBytes: MAX_RULEBOOK_MESSAGE_BYTES },
};

/** Tag of a length-delimited field (wire type 2). */
const claimTag = (3 << 3) | 2;

/** Encodes a request or a reply. */
export function encodeExchange(network: string, exchange: Exchange): Uint8Array {
  const { sender, claims, directives, digest, difference, ping, ack } = exchange;
  const { podRequest, podAnswer, rulebookRequest, rulebookAnswer } = exchange;
  const head = weft.v1.Exchange.encode({
    network,
    sender: identityToBytes(sender),
    ...(digest !== undefined && { digest }),
    ...(difference !== undefined && {
      difference: { ...difference, buckets: Uint8Array.from(difference.buckets) },
    }),
    ...(directives.length > 0 && {
      directives: { directives: directives.map(({ directive, ageSeconds }) => ({ ...directive, ageSeconds })) },
    }),
    ...(ping !== undefined && { ping: encodeProbe(ping) }),
    ...(ack !== undefined && { ack: encodeProbe(ack) }),
    ...(podRequest !== undefined && { podRequest }),
    ...(podAnswer !== undefined && { podAnswer }),
    ...(rulebookRequest !== undefined && { rulebookRequest }),
    ...(rulebookAnswer !== undefined && { rulebookAnswer }),
  }).finish();
  const encoded = claims.map((claim) => {
    const bytes = encodeClaim(claim);
    const { sealed, announcementAgeMs } = claim;
    const hasAge = sealed !== undefined && announcementAgeMs !== undefined;
    return { tag: claimTag, bytes: hasAge ? withAnnouncementAge(bytes, announcementAgeMs) : bytes };
  });
  return concatenateFields(head, encoded);
}

/** Decodes a request or reply of `network`, or says why not. Never throws; keeps nothing of `bytes`. */
export function parseExchange(
  bytes: Uint8Array,
  network: string,
  announcements = new AnnouncementCache(),
): Exchange | RefusalReason {
  if (bytes.length > MAX_EXCHANGE_BYTES) return 'too-long';
  const outcome = checkFieldLimits(bytes, 0, bytes.length, exchangeLimits);
  if (outcome !== 'ok') return outcome;
  const raw = decodeSafely(() => weft.v1.Exchange.decode(bytes));
  if (raw === undefined) return 'malformed';
  if (raw.network !== network) return 'network-other';
  const sender = identityFromBytes(raw.sender);
  if (sender === undefined) return 'sender-invalid';
  const digest = raw.digest ? parseDigest(raw.digest) : undefined;
  const difference = raw.difference ? parseDifference(raw.difference) : undefined;
  if (digest === 'digest-invalid' || difference === 'digest-invalid') return 'digest-invalid';
  const ping = raw.ping ? parseProbe(raw.ping) : undefined;
  const ack = raw.ack ? parseProbe(raw.ack) : undefined;
  if ((raw.ping && ping === undefined) || (raw.ack && ack === undefined)) return 'probe-invalid';
  const claims = parseClaims(raw.claims, announcements);
  if (typeof claims === 'string') return claims;
  const directives = parseDirectives(raw.directives?.directives ?? []);
  if (typeof directives === 'string') return directives;
  return {
    sender,
    claims,
    directives,
    ...(digest !== undefined && { digest }),
    ...(difference !== undefined && { difference }),
    ...(ping !== undefined && { ping }),
    ...(ack !== undefined && { ack }),
    ...(raw.podRequest.length > 0 && { podRequest: Uint8Array.from(raw.podRequest) }),
    ...(raw.podAnswer.length > 0 && { podAnswer: Uint8Array.from(raw.podAnswer) }),
    ...(raw.rulebookRequest.length > 0 && { rulebookRequest: Uint8Array.from(raw.rulebookRequest) }),
    ...(raw.rulebookAnswer.length > 0 && { rulebookAnswer: Uint8Array.from(raw.rulebookAnswer) }),
  };
}

function parseDigest(raw: weft.v1.Digest.$Properties): Digest | 'digest-invalid' {
  const buckets = Uint8Array.from(raw.buckets ?? []);
  const directives = Uint8Array.from(raw.directives ?? []);
  const isWhole = isBucketCount(buckets.length / DIGEST_BUCKET_BYTES) && directives.length === DIGEST_BUCKET_BYTES;
  return isWhole ? { buckets, directives } : 'digest-invalid';
}

function parseDifference(raw: weft.v1.Difference.$Properties): Difference | 'digest-invalid' {
  const bucketCount = raw.bucketCount ?? 0;
  if (!isBucketCount(bucketCount)) return 'digest-invalid';
  return { buckets: [...new Set(raw.buckets ?? [])], bucketCount, directives: raw.directives ?? false };
}

/** A power of two, up to {@link MAX_DIGEST_BUCKETS}. */
function isBucketCount(count: number): boolean {
  return count >= 1 && count <= MAX_DIGEST_BUCKETS && Number.isInteger(Math.log2(count));
}
