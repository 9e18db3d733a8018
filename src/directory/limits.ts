/**
 * Limits on what comes off the wire, and on what this node says of its own pods: what others would refuse is not announced.
 * What rides on gossip has further ones there (`membership/limits.ts`): pods per node, bytes per change, request and answer.
 */

/** Longest name of a pod, in bytes: that of a DNS name. Names of pods that earlier versions made are no DNS labels. */
export const MAX_POD_NAME_BYTES = 253;

/** Most addresses of one pod. */
export const MAX_POD_ADDRESSES = 16;

/** Longest key of a label, in bytes, a prefix of 253, a slash and a name of 63; and longest value. As in Kubernetes. */
export const MAX_LABEL_KEY_BYTES = 317;
export const MAX_LABEL_VALUE_BYTES = 63;

/** Most named ports of one pod. Kubernetes has no such limit. */
export const MAX_POD_PORTS = 32;

/** Longest encoded pod, in bytes: with as many labels as there may be, mostly short ones. */
export const MAX_POD_BYTES = 4_096;

/** Longest encoded list of a node's pods, in bytes: 4 096 pods with 250 bytes each. */
export const MAX_NODE_PODS_BYTES = 1024 * 1024;

/** All that is held of other nodes, in bytes: ten times what 30 000 pods take. */
export const MAX_HELD_BYTES = 48 * 1024 * 1024;

/** Most nodes in one request. */
export const MAX_WANTS = 256;

/** Pods of one answer, in bytes: beside them there is room for what says whose they are. */
export const MAX_ANSWERED_PODS_BYTES = 192 * 1024;

/** Requests of this node that may be under way. */
export const MAX_REQUESTS = 2;

/** Length of the hash of a pod, in bytes. */
export const POD_HASH_BYTES = 8;
