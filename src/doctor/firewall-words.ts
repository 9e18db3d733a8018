/** What is said of a rule that ends packets of weft, and what to do about it. */
import type { RulePlace } from '../firewall/chain-walk.ts';
import type { FirewallChain, Ruleset } from '../firewall/ruleset.ts';
import { formatPrefix } from '../wire/prefix.ts';
import type { Facts, Plumbing } from './facts.ts';
import { type FirewallHit, hitWords } from './firewall-hits.ts';

/** What was seen, as a finding has it. */
export function hitEvidence(hit: FirewallHit, facts: Facts): string {
  const { place, verdict, threat, isLast } = hit;
  const what = hitWords(hit, facts);
  const where = whereWords(place);
  if (verdict === 'unknown') {
    const then =
      threat === undefined || threat === place || threat.rule === place.rule ? '' : `, or ${placeWords(threat)}`;
    return `${where}, may end ${what}${then}`;
  }
  if (place.rule === undefined) return `${where}, and no rule accepts ${what}`;
  return isLast ? `${where}, and no rule before it accepts ${what}` : `${where}, which hits ${what}`;
}

/** Which rule it is, and how it is reached. */
export function whereWords(place: RulePlace): string {
  return `${placeWords(place)}${pathWords(place)}`;
}

/** `nftables chain ip filter FORWARD has "drop"`, or its policy. */
function placeWords({ chain, rule }: RulePlace): string {
  return rule === undefined
    ? `${chain.title}: policy ${chain.base?.policy ?? 'accept'}`
    : `${chain.title} has "${rule.text}"`;
}

function pathWords({ path }: RulePlace): string {
  if (path.length === 0) return '';
  return ` (reached by ${path.map(({ chain, rule }) => `"${rule?.text ?? ''}" in ${chain.name}`).join(', then ')})`;
}

/** The chain that the kernel calls: what is put in there comes before all that it jumps to. */
function baseOf({ chain, path }: RulePlace): FirewallChain {
  return path[0]?.chain ?? chain;
}

/** Commands that let pods' packets pass such a chain; those that do not go by a firewall's own program do not outlast a reboot. */
export function podOpenings({ place }: FirewallHit, { firewall, plumbing }: Facts['host']): string[] {
  const chain = baseOf(place);
  const prefixes = plumbing.clusterPrefixes.map(formatPrefix);
  const manager = managerOf(chain, firewall);
  if (manager === 'firewalld') {
    const sources =
      prefixes.length === 0 ? [`--add-interface=${plumbing.tunDevice}`] : prefixes.map((one) => `--add-source=${one}`);
    return [...sources.map((one) => `firewall-cmd --permanent --zone=trusted ${one}`), 'firewall-cmd --reload'];
  }
  if (manager === 'ufw' && prefixes.length > 0) return prefixes.map((one) => `ufw route allow from ${one} to ${one}`);
  const nft = nftChain(chain);
  if (nft !== undefined) return ['iifname', 'oifname'].map((side) => `nft insert rule ${nft} ${side} '"wf*"' accept`);
  return ['-i', '-o'].map((side) => `${insertion(chain)} ${side} wf+ -j ACCEPT`);
}

/** Commands that let packets of nodes pass such a chain. */
export function nodeOpenings(hit: FirewallHit, { firewall }: Facts['host']): string[] {
  const { place, samples } = hit;
  const chain = baseOf(place);
  const manager = managerOf(chain, firewall);
  const commands = samples.map(({ protocol, passage, packet: { destinationPort, sourcePort, connection } }) => {
    const name = protocol.toLowerCase();
    const side = connection === 'established' ? `sport ${sourcePort}` : `dport ${destinationPort}`;
    if (manager === 'firewalld') return `firewall-cmd --permanent --add-port=${destinationPort}/${name}`;
    if (manager === 'ufw') return `ufw allow ${passage === 'outgoing' ? 'out ' : ''}${destinationPort}/${name}`;
    const nft = nftChain(chain);
    if (nft !== undefined) return `nft insert rule ${nft} ${name} ${side} accept`;
    return `${insertion(chain)} -p ${name} --${side} -j ACCEPT`;
  });
  return [...new Set(commands), ...(manager === 'firewalld' ? ['firewall-cmd --reload'] : [])];
}

/** What rules are made by, if it is a program that would make them again as it knows them. */
function managerOf({ table, title }: FirewallChain, { chains }: Ruleset): 'firewalld' | 'ufw' | undefined {
  if (title.startsWith('nftables chain inet firewalld ')) return 'firewalld';
  const names = chains.filter((chain) => chain.table === table).map(({ name }) => name);
  if (names.some((name) => name === 'FORWARD_direct' || name.startsWith('FWDI_'))) return 'firewalld';
  return names.some((name) => /^ufw6?-/.test(name)) ? 'ufw' : undefined;
}

/** A chain by the words of `nft`; `undefined` if iptables made it, which would be surprised by rules that it does not know. */
function nftChain({ title }: FirewallChain): string | undefined {
  const nft = /^nftables chain (.*)$/.exec(title)?.[1];
  return nft === undefined || /^ip6? (filter|mangle|raw|security) [A-Z]+$/.test(nft) ? undefined : nft;
}

function insertion({ title, name, families }: FirewallChain): string {
  const [, program, table] = /^(ip6?tables\S*) chain \S+(?: of table (\S+))?$/.exec(title) ?? [];
  const [, nftTable] = /^nftables chain ip6? (\S+) /.exec(title) ?? [];
  const usual = families.includes(6) ? 'ip6tables' : 'iptables';
  const where = table ?? nftTable ?? 'filter';
  return `${program ?? usual}${where === 'filter' ? '' : ` -t ${where}`} -I ${name}`;
}

/** Where a person sees more of such a rule. */
export function listings(hits: readonly FirewallHit[], { tunDevice }: Plumbing): string[] {
  const commands = hits.map(({ place: { chain } }) => {
    const nft = /^nftables chain (.*)$/.exec(chain.title)?.[1];
    if (nft !== undefined) return `nft --handle list chain ${nft}`;
    const [, program, name, table] = /^(ip6?tables\S*) chain (\S+)(?: of table (\S+))?$/.exec(chain.title) ?? [];
    return program === undefined ? `nft list ruleset # ${tunDevice}` : `${program} -t ${table ?? 'filter'} -S ${name}`;
  });
  return [...new Set(commands)];
}
