/** Rules of others' firewalls that drop weft's packets: its ports, its devices, its pods. */
import { byHand, found, type FindingKinds, type HostCheck } from '../check.ts';
import { type FirewallHit, firewallHits } from '../firewall-hits.ts';
import { hitEvidence, listings, nodeOpenings } from '../firewall-words.ts';

const finds: FindingKinds = {
  'firewall-drops': {
    severity: 'error',
    title: "a firewall of this node drops weft's packets",
    cause: 'a person or another program set this rule; weft never changes what is not its own',
  },
  'firewall-closed': {
    severity: 'error',
    title: 'a firewall of this node lets in only what it names, and does not name weft',
    cause:
      'its policy is to drop, as that of ufw, firewalld and of images of some clouds, or its last rule rejects the rest',
  },
  'firewall-unclear': {
    severity: 'note',
    title: "it cannot be told whether a firewall of this node drops weft's packets",
    cause:
      'the rule asks for something that weft does not look into: a rate, a set of another program, a match of iptables that nobody shows, or what is not known without a daemon',
    // Without nft nobody can tell anything.
    follows: ['program-missing'],
  },
};

export const foreignRules: HostCheck = {
  subject: 'firewall rules of others',
  needs: 'host',
  looksAt: ['firewall'],
  finds,
  look: (facts) => {
    const hits = firewallHits(facts);
    const sure = hits.filter(({ verdict }) => verdict !== 'unknown');
    const dropping = sure.filter(({ isLast }) => !isLast);
    const closed = sure
      .filter(({ isLast, samples }) => isLast && samples.some(({ isOfPods }) => !isOfPods))
      .map(ofNodes);
    const unclear = hits.filter(({ verdict }) => verdict === 'unknown');
    const evidence = (those: readonly FirewallHit[]): string[] => those.map((hit) => hitEvidence(hit, facts));
    return [
      ...(dropping.length === 0
        ? []
        : [
            found(
              finds,
              'firewall-drops',
              evidence(dropping),
              byHand(
                'remove the rule where it was set; until then, it goes by',
                ...dropping.flatMap(({ place: { rule } }) => (rule === undefined ? [] : [rule.removal])),
              ),
            ),
          ]),
      ...(closed.length === 0
        ? []
        : [
            found(
              finds,
              'firewall-closed',
              evidence(closed),
              byHand('let other nodes in', ...new Set(closed.flatMap((hit) => nodeOpenings(hit, facts.host)))),
            ),
          ]),
      ...(unclear.length === 0
        ? []
        : [
            found(
              finds,
              'firewall-unclear',
              evidence(unclear),
              byHand(
                'look at the rule, or have the kernel say what it does with a packet: weft trace FROM TO',
                ...listings(unclear, facts.host.plumbing),
              ),
            ),
          ]),
    ];
  },
};

/** What it does to packets of pods is said elsewhere. */
function ofNodes(hit: FirewallHit): FirewallHit {
  return { ...hit, samples: hit.samples.filter(({ isOfPods }) => !isOfPods) };
}
