/**
 * Looks whether tables of nftables are as weft left them. Rules are compared by a listing without elements; elements all, where they are
 * few, or a sample of each set, the next ones with every look.
 */
import { type MadeSet, type MadeTable, setsOf, setTitle } from './nft-made-tables.ts';
import type { NftTableContent } from './nft-table-content.ts';
import {
  areThere,
  isListingOf,
  listElements,
  listTable,
  type NftSample,
  type NftTableListing,
} from './nft-table-listing.ts';
import { titleOf } from './nftables.ts';

/** Of tables with so many elements, or fewer, all are compared: listing them costs some 50 ms. */
const MAX_LISTED = 1_000;

/** Elements of one set that are asked for in one look, where not all are compared. */
const SAMPLE = 64;

/** What is not as it was left. `set` is the title of a set: `inet weft node4`. */
export type NftDifference =
  | { readonly kind: 'table-missing'; readonly table: string }
  | { readonly kind: 'rules-changed'; readonly table: string }
  | { readonly kind: 'element-missing'; readonly set: string; readonly element: string }
  | { readonly kind: 'element-stale'; readonly set: string; readonly element: string }
  /** Somebody added or deleted some, and which ones is not known. */
  | { readonly kind: 'elements-changed'; readonly set: string };

export class NftTableLook {
  /** Where the next sample of a set begins, by its title. */
  readonly #samplesAt = new Map<string, number>();

  /** @param others sets and tables that others are known to have changed. */
  async look(made: readonly MadeTable[], others: ReadonlySet<string>): Promise<NftDifference[]> {
    const listings = made.map(({ content }) => listTable(content.table));
    const differences = made.flatMap(({ content, listing }, index): NftDifference[] => {
      const table = titleOf(content.table);
      const found = listings[index];
      if (found === undefined) return [{ kind: 'table-missing', table }];
      // Which rules they are nobody has seen since weft changed them: what others did is not told from it.
      const isUntouched = listing !== 'unlisted' || !others.has(table);
      return isUntouched && isAsListed(found, content, listing) ? [] : [{ kind: 'rules-changed', table }];
    });
    // Without the tables there is nothing to be said of their elements; and of one that is switched off, `nft` 1.0.6 writes no JSON.
    if (differences.some(({ kind }) => kind === 'table-missing')) return differences;
    if (listings.some((listing) => listing?.isDormant)) return differences;
    const sets = setsOf(made);
    const count = sets.reduce((sum, { elements }) => sum + elements.size, 0);
    const ofElements = count <= MAX_LISTED ? await allDifferences(sets) : await this.#sample(sets, others);
    return [...differences, ...ofElements];
  }

  /** Of many elements, a few; and which sets others are known to have changed. */
  async #sample(sets: readonly MadeSet[], others: ReadonlySet<string>): Promise<NftDifference[]> {
    const changed = sets.map(setTitle).filter((set) => others.has(set));
    const samples = sets
      .filter((set) => !others.has(setTitle(set)))
      .map(({ table, name, type, elements }): NftSample => {
        return { table, set: name, type, elements: this.#nextSample(setTitle({ table, name }), [...elements]) };
      });
    const differences = changed.map((set): NftDifference => ({ kind: 'elements-changed', set }));
    // Mostly they are, and one program says so of all.
    if (await areThere(samples)) return differences;
    for (const sample of samples) {
      if (await areThere([sample])) continue;
      const set = setTitle({ table: sample.table, name: sample.set });
      differences.push({ kind: 'element-missing', set, element: await firstMissing(sample) });
    }
    return differences;
  }

  /** The next ones, and after the last the first. */
  #nextSample(set: string, elements: readonly string[]): readonly string[] {
    if (elements.length <= SAMPLE) return elements;
    const from = (this.#samplesAt.get(set) ?? 0) % elements.length;
    this.#samplesAt.set(set, from + SAMPLE);
    const sample = elements.slice(from, from + SAMPLE);
    return [...sample, ...elements.slice(0, SAMPLE - sample.length)];
  }
}

async function allDifferences(sets: readonly MadeSet[]): Promise<NftDifference[]> {
  const tables = new Map(sets.map(({ table }) => [titleOf(table), table]));
  const listed = await Promise.all(
    [...tables].map(async ([title, table]) => [title, await listElements(table)] as const),
  );
  const found = new Map(listed);
  return sets.flatMap(({ table, name, elements }) => {
    const set = setTitle({ table, name });
    const present = found.get(titleOf(table))?.get(name) ?? new Set<string>();
    const missing = [...elements].filter((element) => !present.has(element));
    const stale = [...present].filter((element) => !elements.has(element));
    return [
      ...missing.map((element): NftDifference => ({ kind: 'element-missing', set, element })),
      ...stale.map((element): NftDifference => ({ kind: 'element-stale', set, element })),
    ];
  });
}

/** One of these that is missing, as some are. */
async function firstMissing(sample: NftSample): Promise<string> {
  let some = sample.elements;
  while (some.length > 1) {
    const half = some.slice(0, some.length >> 1);
    some = (await areThere([{ ...sample, elements: half }])) ? some.slice(half.length) : half;
  }
  return some[0]!;
}

/** Of what weft changed, and nobody has listed since, it is known how many rules there are to be; what is `undefined` was something else. */
function isAsListed(found: NftTableListing, content: NftTableContent, listing: MadeTable['listing']): boolean {
  return listing === 'unlisted' ? isListingOf(found, content, true) : listing?.shape === found.shape;
}
