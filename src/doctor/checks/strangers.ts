/** Packets that weft refuses for where they come from: another overlay, a stranger, a forged address. */
import { dropReasons } from '../../dataplane/drop-reason.ts';
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import { dropEvidence, remedyOf } from './drops.ts';

const finds: FindingKinds = {
  'wrong-vni-received': {
    severity: 'warning',
    title: 'VXLAN of another network arrives here, and is dropped',
    cause: causeOf('vxlan-wrong-vni'),
    // A bit of the VNI may be damaged on the way.
    follows: ['vni-mismatch', 'offload-corrupts', 'faults-injected'],
  },
  'forged-source': {
    severity: 'error',
    title: 'packets arrive under addresses that do not belong to the node which sends them, and are dropped',
    cause: causeOf('forged-source'),
    // An address that was damaged on the way looks forged, and so does a path probe of which a bit was.
    follows: ['offload-corrupts', 'faults-injected'],
  },
  'source-not-local': {
    severity: 'warning',
    title: 'packets leave pods of this node under addresses that are not theirs, and are dropped',
    cause: causeOf('source-not-local'),
  },
  'unknown-sender': {
    severity: 'warning',
    title: 'VXLAN of strangers arrives here, and is dropped',
    cause: causeOf('unknown-sender'),
    follows: [
      'address-translated',
      'endpoint-taken',
      'identity-contested',
      'name-taken',
      'mac-taken',
      'prefix-overlap',
      'outside-cluster',
      'other-network',
    ],
  },
};

/** Finding to reason. */
const reasonOf: Readonly<Record<string, string>> = {
  'wrong-vni-received': 'vxlan-wrong-vni',
  'forged-source': 'forged-source',
  'source-not-local': 'source-not-local',
  'unknown-sender': 'unknown-sender',
};

/** For a moment, while news of a node spreads, this is no sign of anything. */
const MIN_PACKETS = 5;

export const strangers: DaemonCheck = {
  subject: 'packets of strangers, other networks and forged addresses',
  needs: 'daemon',
  finds,
  look: ({ daemon: { recent } }) =>
    Object.entries(reasonOf).flatMap(([id, reason]) => {
      const packets = recent.dropped[reason] ?? 0;
      if (packets < MIN_PACKETS) return [];
      const evidence = dropEvidence(reason, packets, recent);
      const fix = byHand(remedyOf(reason), 'weft drops', `weft explain drop ${reason}`);
      return [found(finds, id, evidence, fix)];
    }),
};

function causeOf(reason: string): string {
  return dropReasons.find(({ name }) => name === reason)!.cause;
}
