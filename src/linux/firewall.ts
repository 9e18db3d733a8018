/** Every rule of this network namespace's firewall, of whichever program: nftables, and iptables from before it. */
import { readFileSync } from 'node:fs';
import { CommandError, RequirementError } from '../errors.ts';
import { runCommand, runJsonCommand } from './command.ts';
import { listBaseChains } from './nftables.ts';

/** What a rule asks of a packet before it acts. All of its matches must hold. */
export interface FirewallMatch {
  /**
   * `other` is what is not looked into: states of connections, marks, limits. `unreadable` is a match of iptables that `nft`
   * cannot show: it may be about anything.
   */
  readonly field: 'dport' | 'sport' | 'protocol' | 'iifname' | 'oifname' | 'saddr' | 'daddr' | 'other' | 'unreadable';
  /** It asks that none of the values applies. */
  readonly isNegated: boolean;
  /** As text: `4789`, `4000-5000`, `wf*`, `10.244.0.0/16`, `udp`. */
  readonly values: readonly string[];
}

/** One rule that lets packets pass, or ends them. Others only count, mark or jump. */
export interface FirewallRule {
  readonly action: 'accept' | 'drop';
  readonly matches: readonly FirewallMatch[];
  /** As the firewall's own program shows it: `udp dport 4789 drop`. */
  readonly text: string;
  /** Command that removes just this rule. */
  readonly removal: string;
}

/** A chain with the rules in it, those of chains that it calls are elsewhere. */
export interface FirewallChain {
  /** Whose it is, and where: `nftables table ip filter`. */
  readonly table: string;
  /** `nftables chain ip filter FORWARD`. */
  readonly title: string;
  /** Address families that it sees. */
  readonly families: readonly (4 | 6)[];
  /** Where the kernel calls it: `input`, `forward`, ...; `undefined`: only other chains do. */
  readonly hook: string | undefined;
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly FirewallRule[];
}

/** All chains of all tables, weft's own included. Where there is no nftables or no iptables, there are none of it. */
export async function readFirewall(): Promise<FirewallChain[]> {
  return [...(await nftChains()), ...(await legacyChains())];
}

/** Whether a chain for forwarded packets drops by default, or may do so: a look that costs little, however many rules there are. */
export async function mayDropForwarded(): Promise<boolean> {
  if (legacyPrograms.some(([file]) => hasFilterTable(file))) return true;
  try {
    return (await listBaseChains()).some(({ hook, policy }) => hook === 'forward' && policy === 'drop');
  } catch (error) {
    // A kernel without nftables has no such chain. That masquerading is impossible then, is said elsewhere.
    if (error instanceof CommandError) return false;
    throw error;
  }
}

/** What of `nft -j list ruleset` is read. */
export interface NftRuleset {
  readonly nftables: readonly {
    readonly chain?: NftChain;
    readonly set?: { readonly family: string; readonly table: string; readonly name: string; readonly elem?: unknown };
    readonly rule?: NftRule;
  }[];
}

interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly expr: readonly Readonly<Record<string, unknown>>[];
}

async function nftChains(): Promise<FirewallChain[]> {
  const purpose = 'look at the firewall';
  try {
    const ruleset = await runJsonCommand<NftRuleset>(['nft', '-j', 'list', 'ruleset'], { purpose });
    const listing = await runCommand(['nft', '-nn', '--handle', '--stateless', 'list', 'ruleset'], { purpose });
    return parseNftRuleset(ruleset, listing);
  } catch (error) {
    if (error instanceof CommandError || error instanceof RequirementError) return [];
    throw error;
  }
}

