/**
 * Limits of the rulebook. What this node gives out keeps to the first of each pair; what comes off the wire may be twice as much, as
 * several nodes may be given something at one time, and all have to come to hold the same.
 *
 * Chosen: what is beyond the second is refused, and said. Instead of: forgetting something for it. Because: a policy that is forgotten
 * opens what it closed.
 */

/** Objects at one time. */
export const MAX_OBJECTS = 4_096;
export const MAX_HELD_OBJECTS = 2 * MAX_OBJECTS;

/** All of them, encoded, in bytes: some thousand usual policies take 1 MB. */
export const MAX_OBJECTS_BYTES = 8 * 1024 * 1024;
export const MAX_HELD_BYTES = 2 * MAX_OBJECTS_BYTES;

/** One object as JSON, in bytes: as long as what is kept of a policy of Kubernetes. */
export const MAX_OBJECT_BYTES = 256 * 1024;

/**
 * Deletions that are remembered, the latest: a node that was away, and still has the object, hears by them that it is gone. Each takes
 * some hundred bytes.
 */
export const MAX_DELETIONS = 4_096;

/** What an entry takes beside its object, in bytes. */
export const ENTRY_FIELDS_BYTES = 1_024;

/** Longest name of an object, and of a namespace or service, which are labels of DNS (RFC 1123, section 2.1). */
export const MAX_OBJECT_NAME_LENGTH = 253;
export const MAX_LABEL_LENGTH = 63;

/** Length of the hash of an entry, in bytes. */
export const ENTRY_HASH_BYTES = 8;

/** Buckets of a digest at most, a power of two: their indexes fit a byte. */
export const MAX_BUCKETS = 256;

/** Entries of one message, in bytes; one longer than that goes alone. Beside them there is room for all hashes. */
export const MESSAGE_ENTRIES_BYTES = 192 * 1024;

/** Entries of one rumour, in bytes, and for how long they are told since they changed, in ms. Beside them there is room for the rest. */
export const RUMOUR_ENTRIES_BYTES = 600;
export const RUMOUR_MS = 10_000;

/** Entries that come unasked with an answer, in bytes: what changed last is mostly all that the asker lacks. */
export const UNASKED_ENTRIES_BYTES = 32 * 1024;

/** Hashes that one request wants. */
export const MAX_WANTED = 4_096;
