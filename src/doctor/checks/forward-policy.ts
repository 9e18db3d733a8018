/** Others' firewalls that drop what a node forwards unless they know it: by policy, as Docker, or by a last rule, as firewalld. */
import { byHand, found, type FindingKinds, type HostCheck } from '../check.ts';
import type { Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { type FirewallHit, firewallHits } from '../firewall-hits.ts';
import { hitEvidence, podOpenings } from '../firewall-words.ts';

const finds: FindingKinds = {
  'forward-policy-drop': {
    severity: 'error',
    title: "a firewall of this node drops pods' packets",
    cause:
      'Docker and others set the policy of forwarded packets to drop and accept their own networks only; firewalld, and the default rules of RHEL, end with a rule that rejects the rest',
  },
};

export const forwardPolicy: HostCheck = {
  subject: 'policy of the firewall for forwarded packets',
  needs: 'host',
  looksAt: ['firewall'],
  finds,
  look: (facts) => {
    const hits = hitsOnPods(facts);
    return hits.length === 0 ? [] : [found(finds, 'forward-policy-drop', evidenceOf(hits, facts), fixOf(hits, facts))];
  },
};

/** What they do to packets of nodes is said elsewhere. */
function hitsOnPods(facts: Facts): FirewallHit[] {
  return firewallHits(facts)
    .filter(({ verdict, isLast }) => verdict !== 'unknown' && isLast)
    .map((hit) => ({ ...hit, samples: hit.samples.filter(({ isOfPods }) => isOfPods) }))
    .filter(({ samples }) => samples.length > 0);
}

function evidenceOf(hits: readonly FirewallHit[], facts: Facts): string[] {
  return hits.map((hit) => hitEvidence(hit, facts));
}

function fixOf(hits: readonly FirewallHit[], { host }: Facts): Finding['fix'] {
  return byHand('let packets of pods pass', ...new Set(hits.flatMap((hit) => podOpenings(hit, host))));
}