/** @param listing the same as `nft --handle list ruleset` writes it, for the words. */
export function parseNftRuleset({ nftables }: NftRuleset, listing: string): FirewallChain[] {
  const texts = ruleTexts(listing);
  const sets = new Map(
    nftables.flatMap(({ set }) =>
      set === undefined ? [] : [[`${tableOf(set)} ${set.name}`, textsOf(set.elem)] as const],
    ),
  );
  const rules = new Map<string, FirewallRule[]>();
  for (const { rule } of nftables) {
    const action = rule === undefined ? undefined : actionOf(rule.expr);
    if (rule === undefined || action === undefined) continue;
    const key = `${tableOf(rule)} ${rule.chain}`;
    const matches = rule.expr.flatMap((one) => matchesOf(one, (name) => sets.get(`${tableOf(rule)} ${name}`) ?? []));
    const text = texts.get(`${tableOf(rule)} ${rule.handle}`) ?? `rule ${rule.handle}`;
    const removal = `nft delete rule ${key} handle ${rule.handle}`;
    rules.set(key, [...(rules.get(key) ?? []), { action, matches, text, removal }]);
  }
  return nftables.flatMap(({ chain }): FirewallChain[] => {
    if (chain === undefined) return [];
    const key = `${tableOf(chain)} ${chain.name}`;
    return [
      {
        table: `nftables table ${tableOf(chain)}`,
        title: `nftables chain ${key}`,
        families: familiesOf(chain.family),
        hook: chain.hook,
        policy: chain.policy === 'drop' ? 'drop' : 'accept',
        rules: rules.get(key) ?? [],
      },
    ];
  });
}

/** Words of each rule, by table and handle. */
function ruleTexts(listing: string): Map<string, string> {
  const texts = new Map<string, string>();
  let table = '';
  for (const line of listing.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    const rule = /^\t\t(.*) # handle (\d+)$/.exec(line);
    if (rule !== null) texts.set(`${table} ${rule[2]}`, rule[1]!);
  }
  return texts;
}

function tableOf({ family, table }: { readonly family: string; readonly table: string }): string {
  return `${family} ${table}`;
}

function familiesOf(family: string): (4 | 6)[] {
  return family === 'ip' ? [4] : family === 'ip6' ? [6] : family === 'inet' || family === 'netdev' ? [4, 6] : [];
}

function actionOf(expressions: NftRule['expr']): FirewallRule['action'] | undefined {
  for (const expression of expressions) {
    if ('accept' in expression) return 'accept';
    if ('drop' in expression || 'reject' in expression) return 'drop';
  }
  return undefined;
}

function matchesOf(expression: NftRule['expr'][number], setOf: (name: string) => readonly string[]): FirewallMatch[] {
  if ('counter' in expression || 'log' in expression || 'comment' in expression) return [];
  if ('accept' in expression || 'drop' in expression || 'reject' in expression) return [];
  if ('xt' in expression)
    return [{ field: isHarmlessXt(expression['xt']) ? 'other' : 'unreadable', isNegated: false, values: [] }];
  const match = expression['match'] as
    | {
        readonly op: string;
        readonly left: Readonly<Record<string, Readonly<Record<string, string>>>>;
        readonly right: unknown;
      }
    | undefined;
  if (match === undefined) return [{ field: 'other', isNegated: false, values: [] }];
  const { op, left, right } = match;
  const isSet = typeof right === 'string' && right.startsWith('@');
  const values = isSet ? setOf(right.slice(1)) : textsOf(right);
  return [{ field: fieldOf(left), isNegated: op === '!=', values }];
}

/** Matches of iptables that are not about ports, devices or addresses. */
const harmlessXt: readonly string[] = ['conntrack', 'state', 'limit', 'hashlimit', 'icmp', 'icmp6', 'addrtype', 'mark'];

function isHarmlessXt(xt: unknown): boolean {
  const { name } = Object(xt) as { readonly name?: unknown };
  return typeof name === 'string' && harmlessXt.includes(name);
}

