/**
 * Pods of this node that network policies keep from DNS: the classic. Whoever may begin something else lacks names of others, and hardly by
 * intention. Whoever may begin nothing at all may be meant to.
 */
import { type NameDenial, nameSuspicions } from '../../policy/denied-names.ts';
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import type { Finding, Fix } from '../finding.ts';
import { suspicionText } from '../suspicion-words.ts';

const finds: FindingKinds = {
  'policy-denies-dns': {
    severity: 'warning',
    title: 'network policies keep pods of this node from DNS',
    cause:
      'a policy isolates them in egress, as a default deny does, or those that answer DNS in ingress, and no rule allows the question; or a rule denies it',
  },
  'policy-denies-all-egress': {
    severity: 'note',
    title: 'network policies let pods of this node begin nothing at all, DNS included',
    cause:
      'a policy isolates them in egress, and there is no rule for them: some are meant to, and of some it is forgotten',
  },
};

/** Most policies of which one finding tells. */
const MAX_SENTENCES = 8;

const fix: Fix = byHand(
  'allow UDP and TCP port 53 to the pods that answer DNS, at the port that these pods listen on: docs/policy.md has the policy',
);

const fixOfAll: Fix = byHand('if they should begin something, allow that, and DNS: docs/policy.md has the policy');

export const policyDns: DaemonCheck = {
  subject: 'network policies: whether pods of this node reach DNS',
  needs: 'daemon',
  looksAt: ['policies'],
  finds,
  look: ({ daemon: { policies } }) => {
    const denials = policies?.nameDenials ?? [];
    return [
      ...findingOf(
        'policy-denies-dns',
        denials.filter(({ beginsOthers }) => beginsOthers),
        fix,
      ),
      ...findingOf(
        'policy-denies-all-egress',
        denials.filter(({ beginsOthers }) => !beginsOthers),
        fixOfAll,
      ),
    ];
  },
};

function findingOf(id: string, denials: readonly NameDenial[], by: Fix): Finding[] {
  if (denials.length === 0) return [];
  const all = nameSuspicions(denials).map(suspicionText);
  const rest = all.length - MAX_SENTENCES;
  const evidence = rest > 0 ? [...all.slice(0, MAX_SENTENCES), `and ${rest} more policies like these`] : all;
  return [found(finds, id, evidence, by)];
}
