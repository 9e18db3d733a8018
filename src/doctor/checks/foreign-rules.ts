/** Rules of others' firewalls that drop weft's packets: its ports, its devices, its pods. */
import type { FirewallChain, FirewallMatch, FirewallRule } from '../../linux/firewall.ts';
import { byHand, found, type FindingKinds, type HostCheck } from '../check.ts';
import type { Plumbing } from '../facts.ts';
import { isOwnTable, namesDevice, namesOverlay, namesPort } from '../firewall-rules.ts';

const finds: FindingKinds = {
  'firewall-drops': {
    severity: 'error',
    title: "a firewall of this node drops weft's packets",
    cause: 'a person or another program set this rule; weft never changes what is not its own',
  },
  'firewall-closed': {
    severity: 'error',
    title: 'a firewall of this node lets in only what it names, and does not name weft',
    cause: 'its policy is to drop, as that of ufw, firewalld and of images of some clouds',
  },
};

export const foreignRules: HostCheck = {
  subject: 'firewall rules of others',
  needs: 'host',
  looksAt: ['firewall'],
  finds,
  look: ({ host: { firewall, plumbing } }) => {
    const foreign = firewall.filter((chain) => !isOwnTable(chain));
    const hits = foreign.flatMap((chain) =>
      chain.rules.flatMap((rule) => {
        const what = rule.action === 'drop' ? hitBy(rule, plumbing) : undefined;
        return what === undefined ? [] : [{ chain, rule, what }];
      }),
    );
    const closed = foreign.flatMap((chain) => closedPorts(chain, foreign, plumbing).map((port) => ({ chain, port })));
    const dropping =
      hits.length === 0
        ? []
        : [
            found(
              finds,
              'firewall-drops',
              hits.map(({ chain, rule, what }) => `${chain.title} has "${rule.text}", which hits ${what}`),
              byHand(
                'remove the rule where it was set; until then, it goes by',
                ...hits.map(({ rule }) => rule.removal),
              ),
            ),
          ];
    if (closed.length === 0) return dropping;
    const evidence = closed.map(({ chain, port }) => `${chain.title}: policy drop, and no rule accepts ${port.title}`);
    const fix = byHand('let other nodes in', ...closed.map(({ chain, port }) => opening(chain, port)));
    return [...dropping, found(finds, 'firewall-closed', evidence, fix)];
  },
};

interface Port {
  readonly protocol: 'udp' | 'tcp';
  readonly number: number;
  readonly title: string;
}

function portsOf({ vxlanPort, gossipPort }: Plumbing): Port[] {
  return [
    { protocol: 'udp', number: vxlanPort, title: `VXLAN (UDP port ${vxlanPort})` },
    { protocol: 'udp', number: gossipPort, title: `gossip (UDP port ${gossipPort})` },
    { protocol: 'tcp', number: gossipPort, title: `gossip (TCP port ${gossipPort})` },
  ];
}

/** What of weft a rule names; `undefined`: nothing. */
function hitBy({ matches }: FirewallRule, plumbing: Plumbing): string | undefined {
  const protocol = protocolOf(matches);
  const port = portsOf(plumbing).find(
    (one) =>
      (protocol === undefined || protocol === one.protocol) &&
      matches.some((match) => (match.field === 'dport' || match.field === 'sport') && namesPort(match, one.number)),
  );
  if (port !== undefined) return port.title;
  // A rule for packets in an odd state, or for too many of them, is none against all of a device.
  if (matches.some(({ field }) => field === 'other' || field === 'unreadable')) return undefined;
  const device = [plumbing.tunDevice, plumbing.podDevices].find((name) =>
    matches.some(
      (match) =>
        (match.field === 'iifname' || match.field === 'oifname') && isNarrow(match) && namesDevice(match, name),
    ),
  );
  if (device !== undefined) return device === plumbing.tunDevice ? `the device ${device}` : 'devices of pods';
  const isOfPods = matches.some(
    (match) => (match.field === 'saddr' || match.field === 'daddr') && namesOverlay(match, plumbing.clusterPrefixes),
  );
  return isOfPods ? 'addresses of pods' : undefined;
}

/** A pattern for all devices says nothing of ours. */
function isNarrow({ values }: FirewallMatch): boolean {
  return !values.includes('*');
}

/** `undefined`: of any. */
function protocolOf(matches: readonly FirewallMatch[]): string | undefined {
  return matches.find(({ field, isNegated }) => field === 'protocol' && !isNegated)?.values[0];
}

/** Ports of weft that a chain which drops by default does not let in. */
function closedPorts(chain: FirewallChain, chains: readonly FirewallChain[], plumbing: Plumbing): Port[] {
  if (chain.hook !== 'input' || chain.policy !== 'drop' || chain.families.length === 0) return [];
  const rules = chains.filter(({ table }) => table === chain.table).flatMap((one) => one.rules);
  if (rules.some(({ action, matches }) => action === 'accept' && matches.some(({ field }) => field === 'unreadable')))
    return [];
  return portsOf(plumbing).filter((port) => !rules.some((rule) => letsIn(rule, port)));
}

function letsIn({ action, matches }: FirewallRule, { protocol, number }: Port): boolean {
  if (action !== 'accept' || matches.some(({ field }) => field === 'other' || field === 'sport')) return false;
  return matches.every((match) => {
    if (match.field === 'protocol') return match.isNegated !== match.values.includes(protocol);
    if (match.field === 'dport') return match.isNegated !== namesPort({ ...match, isNegated: false }, number);
    return match.field !== 'iifname' || match.isNegated || match.values.some((device) => device !== 'lo');
  });
}

function opening({ title, families }: FirewallChain, { protocol, number }: Port): string {
  const nft = /^nftables chain (.*)$/.exec(title)?.[1];
  if (nft !== undefined && !/^ip6? filter INPUT$/.test(nft))
    return `nft insert rule ${nft} ${protocol} dport ${number} accept`;
  const program = `${families.includes(6) ? 'ip6tables' : 'iptables'}${nft === undefined ? '-legacy' : ''}`;
  return `${program} -I INPUT -p ${protocol} --dport ${number} -j ACCEPT`;
}
