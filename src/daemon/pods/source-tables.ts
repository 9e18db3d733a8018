/** What the kernel has of the tables that bind pods to their addresses, and what it refused. */
import { CommandError } from '../../errors.ts';
import { runJsonCommand } from '../../linux/command.ts';
import { POD_ARP_TABLE, POD_TABLE, titleOf, type NftTable } from '../../linux/nftables.ts';
import { elementSets, REFUSED_SETS, type ElementSet, type SourceElements } from './source-rules.ts';

/** One look at them. */
export interface SourceTables {
  /** Everything but elements and counts: equal texts are equal rules. */
  readonly shape: string;
  readonly elements: SourceElements;
}

/** What the kernel refused of one device, since its pod was added. */
export interface RefusedPackets {
  readonly device: string;
  readonly packets: number;
}

/** An address that somebody tried to send from within the last minutes. */
export interface TriedAddress {
  readonly device: string;
  readonly address: string;
  readonly mac: string;
}

/** What of `nft -j list table` and `nft -j list set` is read. */
export interface NftSetDocument {
  readonly nftables: readonly {
    readonly set?: { readonly family: string; readonly name: string; readonly elem?: readonly unknown[] };
  }[];
}

/** Reads them; `undefined` if one of them is not there. */
export async function readSourceTables(withArp: boolean): Promise<SourceTables | undefined> {
  const tables = withArp ? [POD_TABLE, POD_ARP_TABLE] : [POD_TABLE];
  try {
    return parseSourceTables(await Promise.all(tables.map((table) => nftList(table, ['table'], []))));
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

export function parseSourceTables(documents: readonly NftSetDocument[]): SourceTables {
  const sets = documents.flatMap(({ nftables }) => nftables.flatMap(({ set }) => set ?? []));
  const elements = new Map<ElementSet, ReadonlySet<string>>();
  for (const name of elementSets) {
    const found = sets.find((set) => `${set.family} weft-pods ${set.name}` === name);
    if (found !== undefined)
      elements.set(name, new Set((found.elem ?? []).map((element) => partsOf(element).join(' . '))));
  }
  return { shape: documents.map(shapeOf).join('\n'), elements };
}

/** How many packets of each device were refused: those of IP and of ARP together. Empty if there are no tables. */
export async function readRefused(withArp: boolean): Promise<RefusedPackets[]> {
  const documents = await readSets(withArp, ([refused]) => [refused]);
  return parseRefused(documents);
}

export function parseRefused(documents: readonly NftSetDocument[]): RefusedPackets[] {
  const counts = new Map<string, number>();
  for (const element of elementsIn(documents)) {
    const [device = ''] = partsOf(element);
    const { packets } = Object(elemOf(element)['counter']) as { readonly packets?: unknown };
    counts.set(device, (counts.get(device) ?? 0) + (typeof packets === 'number' ? packets : 0));
  }
  return [...counts].map(([device, packets]) => ({ device, packets }));
}

/** Addresses that were tried and refused, as many as the kernel remembers. */
export async function readTried(withArp: boolean): Promise<TriedAddress[]> {
  return parseTried(await readSets(withArp, ([, ...tried]) => tried));
}

export function parseTried(documents: readonly NftSetDocument[]): TriedAddress[] {
  return elementsIn(documents).flatMap((element) => {
    const [device, address, mac] = partsOf(element);
    return device === undefined || address === undefined || mac === undefined ? [] : [{ device, address, mac }];
  });
}

type RefusedSet = (typeof REFUSED_SETS)[keyof typeof REFUSED_SETS][number];

async function readSets(
  withArp: boolean,
  choose: (names: readonly [RefusedSet, ...RefusedSet[]]) => readonly RefusedSet[],
): Promise<NftSetDocument[]> {
  const lists = [POD_TABLE, ...(withArp ? [POD_ARP_TABLE] : [])].flatMap((table) =>
    choose(REFUSED_SETS[table.family]).map((name) => nftList(table, ['set'], [name])),
  );
  try {
    return await Promise.all(lists);
  } catch (error) {
    // The audit says that they are gone.
    if (error instanceof CommandError) return [];
    throw error;
  }
}

async function nftList({ family, name }: NftTable, what: string[], which: string[]): Promise<NftSetDocument> {
  const purpose = `look at the nftables table ${titleOf({ family, name })}`;
  return await runJsonCommand(['nft', '-nn', '-j', 'list', ...what, family, name, ...which], { purpose });
}

/** What changes by itself, or with every time that the same rules are made. */
const changing = new Set(['metainfo', 'handle', 'elem', 'packets', 'bytes']);

function shapeOf({ nftables }: NftSetDocument): string {
  return JSON.stringify(nftables, (key, value: unknown) => (changing.has(key) ? undefined : value));
}

function elementsIn(documents: readonly NftSetDocument[]): unknown[] {
  return documents.flatMap(({ nftables }) => nftables.flatMap(({ set }) => set?.elem ?? []));
}

/** An element with a counter or a time-out is wrapped. */
function elemOf(element: unknown): Readonly<Record<string, unknown>> {
  return Object((Object(element) as { readonly elem?: unknown }).elem) as Readonly<Record<string, unknown>>;
}

function partsOf(element: unknown): string[] {
  const value = elemOf(element)['val'] ?? element;
  // A text has a method of that name.
  const { concat } = Object(value) as { readonly concat?: unknown };
  return (Array.isArray(concat) ? concat : [value]).map(partOf);
}

/** A prefix is an object of its own. */
function partOf(value: unknown): string {
  const { prefix } = Object(value) as { readonly prefix?: { readonly addr: string; readonly len: number } };
  return prefix === undefined ? String(value) : `${prefix.addr}/${prefix.len}`;
}
