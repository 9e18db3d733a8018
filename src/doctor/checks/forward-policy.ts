/** Others' firewalls that drop what a node forwards, by default: Docker sets this policy. */
import type { FirewallChain, FirewallRule } from '../../linux/firewall.ts';
import { byHand, found, type FindingKinds, type HostCheck } from '../check.ts';
import type { Plumbing } from '../facts.ts';
import { isOwnTable, namesDevice, namesOverlay } from '../firewall-rules.ts';

const finds: FindingKinds = {
  'forward-policy-drop': {
    severity: 'error',
    title: "a firewall of this node drops pods' packets",
    cause: 'Docker and others set the policy of forwarded packets to drop and accept their own networks only',
  },
};

/** Chains that drop by default what is forwarded, and accept nothing of pods. */
export function chainsAgainstPods(chains: readonly FirewallChain[], plumbing: Plumbing): FirewallChain[] {
  return chains.filter(
    (chain) =>
      chain.hook === 'forward' &&
      chain.policy === 'drop' &&
      chain.families.length > 0 &&
      !isOwnTable(chain) &&
      !acceptsPods(
        chains.filter(({ table }) => table === chain.table).flatMap(({ rules }) => rules),
        plumbing,
      ),
  );
}

export const forwardPolicy: HostCheck = {
  subject: 'policy of the firewall for forwarded packets',
  needs: 'host',
  looksAt: ['firewall'],
  finds,
  look: ({ host: { firewall, plumbing } }) => {
    const chains = chainsAgainstPods(firewall, plumbing);
    if (chains.length === 0) return [];
    const evidence = chains.map(
      ({ title }) => `${title}: policy drop, and no rule accepts packets of ${plumbing.podDevices}`,
    );
    return [
      found(finds, 'forward-policy-drop', evidence, byHand('let packets of pods pass', ...chains.flatMap(remedies))),
    ];
  },
};

/** Commands that let pods' packets pass through such a chain; they do not outlast a reboot. */
export function remedies({ title, families }: FirewallChain): string[] {
  const nft = /^nftables chain (.*)$/.exec(title)?.[1];
  if (nft !== undefined && !/^ip6? filter FORWARD$/.test(nft)) {
    return ['iifname', 'oifname'].map((side) => `nft insert rule ${nft} ${side} '"wf*"' accept`);
  }
  const program = `${families.includes(6) ? 'ip6tables' : 'iptables'}${nft === undefined ? '-legacy' : ''}`;
  return ['-i', '-o'].map((side) => `${program} -I FORWARD ${side} wf+ -j ACCEPT`);
}

/** From pods and to pods: each forwarded packet of the overlay has a pod of this node at one end. */
function acceptsPods(rules: readonly FirewallRule[], plumbing: Plumbing): boolean {
  const accepting = rules.filter(({ action }) => action === 'accept');
  return (
    accepting.some((rule) => passesAll(rule) || namesPods(rule, 'iifname', 'saddr', plumbing)) &&
    accepting.some((rule) => passesAll(rule) || namesPods(rule, 'oifname', 'daddr', plumbing))
  );
}

function passesAll({ matches }: FirewallRule): boolean {
  return matches.length === 0;
}

/** Nothing else may be asked: a rule for established connections is none for pods. */
function namesPods({ matches }: FirewallRule, device: string, address: string, plumbing: Plumbing): boolean {
  return (
    matches.every(({ field }) => ['iifname', 'oifname', 'saddr', 'daddr'].includes(field)) &&
    matches.some(
      (match) =>
        (match.field === device && namesDevice(match, plumbing.podDevices)) ||
        (match.field === address && namesOverlay(match, plumbing.clusterPrefixes)),
    )
  );
}
