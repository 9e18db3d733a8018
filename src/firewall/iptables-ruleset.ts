/** Tables of iptables, as `iptables-save` writes them: of those before nftables, and of those inside of it. */
import { readRule } from './iptables-rule.ts';
import { once } from './once.ts';
import type { ChainBase, FirewallChain, FirewallRule, Hook, Ruleset } from './ruleset.ts';

/** Whose tables they are. */
export interface IptablesSource {
  /** Program that changes them: `iptables-legacy`, `ip6tables`. */
  readonly program: string;
  readonly family: 4 | 6;
  /** Name of a table for people, and for those who compare it with others: `iptables-legacy table filter`. */
  readonly tableTitle: (table: string) => string;
}

const hooks: Readonly<Record<string, Hook>> = {
  PREROUTING: 'prerouting',
  INPUT: 'input',
  FORWARD: 'forward',
  OUTPUT: 'output',
  POSTROUTING: 'postrouting',
};

/** Of chains, by their table; in the table `nat` it depends on the hook. */
const priorities: Readonly<Record<string, number>> = { raw: -300, mangle: -150, nat: -100, filter: 0, security: 50 };

const SOURCE_NAT_PRIORITY = 100;

/** @param text of all tables, or of some. */
export function parseIptablesSave(text: string, source: IptablesSource): Ruleset {
  const chains: FirewallChain[] = [];
  let rules = new Map<string, FirewallRule[]>();
  let table = '';
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line.startsWith('*')) [table, rules] = [line.slice(1), new Map<string, FirewallRule[]>()];
    const chain = /^:(\S+) (\S+)/.exec(line);
    if (chain !== null) {
      const [, name = '', policy] = chain;
      const own: FirewallRule[] = [];
      rules.set(name, own);
      chains.push(chainOf(name, policy === '-' ? undefined : baseOf(table, name, policy), own, table, source));
    }
    const [, name] = /^-A (\S+)/.exec(line) ?? [];
    if (name !== undefined) rules.get(name)?.push(ruleOf(line, table, source));
  }
  return { chains };
}

function chainOf(
  name: string,
  base: ChainBase | undefined,
  rules: readonly FirewallRule[],
  table: string,
  { program, family, tableTitle }: IptablesSource,
): FirewallChain {
  const where = table === 'filter' ? '' : ` of table ${table}`;
  return {
    table: tableTitle(table),
    name,
    title: `${program} chain ${name}${where}`,
    families: [family],
    base,
    rules,
  };
}

function baseOf(table: string, name: string, policy: string | undefined): ChainBase | undefined {
  const hook = hooks[name];
  if (hook === undefined) return undefined;
  const isNat = table === 'nat';
  const isSource = isNat && (name === 'POSTROUTING' || name === 'INPUT');
  return {
    hook,
    priority: isSource ? SOURCE_NAT_PRIORITY : (priorities[table] ?? 0),
    policy: policy === 'DROP' ? 'drop' : 'accept',
    isNat,
    devices: undefined,
  };
}

function ruleOf(line: string, table: string, { program, family }: IptablesSource): FirewallRule {
  const option = table === 'filter' ? '' : ` -t ${table}`;
  return {
    text: line,
    removal: `${program}${option} ${line.replace(/^-A /, '-D ')}`,
    handle: undefined,
    statements: once(() => readRule(line, family)),
  };
}

/**
 * Chains of nftables with the rules as iptables shows them, which made them: `nft` does not know what their matches ask. A chain that
 * is not the same in both, since somebody is changing it, stays as it is.
 */
export function withRulesOf(saved: Ruleset, { chains }: Ruleset): Ruleset {
  const byName = new Map(saved.chains.map((chain) => [`${chain.table} ${chain.name}`, chain]));
  return {
    chains: chains.map((chain) => {
      const shown = byName.get(`${chain.table} ${chain.name}`);
      if (shown === undefined || shown.rules.length !== chain.rules.length) return chain;
      const rules = shown.rules.map((rule, index) => ({ ...rule, handle: chain.rules[index]!.handle }));
      return { ...chain, title: shown.title, rules };
    }),
  };
}
