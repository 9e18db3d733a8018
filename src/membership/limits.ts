/**
 * Limits on what comes off the wire. Each is checked before anything is allocated for what it limits, and all of them
 * are checked on what this node says of itself too, so that nobody can announce what others would refuse.
 */

/** Longest datagram that is sent, in bytes: with IPv6 and UDP headers it fits the smallest IPv6 MTU, 1280. */
export const MAX_SENT_DATAGRAM_BYTES = 1_200;

/** Longest datagram that is read, in bytes. Room for a later version that probes for a larger path MTU. */
export const MAX_DATAGRAM_BYTES = 9_000;

/** Longest request or reply on a stream, in bytes: 10 000 members with the longest announcements fit. */
export const MAX_EXCHANGE_BYTES = 12 * 1024 * 1024;

/** Longest encoded announcement, in bytes: with its claim and the datagram's own fields it fits one datagram. */
export const MAX_ANNOUNCEMENT_BYTES = 1_000;

/** Most claims in one datagram. A compact claim takes about 24 bytes. */
export const MAX_DATAGRAM_CLAIMS = 512;

/** Most claims in one exchange. */
export const MAX_EXCHANGE_CLAIMS = 20_000;

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
