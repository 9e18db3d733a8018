/**
 * What one of weft's own tables of nftables is to hold, and the lines of `nft` that make it so.
 *
 * Of a table that is there, only rules and elements are made anew, as long as its layout is the same: names and declarations of
 * its counters, sets and chains. So its counters go on, and so does what the kernel put into its sets. The layout is known by
 * a chain without rules that has its digest as a name: what a set or a chain was declared as, cannot be changed, and
 * kernels before 6.2 take another declaration of the same set without a word, and keep the first.
 */
import { createHash } from 'node:crypto';
import { draftOf, type NftTable, titleOf } from './nftables.ts';

/** A set that rules look into, or a map. */
export interface NftSetContent {
  /** Types of the parts of an element: `ifname . ipv4_addr`. */
  readonly type: string;
  /** Of a map: what a key stands for, `verdict` or types as of keys. An element is `wf0 : jump chain`, or `10.0.0.1 : 10.0.0.2 . 80`. */
  readonly data?: string;
  /** The rest of the declaration: `flags interval;`. */
  readonly details?: string;
  /** As `nft -j` lists them, their parts joined by ` . `. Absent: the kernel fills the set, and its elements are left alone. */
  readonly elements?: ReadonlySet<string>;
}

export interface NftChainContent {
  /** Where the kernel calls it: `type filter hook input priority filter; policy accept;`. Absent: other chains jump to it. */
  readonly hook?: string;
  /** Each is one rule. */
  readonly rules: readonly string[];
}

/** All that is in a table. */
export interface NftTableContent {
  readonly table: NftTable;
  readonly counters: readonly string[];
  readonly sets: Readonly<Record<string, NftSetContent>>;
  readonly chains: Readonly<Record<string, NftChainContent>>;
}

/** Begins the name of the chain that says which layout a table has. */
const LAYOUT_PREFIX = 'layout-';

/** Digits of the digest in that name: enough to tell the layouts of weft's versions apart. */
const LAYOUT_DIGITS = 12;

/** The same with the chain that says which layout it has. */
export function withLayout(content: NftTableContent): NftTableContent {
  const { counters, sets, chains } = content;
  const declared = [
    counters.toSorted(),
    Object.entries(sets).map(([name, { type, data, details = '', elements }]) => [
      name,
      data === undefined ? type : `${type} : ${data}`,
      details,
      elements === undefined,
    ]),
    Object.entries(chains).map(([name, { hook = '' }]) => [name, hook]),
  ];
  const digest = createHash('sha256').update(JSON.stringify(declared)).digest('hex').slice(0, LAYOUT_DIGITS);
  return { ...content, chains: { ...chains, [LAYOUT_PREFIX + digest]: { rules: [] } } };
}

/**
 * Lines that make the table from nothing, whatever was there.
 *
 * @param counts packets with which its counters begin, by their names: those of the table that was there.
 */
export function creationLines(content: NftTableContent, counts: ReadonlyMap<string, number> = new Map()): string[] {
  const title = titleOf(content.table);
  return [
    // Adding first makes the deletion succeed where there was none.
    `add table ${title}`,
    `delete table ${title}`,
    declaration(content, counts),
    ...Object.entries(content.chains).flatMap(([name, { rules }]) => ruleLines(title, name, rules)),
    ...Object.entries(content.sets).flatMap(([name, set]) => elementLines('add', title, name, set.type, set.elements)),
  ];
}

/**
 * Lines that declare all of it in a table of its own ({@link draftOf}), which has no rules and accepts whatever comes.
 *
 * Chosen: a table that is switched on. Instead of: a dormant one. Because: while there is such a one, `nft` 1.0.6 writes JSON that is none
 * for anybody who lists all tables.
 */
export function draftLines(content: NftTableContent): string[] {
  const table = draftOf(content.table);
  const title = titleOf(table);
  return [`add table ${title}`, `delete table ${title}`, declaration({ ...content, table })];
}

/** Lines that make all rules and elements anew, in a table of the same layout. Counters and what the kernel put into sets stay. */
export function refillLines({ table, sets, chains }: NftTableContent): string[] {
  const title = titleOf(table);
  return [
    ...Object.keys(chains).map((name) => `flush chain ${title} ${name}`),
    ...Object.entries(chains).flatMap(([name, { rules }]) => ruleLines(title, name, rules)),
    ...Object.entries(sets).flatMap(([name, set]) =>
      set.elements === undefined
        ? []
        : [`flush ${kindOf(set)} ${title} ${name}`, ...elementLines('add', title, name, set.type, set.elements)],
    ),
  ];
}

/**
 * Lines that make `to` of a table that holds `from`: only what differs is touched. `undefined`: something is declared in another
 * way, and the table has to be made anew.
 */
