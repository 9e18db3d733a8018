/**
 * Limits on what comes off the wire. Each is checked before anything is allocated for what it limits, and all of them
 * are checked on what this node says of itself too, so that nobody can announce what others would refuse.
 */

/**
 * Longest datagram that is sent, in bytes: with IPv6 (40) and UDP (8) headers it fits the smallest IPv6 MTU, 1280, also when
 * it was sealed (63).
 */
export const MAX_SENT_DATAGRAM_BYTES = 1_169;

/** Longest datagram that is read, in bytes. Room for a later version that probes for a larger path MTU. */
export const MAX_DATAGRAM_BYTES = 9_000;

/** Longest request or reply on a stream, in bytes: 10 000 members with the longest announcements fit. */
export const MAX_EXCHANGE_BYTES = 12 * 1024 * 1024;

/** Longest encoded announcement, in bytes: with its claim and the datagram's own fields it fits one datagram. */
export const MAX_ANNOUNCEMENT_BYTES = 1_000;

/** Most claims in one datagram. A compact claim takes about 24 bytes. */
export const MAX_DATAGRAM_CLAIMS = 512;

/** Most accusers in one claim: more than any preset wants to hear of. */
export const MAX_ACCUSERS = 8;

/** Most claims in one exchange. */
export const MAX_EXCHANGE_CLAIMS = 20_000;

/** Most directives that a node keeps and sends in an exchange, and most in one datagram. */
export const MAX_DIRECTIVES = 256;
export const MAX_DATAGRAM_DIRECTIVES = 16;

/** Longest subject and longest content of a directive, in bytes. */
export const MAX_SUBJECT_BYTES = 96;
export const MAX_DIRECTIVE_CONTENT_BYTES = 256;

/** Largest version of a directive that is accepted: one below what fits, so that it can still be replaced. */
export const MAX_DIRECTIVE_VERSION = 0xff_ff_ff_fe;

/** Most buckets of a digest, a power of two: their indexes fit a byte. */
export const MAX_DIGEST_BUCKETS = 256;

/** Length of a bucket of a digest, in bytes. */
export const DIGEST_BUCKET_BYTES = 8;

/** Length of an identity, in bytes. */
export const IDENTITY_BYTES = 16;

/** Longest name of a node, in bytes: that of a DNS name. */
export const MAX_NAME_BYTES = 253;

/** Longest name of a network, gear or capability, and longest version, in bytes. */
export const MAX_WORD_BYTES = 64;

/** Most data endpoints, node addresses, prefixes and capabilities in one announcement. */
export const MAX_DATA_ENDPOINTS = 8;
export const MAX_NODE_ADDRESSES = 8;
export const MAX_PREFIXES = 128;
export const MAX_CAPABILITIES = 32;

/** Most key ids, path reports and prefixes of links in one announcement. Version 0.1.0 takes 32 fields that it does not know. */
export const MAX_KEY_IDS = 8;
export const MAX_PATH_REPORTS = 8;
export const MAX_LINK_PREFIXES = 8;

/** Length of the id of a key, in bytes. */
export const KEY_ID_BYTES = 8;

/** Length of the version and of the digest of a pod directory, in bytes. */
export const POD_VERSION_BYTES = 8;
export const POD_DIGEST_BYTES = 8;

/** Largest version of a pod directory that is accepted: far above any that a clock gives, in ms. */
export const MAX_POD_VERSION = 2 ** 48 - 1;

/** Most pods that a node may say that it has. */
export const MAX_PODS = 4_096;

/** Most changes of pods in one datagram, and the longest of them, in bytes: beside it there is room for an announcement. */
export const MAX_DATAGRAM_POD_CHANGES = 12;
export const MAX_POD_CHANGE_BYTES = 640;

/** Longest request for pods, and longest answer, in bytes. */
export const MAX_POD_REQUEST_BYTES = 32 * 1024;
export const MAX_POD_ANSWER_BYTES = 256 * 1024;

/** Longest rumour of the rulebook, in bytes, as of a change of pods; and longest request for it, and answer: the longest entry fits. */
export const MAX_RULEBOOK_RUMOUR_BYTES = 640;
export const MAX_RULEBOOK_MESSAGE_BYTES = 512 * 1024;

/** Smallest and largest MTU that a node may announce: the smallest that every IPv4 host takes (RFC 791), and 64 KiB. */
export const MIN_MTU_BYTES = 576;
export const MAX_MTU_BYTES = 65_535;

/** Largest incarnation that is accepted: one below what fits, so that it can still be refuted. */
export const MAX_INCARNATION = 0xff_ff_ff_fe;

/**
 * A claim about a known member that is further ahead than this is refused: members go up by ones, and a forged claim
 * near {@link MAX_INCARNATION} could never be refuted.
 */
export const MAX_INCARNATION_JUMP = 1_000_000;

/** Fields that this version does not know, per message. */
export const MAX_UNKNOWN_FIELDS = 32;
