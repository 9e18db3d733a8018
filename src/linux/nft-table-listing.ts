/** What the kernel has of a table of nftables: its rules and declarations, and elements of its sets. */
import { createHash } from 'node:crypto';
import { CommandError } from '../errors.ts';
import { runCommand, runJsonCommand } from './command.ts';
import { Abi } from './kernel-abi.ts';
import { textOf } from './netlink-attributes.ts';
import { dumpTable, type NftAttributes, type NftTableDump } from './nft-netlink.ts';
import { elementLines, type NftTableContent } from './nft-table-content.ts';
import { type NftTable, titleOf } from './nftables.ts';

/** Rules and declarations of a table. Digests that are equal stand for rules that nobody touched. */
export interface NftTableListing {
  /** Of all of it, but for elements and counts. */
  readonly shape: string;
  /** Of its declarations: the same for another table with the same ones, in whatever order they were made. */
  readonly layout: string;
  /** Whether somebody switched the table off. */
  readonly isDormant: boolean;
  /** How many rules each chain has; the other things that there are have none. By kind and name: `chain refuse`. */
  readonly rules: ReadonlyMap<string, number>;
}

/** What of `nft -j list table` and `nft -j list set` is read. */
export interface NftDocument {
  readonly nftables: readonly Readonly<Record<string, unknown>>[];
}

/** Of each kind of thing that is declared, the attributes that say as what. */
const declared = {
  chains: [Abi.NFTA_CHAIN_NAME, Abi.NFTA_CHAIN_HOOK, Abi.NFTA_CHAIN_POLICY, Abi.NFTA_CHAIN_TYPE, Abi.NFTA_CHAIN_FLAGS],
  sets: [
    Abi.NFTA_SET_NAME,
    Abi.NFTA_SET_FLAGS,
    Abi.NFTA_SET_KEY_TYPE,
    Abi.NFTA_SET_KEY_LEN,
    Abi.NFTA_SET_DATA_TYPE,
    Abi.NFTA_SET_DATA_LEN,
    Abi.NFTA_SET_DESC,
    Abi.NFTA_SET_TIMEOUT,
    Abi.NFTA_SET_EXPR,
    Abi.NFTA_SET_EXPRESSIONS,
  ],
  objects: [Abi.NFTA_OBJ_NAME, Abi.NFTA_OBJ_TYPE],
  flowtables: [Abi.NFTA_FLOWTABLE_NAME],
} as const satisfies Readonly<Partial<Record<keyof NftTableDump, readonly number[]>>>;

/** Of each kind of thing, the attributes that do not change by themselves. Later kernels have more, and count there. */
const lasting = {
  tables: [Abi.NFTA_TABLE_FLAGS],
  chains: [Abi.NFTA_CHAIN_HANDLE, ...declared.chains],
  rules: [Abi.NFTA_RULE_CHAIN, Abi.NFTA_RULE_HANDLE, Abi.NFTA_RULE_EXPRESSIONS],
  sets: [Abi.NFTA_SET_HANDLE, ...declared.sets],
  objects: [Abi.NFTA_OBJ_HANDLE, ...declared.objects],
  flowtables: [Abi.NFTA_FLOWTABLE_HANDLE, ...declared.flowtables],
} as const satisfies Readonly<Record<keyof NftTableDump, readonly number[]>>;

/** Rules and declarations of a table, however many elements its sets have; `undefined` if it is not there. */
export function listTable(table: NftTable): NftTableListing | undefined {
  const dump = dumpTable(table);
  return dump && listingOf(dump);
}