export function changeLines(from: NftTableContent, to: NftTableContent): string[] | undefined {
  const title = titleOf(to.table);
  const isRedeclared =
    Object.entries(to.sets).some(([name, set]) => name in from.sets && !isDeclaredAlike(from.sets[name]!, set)) ||
    Object.entries(to.chains).some(([name, { hook }]) => name in from.chains && from.chains[name]!.hook !== hook);
  if (isRedeclared) return undefined;
  const added: NftTableContent = {
    table: to.table,
    counters: to.counters.filter((name) => !from.counters.includes(name)),
    sets: without(to.sets, from.sets),
    chains: without(to.chains, from.chains),
  };
  const isNone = added.counters.length + Object.keys(added.sets).length + Object.keys(added.chains).length === 0;
  const goneChains = Object.keys(without(from.chains, to.chains));
  return [
    ...(isNone ? [] : [declaration(added)]),
    ...setChanges(title, from, to),
    // No chain can go while a rule jumps to it.
    ...goneChains.map((name) => `flush chain ${title} ${name}`),
    ...Object.entries(to.chains).flatMap(([name, { rules }]) => {
      const before = from.chains[name]?.rules ?? [];
      if (equalTexts(before, rules)) return [];
      return [...(before.length === 0 ? [] : [`flush chain ${title} ${name}`]), ...ruleLines(title, name, rules)];
    }),
    ...goneChains.map((name) => `delete chain ${title} ${name}`),
    ...Object.entries(without(from.sets, to.sets)).map(([name, set]) => `delete ${kindOf(set)} ${title} ${name}`),
    ...from.counters.filter((name) => !to.counters.includes(name)).map((name) => `delete counter ${title} ${name}`),
  ];
}

/** A line that adds elements to a set, or deletes them; none for none. */
export function elementLines(
  verb: 'add' | 'delete',
  title: string,
  name: string,
  type: string,
  elements: Iterable<string> = [],
): string[] {
  const listed = quotedElements(type, elements);
  return listed === '' ? [] : [`${verb} element ${title} ${name} { ${listed} }`];
}

/** Elements of a set of this type, in the words of `nft`. */
export function quotedElements(type: string, elements: Iterable<string>): string {
  const types = type.split(' . ');
  if (!types.includes('ifname')) return [...elements].join(', ');
  return Array.from(elements, (element) => {
    const [key = '', ...data] = element.split(' : ');
    const parts = key.split(' . ').map((part, index) => (types[index] === 'ifname' ? `"${part}"` : part));
    return [parts.join(' . '), ...data].join(' : ');
  }).join(', ');
}

/** Elements that differ. What goes comes first: a prefix may make room for one that contains it. */
function setChanges(title: string, from: NftTableContent, to: NftTableContent): string[] {
  return Object.entries(to.sets).flatMap(([name, set]) => {
    const before = from.sets[name]?.elements ?? new Set();
    const after = set.elements ?? new Set();
    if (before === after) return [];
    const gone = [...before].filter((element) => !after.has(element));
    const added = [...after].filter((element) => !before.has(element));
    return [
      ...elementLines('delete', title, name, set.type, gone),
      ...elementLines('add', title, name, set.type, added),
    ];
  });
}

/** Adds what is not there; elements and rules are another matter. */
export function declaration(
  { table, counters, sets, chains }: NftTableContent,
  counts: ReadonlyMap<string, number> = new Map(),
): string {
  const countOf = (name: string): string => (counts.has(name) ? ` packets ${counts.get(name)} bytes 0` : '');
  const lines = [
    ...counters.map((name) => `counter ${name} {${countOf(name)} }`),
    ...Object.entries(sets).map(([name, set]) => {
      const { type, data, details } = set;
      const types = data === undefined ? type : `${type} : ${data}`;
      return `${kindOf(set)} ${name} { type ${types};${details === undefined ? '' : ` ${details}`} }`;
    }),
    ...Object.entries(chains).map(([name, { hook = '' }]) => `chain ${name} { ${hook} }`),
  ];
  return `table ${titleOf(table)} {\n${lines.join('\n')}\n}`;
}

/** Lines that add rules to a chain. */
export function ruleLines(title: string, chain: string, rules: readonly string[]): string[] {
  return rules.map((rule) => `add rule ${title} ${chain} ${rule}`);
}

/** How `nft` calls it. */
export function kindOf({ data }: NftSetContent): 'set' | 'map' {
  return data === undefined ? 'set' : 'map';
}

function isDeclaredAlike(a: NftSetContent, b: NftSetContent): boolean {
  const isSameType = a.type === b.type && a.data === b.data && a.details === b.details;
  return isSameType && (a.elements === undefined) === (b.elements === undefined);
}

/** Whether two lists have the same texts in the same order. */
export function equalTexts(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((text, index) => text === b[index]));
}

/** What is only in the first, by name. */
function without<Value>(
  some: Readonly<Record<string, Value>>,
  others: Readonly<Record<string, unknown>>,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(some).filter(([name]) => !(name in others)));
}
