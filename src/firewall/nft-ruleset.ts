/** Tables of nftables, from what `nft -j list ruleset` writes, with the words of each rule from `nft -n --handle list ruleset`. */
import { type Json, type NamedElements, readStatements } from './nft-statement.ts';
import { once } from './once.ts';
import type { ChainBase, FirewallChain, FirewallRule, Hook, Ruleset } from './ruleset.ts';

/** What of the document is read. */
export interface NftDocument {
  readonly nftables: readonly {
    readonly chain?: NftChain;
    readonly set?: NftElements;
    readonly map?: NftElements;
    readonly rule?: NftRule;
  }[];
}

interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly type?: string;
  readonly prio?: number;
  readonly policy?: string;
  readonly dev?: string | readonly string[];
}

interface NftElements {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly elem?: readonly unknown[];
}

interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly expr: readonly Json[];
}

/** `ip filter` or the like, of a table in which there are rules that iptables made and `nft` cannot show in full. */
export function tablesOfIptables({ nftables }: NftDocument): readonly string[] {
  const hidden = nftables.flatMap(({ rule }) =>
    rule?.expr.some((expression) => 'xt' in expression) === true ? [tableOf(rule)] : [],
  );
  return [...new Set(hidden)];
}

/** @param listing the same ruleset as text, for the words. */
export function parseNftRuleset({ nftables }: NftDocument, listing: string): Ruleset {
  const words = ruleWords(listing);
  const sets = elementsByName(nftables.map(({ set }) => set));
  const maps = elementsByName(nftables.map(({ map }) => map));
  const rules = new Map<string, FirewallRule[]>();
  for (const { rule } of nftables) {
    if (rule === undefined) continue;
    const table = tableOf(rule);
    const key = `${table} ${rule.chain}`;
    const named: NamedElements = {
      set: (name) => sets.get(`${table} ${name}`) ?? [],
      map: (name) => maps.get(`${table} ${name}`) ?? [],
    };
    const list = rules.get(key) ?? [];
    list.push({
      text: words.get(`${table} ${rule.handle}`) ?? `rule ${rule.handle}`,
      removal: `nft delete rule ${key} handle ${rule.handle}`,
      handle: rule.handle,
      statements: once(() => rule.expr.flatMap((expression) => readStatements(expression, named))),
    });
    rules.set(key, list);
  }
  const chains = nftables.flatMap(({ chain }) => (chain === undefined ? [] : [chain]));
  return { chains: chains.map((chain) => readChain(chain, rules.get(`${tableOf(chain)} ${chain.name}`) ?? [])) };
}

function readChain(chain: NftChain, rules: readonly FirewallRule[]): FirewallChain {
  const table = tableOf(chain);
  return {
    table: `nftables table ${table}`,
    name: chain.name,
    title: `nftables chain ${table} ${chain.name}`,
    families: familiesOf(chain.family),
    base: baseOf(chain),
    rules,
  };
}

const hooks: readonly string[] = ['ingress', 'prerouting', 'input', 'forward', 'output', 'postrouting', 'egress'];

function baseOf({ hook, type, prio = 0, policy, dev }: NftChain): ChainBase | undefined {
  if (hook === undefined || !hooks.includes(hook)) return undefined;
  return {
    hook: hook as Hook,
    priority: prio,
    policy: policy === 'drop' ? 'drop' : 'accept',
    isNat: type === 'nat',
    devices: dev === undefined ? undefined : typeof dev === 'string' ? [dev] : dev,
  };
}

function elementsByName(sets: readonly (NftElements | undefined)[]): ReadonlyMap<string, readonly unknown[]> {
  return new Map(sets.flatMap((set) => (set === undefined ? [] : [[`${tableOf(set)} ${set.name}`, set.elem ?? []]])));
}

/** Words of each rule, by table and handle. */
function ruleWords(listing: string): Map<string, string> {
  const words = new Map<string, string>();
  let table = '';
  for (const line of listing.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    const rule = /^\t\t(.*) # handle (\d+)$/.exec(line);
    if (rule !== null) words.set(`${table} ${rule[2]}`, rule[1]!);
  }
  return words;
}

function tableOf({ family, table }: { readonly family: string; readonly table: string }): string {
  return `${family} ${table}`;
}

/** Bridges and ARP see no packets that are routed. */
function familiesOf(family: string): (4 | 6)[] {
  return family === 'ip' ? [4] : family === 'ip6' ? [6] : family === 'inet' || family === 'netdev' ? [4, 6] : [];
}