function fieldOf(left: Readonly<Record<string, Readonly<Record<string, string>> | undefined>>): FirewallMatch['field'] {
  const name = left['payload']?.['field'] ?? left['meta']?.['key'] ?? '';
  if (name === 'l4proto' || name === 'nexthdr') return 'protocol';
  const known = ['dport', 'sport', 'protocol', 'iifname', 'oifname', 'saddr', 'daddr'] as const;
  return known.find((field) => field === name) ?? 'other';
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string' || typeof value === 'number') return [String(value)];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== 'object' || value === null) return [];
  const { set, range, prefix, elem } = value as Readonly<Record<string, unknown>>;
  if (set !== undefined) return textsOf(set);
  if (Array.isArray(range)) return [range.map(String).join('-')];
  if (prefix !== undefined) {
    const { addr, len } = prefix as { readonly addr: string; readonly len: number };
    return [`${addr}/${len}`];
  }
  return elem === undefined ? [] : textsOf((elem as { readonly val?: unknown }).val);
}

/** Where the kernel tells whether there are tables, who shows them, and of which family they are. */
const legacyPrograms = [
  ['/proc/self/net/ip_tables_names', 'iptables-legacy', 4],
  ['/proc/self/net/ip6_tables_names', 'ip6tables-legacy', 6],
] as const;

/** Of iptables before nftables, which `nft` does not show. */
async function legacyChains(): Promise<FirewallChain[]> {
  const found: FirewallChain[] = [];
  for (const [file, program, family] of legacyPrograms) {
    if (!hasFilterTable(file)) continue;
    try {
      found.push(
        ...parseLegacyRules(await runCommand([program, '-S'], { purpose: 'look at the firewall' }), program, family),
      );
    } catch (error) {
      if (!(error instanceof CommandError || error instanceof RequirementError)) throw error;
    }
  }
  return found;
}

/** Asked first, since `iptables-legacy` makes the table that it is asked about. */
function hasFilterTable(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').split('\n').includes('filter');
  } catch {
    return false;
  }
}

/** @param text as `iptables-legacy -S` writes it. */
export function parseLegacyRules(text: string, program: string, family: 4 | 6): FirewallChain[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.flatMap((line): FirewallChain[] => {
    const chain = /^-(P|N) (\S+)(?: (\S+))?$/.exec(line);
    if (chain === null) return [];
    const [, kind, name = '', policy] = chain;
    const own = lines.filter((one) => one.startsWith(`-A ${name} `));
    return [
      {
        table: `${program} table filter`,
        title: `${program} chain ${name}`,
        families: [family],
        hook: kind === 'P' ? name.toLowerCase() : undefined,
        policy: policy === 'DROP' ? 'drop' : 'accept',
        rules: own.flatMap((one) => legacyRule(one, program)),
      },
    ];
  });
}

const legacyFields: Readonly<Record<string, FirewallMatch['field']>> = {
  '--dport': 'dport',
  '--dports': 'dport',
  '--sport': 'sport',
  '--sports': 'sport',
  '-p': 'protocol',
  '-i': 'iifname',
  '-o': 'oifname',
  '-s': 'saddr',
  '-d': 'daddr',
};

/** Options that only say how a match is to be read, or what to answer. */
const legacyDetails: readonly string[] = ['-A', '-m', '--reject-with', '--comment'];

function legacyRule(line: string, program: string): FirewallRule[] {
  const words = line.split(' ');
  const target = words[words.indexOf('-j') + 1];
  const action = target === 'ACCEPT' ? 'accept' : target === 'DROP' || target === 'REJECT' ? 'drop' : undefined;
  if (action === undefined || !words.includes('-j')) return [];
  const matches = words.flatMap((word, index): FirewallMatch[] => {
    if (!word.startsWith('-') || word === '-j' || legacyDetails.includes(word)) return [];
    // `+` at the end of a device is what `*` is to nftables, a range of ports has a colon.
    const values = (words[index + 1] ?? '').split(',').map((one) => one.replace(/\+$/, '*').replace(':', '-'));
    const field = legacyFields[word] ?? 'other';
    const isAddress = field === 'saddr' || field === 'daddr';
    return [{ field, isNegated: words[index - 1] === '!', values: isAddress ? words[index + 1]!.split(',') : values }];
  });
  return [{ action, matches, text: line, removal: `${program} ${line.replace(/^-A /, '-D ')}` }];
}
