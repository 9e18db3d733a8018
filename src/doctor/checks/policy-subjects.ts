/** Network policies that select no pod. Many are there before their pods, or after them: it is worth a word, and no more. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import { suspicionEvidence } from '../suspicion-words.ts';

const finds: FindingKinds = {
  'policy-selects-nothing': {
    severity: 'note',
    title: 'network policies that select no pod do nothing',
    cause:
      'they are there before their pods or are left over from them, or labels are spelled otherwise than on the pods',
    scope: 'cluster',
  },
};

export const policySubjects: DaemonCheck = {
  subject: 'network policies: whom they select',
  needs: 'daemon',
  looksAt: ['policies'],
  finds,
  look: ({ daemon: { policies } }) => {
    if (policies === undefined || policies.selectingNothing.count === 0) return [];
    const fix = byHand('if they should select pods that are there, compare their selectors with the labels of these');
    return [found(finds, 'policy-selects-nothing', suspicionEvidence(policies.selectingNothing), fix)];
  },
};
