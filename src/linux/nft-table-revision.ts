/**
 * What changes in one of weft's own tables of nftables, and the lines of `nft` that change it: what they touch grows with the change,
 * however much the table holds.
 */
import {
  declaration,
  elementLines,
  kindOf,
  type NftChainContent,
  type NftSetContent,
  type NftTableContent,
  ruleLines,
} from './nft-table-content.ts';
import { titleOf } from './nftables.ts';

/** Elements of one set. */
export interface NftElementDifference {
  readonly added: readonly string[];
  readonly gone: readonly string[];
}

/** All of it in one transaction. Nothing is declared in another way under the same name. */
export interface NftTableRevision {
  readonly counters: { readonly added: readonly string[]; readonly gone: readonly string[] };
  /** Those that are added, with all their elements. */
  readonly sets: { readonly added: Readonly<Record<string, NftSetContent>>; readonly gone: readonly string[] };
  /** In sets that were there, by name, and stay. */
  readonly elements: ReadonlyMap<string, NftElementDifference>;
  /** New ones, and those with other rules. */
  readonly chains: { readonly changed: Readonly<Record<string, NftChainContent>>; readonly gone: readonly string[] };
}

export function changesNothing(revision: NftTableRevision): boolean {
  return revision.elements.size === 0 && changesElementsOnly(revision);
}

/** Whether nothing changes but elements of sets that stay. */
export function changesElementsOnly({ counters, sets, chains }: NftTableRevision): boolean {
  return (
    counters.added.length + counters.gone.length + sets.gone.length + chains.gone.length === 0 &&
    Object.keys(sets.added).length + Object.keys(chains.changed).length === 0
  );
}

/** @param before what the table holds. */
export function revisionLines(before: NftTableContent, revision: NftTableRevision): string[] {
  const { counters, sets, elements, chains } = revision;
  const { table } = before;
  const title = titleOf(table);
  const elementsOf = (verb: 'add' | 'delete', which: keyof NftElementDifference): string[] =>
    [...elements].flatMap(([name, all]) => elementLines(verb, title, name, before.sets[name]!.type, all[which]));
  const changed = Object.entries(chains.changed);
  const fresh = Object.fromEntries(changed.filter(([name]) => !(name in before.chains)));
  const flushed = [...changed.map(([name]) => name).filter((name) => name in before.chains), ...chains.gone];
  return [
    ...(changesElementsOnly(revision)
      ? []
      : [declaration({ table, counters: counters.added, sets: sets.added, chains: fresh })]),
    ...Object.entries(sets.added).flatMap(([name, set]) => elementLines('add', title, name, set.type, set.elements)),
    // What goes comes first: a prefix may make room for one that contains it, and a key of a map for the same with another verdict.
    ...elementsOf('delete', 'gone'),
    ...elementsOf('add', 'added'),
    // No chain can go while a rule jumps to it, and no set while a rule looks into it.
    ...flushed.map((name) => `flush chain ${title} ${name}`),
    ...changed.flatMap(([name, { rules }]) => ruleLines(title, name, rules)),
    ...chains.gone.map((name) => `delete chain ${title} ${name}`),
    ...sets.gone.map((name) => `delete ${kindOf(before.sets[name]!)} ${title} ${name}`),
    ...counters.gone.map((name) => `delete counter ${title} ${name}`),
  ];
}
