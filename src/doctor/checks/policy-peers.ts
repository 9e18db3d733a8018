/** Rules of network policies that can never match, as nobody is whom they mean. It is no harm while those are not there. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import { suspicionEvidence } from '../suspicion-words.ts';

const finds: FindingKinds = {
  'policy-rule-never-matches': {
    severity: 'note',
    title: 'rules of network policies mean pods of which there are none: they never match',
    cause: 'those pods are not there yet, or labels of pods or namespaces are spelled otherwise than on these',
    scope: 'cluster',
  },
};

export const policyPeers: DaemonCheck = {
  subject: 'network policies: whom their rules mean',
  needs: 'daemon',
  looksAt: ['policies'],
  finds,
  look: ({ daemon: { policies } }) => {
    if (policies === undefined || policies.neverMatching.count === 0) return [];
    const fix = byHand(
      'if they should mean pods that are there, compare their selectors with the labels of these and of their namespaces; ' +
        'a podSelector without a namespaceSelector means pods of the namespace of the policy alone',
    );
    return [found(finds, 'policy-rule-never-matches', suspicionEvidence(policies.neverMatching), fix)];
  },
};