export function listingOf(dump: NftTableDump): NftTableListing {
  const rules = new Map<string, number>();
  for (const chain of dump.chains) rules.set(`chain ${textOf(chain.get(Abi.NFTA_CHAIN_NAME))}`, 0);
  for (const rule of dump.rules) {
    const chain = `chain ${textOf(rule.get(Abi.NFTA_RULE_CHAIN))}`;
    rules.set(chain, (rules.get(chain) ?? 0) + 1);
  }
  // Those without a name belong to rules, and nobody can change them.
  const named = dump.sets.filter((set) => ((set.get(Abi.NFTA_SET_FLAGS)?.[3] ?? 0) & Abi.NFT_SET_ANONYMOUS) === 0);
  for (const set of named) rules.set(`set ${textOf(set.get(Abi.NFTA_SET_NAME))}`, 0);
  for (const object of dump.objects) {
    const isCounter = object.get(Abi.NFTA_OBJ_TYPE)?.[3] === Abi.NFT_OBJECT_COUNTER;
    rules.set(`${isCounter ? 'counter' : 'object'} ${textOf(object.get(Abi.NFTA_OBJ_NAME))}`, 0);
  }
  for (const flowtable of dump.flowtables) rules.set(`flowtable ${textOf(flowtable.get(Abi.NFTA_FLOWTABLE_NAME))}`, 0);
  const isDormant = dump.tables.some(
    (table) => ((table.get(Abi.NFTA_TABLE_FLAGS)?.[3] ?? 0) & Abi.NFT_TABLE_F_DORMANT) !== 0,
  );
  const lastingDump = { ...dump, sets: named };
  return { shape: digestOf(lastingDump), layout: layoutOf(lastingDump), isDormant, rules };
}

/** Whether there is all that should be there, switched on, and nothing else, by name and by number of rules. */
export function isListingOf(listing: NftTableListing, content: NftTableContent, withRules: boolean): boolean {
  const wanted = new Map([
    ...content.counters.map((name) => [`counter ${name}`, 0] as const),
    ...Object.keys(content.sets).map((name) => [`set ${name}`, 0] as const),
    ...Object.entries(content.chains).map(([name, { rules }]) => [`chain ${name}`, rules.length] as const),
  ]);
  if (listing.isDormant || wanted.size !== listing.rules.size) return false;
  return [...wanted].every(([name, count]) => {
    const found = listing.rules.get(name);
    return found !== undefined && (!withRules || found === count);
  });
}

/**
 * All elements of all sets of a table, by the name of the set; `undefined` if it is not there. The cost grows with their number:
 * 4 seconds for 50 000.
 *
 * @throws CommandError if they cannot be listed: that is not to say that there are none.
 */
export async function listElements(table: NftTable): Promise<ReadonlyMap<string, ReadonlySet<string>> | undefined> {
  const document = await list(['list', 'table'], table, []);
  return document === undefined ? undefined : parseElements(document);
}

/** Elements of the sets and maps in a listing, by their names: the parts of each joined by ` . `, and in maps ` : jump chain` or ` : 10.0.0.2 . 80`. */
export function parseElements({ nftables }: NftDocument): Map<string, ReadonlySet<string>> {
  const listed = nftables.flatMap(({ set, map }) => {
    const all: readonly [kind: unknown, wordOf: (element: unknown) => string][] = [
      [set, (element) => partsOf(element).join(' . ')],
      [map, mappedWord],
    ];
    return all.filter(([kind]) => kind !== undefined).map(([kind, wordOf]) => [kind as ListedSet, wordOf] as const);
  });
  return new Map(listed.map(([{ name, elem = [] }, wordOf]) => [name, new Set(elem.map(wordOf))]));
}

/** An element of a map. */
function mappedWord(element: unknown): string {
  const [key, data] = (Array.isArray(element) ? element : []) as readonly unknown[];
  return `${partsOf(key).join(' . ')} : ${isVerdict(data) ? verdictWord(data) : partsOf(data).join(' . ')}`;
}

/** Values are texts, numbers, or a concatenation of such. */
function isVerdict(data: unknown): data is object {
  return typeof data === 'object' && data !== null && !Object.hasOwn(data, 'concat');
}

function verdictWord(verdict: object): string {
  const [[word, of] = ['']] = Object.entries(verdict) as [string, unknown][];
  const { target } = Object(of) as { readonly target?: unknown };
  return `${word}${typeof target === 'string' ? ` ${target}` : ''}`;
}

