/** Tables of nftables as weft left them in the kernel: what they hold, and how that changes. */
import type { NftElementChange } from './nft-element-message.ts';
import {
  changeLines,
  elementLines,
  type NftChainContent,
  type NftSetContent,
  type NftTableContent,
  withLayout,
} from './nft-table-content.ts';
import type { NftTableListing } from './nft-table-listing.ts';
import type { NftTableRevision } from './nft-table-revision.ts';
import { type NftTable, titleOf } from './nftables.ts';

/** Elements by the title of their set. */
export type NftElements = ReadonlyMap<string, ReadonlySet<string>>;

/** A table as it was left. */
export interface MadeTable {
  readonly content: OwnContent;
  /**
   * As the kernel lists it; `undefined`: it was something else already when it was looked at; `unlisted`: weft changed it, and has not
   * looked since.
   */
  readonly listing: NftTableListing | 'unlisted' | undefined;
}

/** A set of it whose elements are weft's. */
export interface MadeSet {
  readonly table: NftTable;
  readonly name: string;
  readonly type: string;
  readonly data: string | undefined;
  readonly hasRanges: boolean;
  /** Changes with the set. */
  readonly elements: Set<string>;
}

/** What a table holds, to be changed. */
export interface OwnContent extends NftTableContent {
  readonly counters: string[];
  readonly sets: Record<string, NftSetContent>;
  readonly chains: Record<string, NftChainContent>;
}

/** With its layout, and all its own: it changes later. */
export function ownCopy(content: NftTableContent): OwnContent {
  const sets = Object.entries(content.sets).map(([name, set]) => [
    name,
    set.elements === undefined ? set : { ...set, elements: new Set(set.elements) },
  ]);
  const { table, counters, chains } = withLayout(content);
  return { table, counters: [...counters], sets: Object.fromEntries(sets), chains: { ...chains } };
}

/** Lines that make `next` of the tables; `undefined` if one of them has to be made anew, or is another. */
export function changesOf(made: readonly MadeTable[], next: readonly NftTableContent[]): string[] | undefined {
  if (made.length !== next.length) return undefined;
  const lines = next.map((to, index) => {
    const { content } = made[index]!;
    return titleOf(content.table) === titleOf(to.table) ? changeLines(content, to) : undefined;
  });
  return lines.includes(undefined) ? undefined : lines.flatMap((some) => some ?? []);
}

export function setsOf(made: readonly MadeTable[]): MadeSet[] {
  return made.flatMap(({ content: { table, sets } }) =>
    Object.entries(sets).flatMap(([name, set]) => {
      const { type, data, elements } = set;
      return elements === undefined
        ? []
        : [{ table, name, type, data, hasRanges: hasRanges(set), elements: elements as Set<string> }];
    }),
  );
}

export function hasRanges({ details = '' }: NftSetContent): boolean {
  return /\bflags [^;]*\binterval\b/.test(details);
}

/** Changes that have the kernel forget elements of sets that it fills, whether they are there or not. */
export function forgottenIn(made: readonly MadeTable[], forgotten: NftElements): NftElementChange[] {
  return made.flatMap(({ content: { table, sets } }) =>
    Object.entries(sets).flatMap(([name, set]) => {
      const elements = [...(forgotten.get(setTitle({ table, name })) ?? [])];
      // Adding first makes it no error to delete what is not there.
      return (['add', 'delete'] as const).map((verb): NftElementChange => {
        return { verb, table, set: name, type: set.type, data: set.data, hasRanges: hasRanges(set), elements };
      });
    }),
  );
}

export function linesOf({ verb, table, set, type, elements }: NftElementChange): string[] {
  return elementLines(verb, titleOf(table), set, type, elements);
}

export function setTitle({ table, name }: Pick<MadeSet, 'table' | 'name'>): string {
  return `${titleOf(table)} ${name}`;
}

/** Has the content of a table, which is weft's own copy, be what it is after a revision: what takes time is what changes. */
export function revise({ counters, sets, chains }: OwnContent, revision: NftTableRevision): void {
  for (const [name, { added, gone }] of revision.elements) {
    const changing = sets[name]!.elements as Set<string>;
    for (const element of gone) changing.delete(element);
    for (const element of added) changing.add(element);
  }
  for (const name of revision.counters.gone) counters.splice(counters.indexOf(name), 1);
  counters.push(...revision.counters.added);
  for (const name of revision.sets.gone) delete sets[name];
  Object.assign(sets, revision.sets.added);
  for (const name of revision.chains.gone) delete chains[name];
  Object.assign(chains, revision.chains.changed);
}

/** The elements of a revision, in sets that stay. */
export function revisedElements({ table, sets }: NftTableContent, { elements }: NftTableRevision): NftElementChange[] {
  return [...elements].flatMap(([name, { added, gone }]) => {
    const { type, data } = sets[name]!;
    const set = { table, set: name, type, data, hasRanges: hasRanges(sets[name]!) };
    return [
      ...(gone.length === 0 ? [] : [{ verb: 'delete', ...set, elements: gone } as const]),
      ...(added.length === 0 ? [] : [{ verb: 'add', ...set, elements: added } as const]),
    ];
  });
}
