/** What this node says when it is asked for the pods of nodes: what it holds, whosever they are. */
import type { PodAnswer } from '../membership/pod-gossip.ts';
import { MAX_ANSWERED_PODS_BYTES } from './limits.ts';
import { encodeAnswer } from './message-codec.ts';
import type { PodPart, PodVersion, PodWant } from './messages.ts';
import type { PodSet } from './pod-set.ts';

/** What says whose they are, per part; and what comes before each pod: tag and length. In bytes, at most. */
const PART_BYTES = 64;
const FIELD_BYTES = 4;

/** What is held of a node; `undefined`: nothing. */
export type HeldOf = (identity: string) => (PodVersion & { readonly set: PodSet }) | undefined;

/**
 * As much as one answer has room for, in the order of the wants. Of a node of which a later version is held than was asked for, that one,
 * and the node's announcement beside it.
 */
export function answerOf(wants: readonly PodWant[], heldOf: HeldOf): PodAnswer {
  const parts: PodPart[] = [];
  const lacking: string[] = [];
  const about: string[] = [];
  let leftBytes = MAX_ANSWERED_PODS_BYTES;
  for (const want of wants) {
    const { identity } = want;
    const held = heldOf(identity);
    if (held === undefined || !serves(held, want)) {
      lacking.push(identity);
      continue;
    }
    const { version, digest, set } = held;
    const isWanted = version === want.version && digest === want.digest;
    const from = isWanted && want.from <= set.size ? want.from : 0;
    leftBytes -= PART_BYTES;
    const pods: Uint8Array[] = [];
    for (let index = from; index < set.size; index++) {
      const pod = set.at(index);
      leftBytes -= pod.length + FIELD_BYTES;
      if (leftBytes < 0) break;
      pods.push(pod);
    }
    if (leftBytes < 0 && pods.length === 0) break;
    parts.push({ identity, version, digest, count: set.size, from, pods });
    if (!isWanted) about.push(identity);
    if (leftBytes < 0) break;
  }
  return { bytes: encodeAnswer({ parts, lacking }), about };
}

function serves(held: PodVersion, want: PodVersion): boolean {
  if (held.version === want.version) return held.digest === want.digest;
  return held.version > want.version;
}