/** One set with its elements, as it was listed; `undefined` if it is not there. @throws CommandError as {@link listElements} */
export async function listSet(table: NftTable, name: string): Promise<ListedSet | undefined> {
  const document = await list(['list', 'set'], table, [name]);
  return document?.nftables.map(({ set }) => set as ListedSet | undefined).find((set) => set !== undefined);
}

/** What `nft` says where an element is not there, by the kernel or by itself. */
const isAbsence = /No such file or directory|element does not exist/;

/** Some elements of one set. */
export interface NftSample {
  readonly table: NftTable;
  readonly set: string;
  /** Of the set: `ifname . ipv4_addr`. */
  readonly type: string;
  readonly elements: readonly string[];
}

/** Whether all these elements are there. That they could be deleted tells, which is tried and not done: it takes 10 ms, in sets of any size. */
export async function areThere(samples: readonly NftSample[]): Promise<boolean> {
  const lines = samples.flatMap(({ table, set, type, elements }) =>
    elementLines('delete', titleOf(table), set, type, elements),
  );
  if (lines.length === 0) return true;
  try {
    await runCommand(['nft', '--check', '-f', '-'], {
      purpose: 'look for elements of nftables sets',
      input: `${lines.join('\n')}\n`,
    });
    return true;
  } catch (error) {
    if (error instanceof CommandError && isAbsence.test(error.message)) return false;
    throw error;
  }
}

export interface ListedSet {
  readonly name: string;
  readonly elem?: readonly unknown[];
}

/** The parts of an element, each as it is written to `nft`. */
export function partsOf(element: unknown): string[] {
  const value = elemOf(element)['val'] ?? element;
  // A text has a method of that name.
  const { concat } = Object(value) as { readonly concat?: unknown };
  return (Array.isArray(concat) ? concat : [value]).map(partOf);
}

/** What is said of an element beside its value: one with a counter or a time-out is wrapped. */
export function elemOf(element: unknown): Readonly<Record<string, unknown>> {
  return Object((Object(element) as { readonly elem?: unknown }).elem) as Readonly<Record<string, unknown>>;
}

/** How many packets the counter of an element has seen. */
export function packetsOf(element: unknown): number {
  const { packets } = Object(elemOf(element)['counter']) as { readonly packets?: unknown };
  return typeof packets === 'number' ? packets : 0;
}

/** A prefix is an object of its own. */
function partOf(value: unknown): string {
  const { prefix } = Object(value) as { readonly prefix?: { readonly addr: string; readonly len: number } };
  return prefix === undefined ? String(value) : `${prefix.addr}/${prefix.len}`;
}

function digestOf(dump: NftTableDump): string {
  const hash = createHash('sha256');
  for (const [kind, types] of Object.entries(lasting) as [keyof NftTableDump, readonly number[]][]) {
    hash.update(`${kind} ${dump[kind].length}`);
    for (const item of dump[kind]) for (const type of types) update(hash, item, type);
  }
  return hash.digest('hex');
}

/** Of what was declared, without numbers that the kernel gave, and without an order. */
function layoutOf(dump: NftTableDump): string {
  const digests = (Object.entries(declared) as [keyof typeof declared, readonly number[]][]).flatMap(([kind, types]) =>
    dump[kind].map((item) => {
      const hash = createHash('sha256').update(kind);
      for (const type of types) update(hash, item, type);
      return hash.digest('hex');
    }),
  );
  return createHash('sha256').update(digests.toSorted().join()).digest('hex');
}

function update(hash: ReturnType<typeof createHash>, item: NftAttributes, type: number): void {
  const value = item.get(type);
  hash.update(`${type} ${value?.length ?? -1} `);
  if (value !== undefined) hash.update(value);
}

async function list(
  what: readonly string[],
  table: NftTable,
  which: readonly string[],
): Promise<NftDocument | undefined> {
  const purpose = `look at the nftables table ${titleOf(table)}`;
  try {
    return await runJsonCommand(['nft', '-nn', '-j', ...what, table.family, table.name, ...which], { purpose });
  } catch (error) {
    if (error instanceof CommandError && isAbsence.test(error.message)) return undefined;
    throw error;
  }
}
