/**
 * Keeps tables of nftables that are weft's alone: it knows what they should hold, what they hold, and whether somebody else changed
 * them. Several tables that belong together are changed in one transaction.
 *
 *     (unknown) ──make──> made ──apply, change──> made: only what differs is touched
 *                          └──inspect──> as it was left, or differences ──make──> made
 *
 * An inspection first asks for the generation of nftables. If it is the one that this owner left, or all changes in between are known
 * to be of other tables or of weft itself, nothing is listed. Otherwise, and every ten minutes, they are looked at (`nft-table-look.ts`).
 */
import { CommandError } from '../errors.ts';
import { elementTransaction, type NftElementChange, type NftTransactionMessages } from './nft-element-message.ts';
import { revisionTransaction } from './nft-revision-message.ts';
import {
  changesOf,
  forgottenIn,
  linesOf,
  type MadeTable,
  type NftElements,
  type OwnContent,
  ownCopy,
  revise,
  setsOf,
  setTitle,
} from './nft-made-tables.ts';
import { applyTransaction, readCounters, readNftGeneration } from './nft-netlink.ts';
import { creationLines, draftLines, type NftTableContent, refillLines } from './nft-table-content.ts';
import { isListingOf, listTable } from './nft-table-listing.ts';
import { type NftDifference, NftTableLook } from './nft-table-look.ts';
import { changesElementsOnly, changesNothing, type NftTableRevision, revisionLines } from './nft-table-revision.ts';
import { draftOf, type NftTable, nftTransaction, removeTable, titleOf } from './nftables.ts';

/** Longest time, in ms, for which tables are not looked at because nobody is known to have changed them. */
const LOOK_INTERVAL_MS = 600_000;

/**
 * How long rules that weft changed have to rest before they are listed, in ms, and how long that may be put off. Listing a thousand policies
 * takes 200 ms, in which no pod is made.
 */
const LISTING_REST_MS = 5_000;
const LISTING_DELAY_MS = 60_000;

/** How often tables are made at most, where it is not known who changed what meanwhile. */
const MAX_MAKES = 3;

/** Who knows what others changed in nftables. */
export interface NftWitness {
  /**
   * What others than weft changed after generation `since`, up to `until`: tables (`inet weft`), and where only elements changed, sets
   * (`inet weft node4`). `undefined`: not all changes in between are known.
   */
  othersChanged(since: number, until: number): ReadonlySet<string> | undefined;
}

export interface OwnedTablesOptions {
  /** Absent: every inspection but one of the same generation looks at the tables. */
  readonly witness?: NftWitness | undefined;
  /** Monotonic, in ms. */
  readonly nowMs?: () => number;
}

/** One call at a time. */
export class OwnedTables {
  readonly #witness: NftWitness | undefined;
  readonly #nowMs: () => number;
  readonly #looking = new NftTableLook();
  /** What the kernel has, as far as weft made it; `undefined`: nothing of ours. */
  #made: readonly MadeTable[] | undefined;
  /** A generation at which the tables were as they are known here, but for changes of weft itself after it. */
  #trusted: number | undefined;
  #lookedAtMs = -Infinity;
  /** When rules were changed last, and when first of those that nobody has listed since. */
  #revisedAtMs = -Infinity;
  #unlistedSinceMs = -Infinity;

  constructor({ witness, nowMs = () => performance.now() }: OwnedTablesOptions = {}) {
    this.#witness = witness;
    this.#nowMs = nowMs;
  }

  /** Whether the tables were made. */
  get isMade(): boolean {
    return this.#made !== undefined;
  }

  /**
   * Makes the tables hold this and nothing else, whatever is there. Of a table of the same layout, rules and elements are made anew, and
   * counters go on; any other is replaced. All in one transaction: there is no time without the rules.
   *
   * @param purpose completes "cannot …"
   * @throws CommandError if the kernel does not take it; what was there stays.
   */
  async make(wanted: readonly NftTableContent[], purpose: string): Promise<void> {
    await this.#make(wanted.map(ownCopy), purpose, []);
  }

  /**
   * Has the tables, which were made, hold this: what differs is changed, and the rest is not touched. Where that fails, as somebody else
   * changed them, they are made.
   *
   * @throws CommandError as {@link make}
   */
  async apply(wanted: readonly NftTableContent[], purpose: string): Promise<void> {
    const next = wanted.map(ownCopy);
    const made = this.#made;
    const lines = made && changesOf(made, next);
    if (made === undefined || lines === undefined) return await this.#make(next, purpose, []);
    if (lines.length === 0) return;
    const before = readNftGeneration();
    if (!(await this.#transact(() => lines, purpose))) return await this.#make(next, purpose, []);
    this.#made = next.map((content, index) => ({ content, listing: made[index]!.listing }));
    if (lines.every((line) => /^(?:add|delete) element /.test(line))) return;
    const { others } = this.#learn(before, before === undefined);
    if (others === undefined && before !== undefined) await this.#make(next, purpose, []);
  }

  /**
   * Adds and removes elements of the tables, which were made, in time that depends on the number of these alone, and without a program
   * as long as the kernel takes it.
   *
   * @param forgotten elements of sets that the kernel fills, which are to go if they are there.
   * @throws CommandError as {@link make}
   */
  async change(added: NftElements, removed: NftElements, purpose: string, forgotten?: NftElements): Promise<void> {
    const made = this.#made;
    if (made === undefined) throw new RangeError('the tables were not made');
    const changes: NftElementChange[] = [];
    for (const set of setsOf(made)) {
      const { elements } = set;
      const after = added.get(setTitle(set)) ?? new Set();
      const gone = [...(removed.get(setTitle(set)) ?? [])].filter(
        (element) => !after.has(element) && elements.delete(element),
      );
      const fresh = [...after].filter((element) => !elements.has(element));
      for (const element of fresh) elements.add(element);
      const { table, name, type, data, hasRanges } = set;
      changes.push(
        { verb: 'delete', table, set: name, type, data, hasRanges, elements: gone },
        { verb: 'add', table, set: name, type, data, hasRanges, elements: fresh },
      );
    }
    const forgetting = forgottenIn(made, forgotten ?? new Map());
    const all = [...changes, ...forgetting].filter(({ elements }) => elements.length > 0);
    if (all.length === 0 || (await this.#transact(() => all.flatMap(linesOf), purpose, elementTransaction(all))))
      return;
    await this.#make(
      made.map(({ content }) => content),
      purpose,
      forgetting.flatMap(linesOf),
    );
  }

  /**
   * Changes one of the tables, which were made, without a program as long as its rules are of forms that are known and the kernel takes it.
   * Where that fails, they are made, with the change.
   *
   * @throws CommandError as {@link make}
   */
  async revise(table: NftTable, revision: NftTableRevision, purpose: string): Promise<void> {
    const index = this.#made?.findIndex(({ content }) => titleOf(content.table) === titleOf(table)) ?? -1;
    const made = this.#made?.[index];
    if (this.#made === undefined || made === undefined)
      throw new RangeError(`the table ${titleOf(table)} was not made`);
    if (changesNothing(revision)) return;
    const isOfElements = changesElementsOnly(revision);
    const messages = revisionTransaction(made.content, revision);
    const isDone = await this.#transact(() => revisionLines(made.content, revision), purpose, messages);
    revise(made.content, revision);
    if (!isOfElements) {
      this.#noteRevision();
      this.#made = this.#made.with(index, { content: made.content, listing: 'unlisted' });
    }
    if (isDone) return;
    await this.#make(
      this.#made.map((one) => one.content),
      purpose,
      [],
    );
  }

  /** Makes what was made last once more, whatever somebody made of it. @throws CommandError as {@link make} */
  async restore(purpose: string): Promise<void> {
    if (this.#made === undefined) throw new RangeError('the tables were not made');
    await this.#make(
      this.#made.map(({ content }) => content),
      purpose,
      [],
    );
  }

  /** Removes a table, whoever made it, and knows of none any more. @throws CommandError */
  async remove(table: NftTable): Promise<void> {
    if (listTable(table) !== undefined) await removeTable(table);
    this.forget();
  }

  /** Knows of no tables any more. They stay as they are. */
  forget(): void {
    this.#made = undefined;
    this.#trusted = undefined;
  }

  /** What is not as it was left, as far as that is known; nothing of tables that were not made. Changes nothing. */
  async inspect(): Promise<readonly NftDifference[]> {
    const made = this.#made;
    if (made === undefined) return [];
    const generation = readNftGeneration();
    const others = this.#othersChanged(generation);
    if (others?.size === 0 && this.#isListingDue()) this.#listRevised(generation);
    const isDue = this.#nowMs() - this.#lookedAtMs >= LOOK_INTERVAL_MS;
    if (others?.size !== 0 || isDue) {
      const differences = await this.#looking.look(this.#made ?? made, others ?? new Set());
      if (differences.length > 0) return differences;
      this.#lookedAtMs = this.#nowMs();
    }
    // What was changed since it was asked for is looked at the next time.
    this.#trusted = generation;
    return [];
  }

  /** What others changed of these tables since they were known to be as they should; `undefined`: that is not known. */
  #othersChanged(generation: number | undefined): ReadonlySet<string> | undefined {
    if (generation === undefined || this.#trusted === undefined) return undefined;
    if (generation === this.#trusted) return new Set();
    return this.#oursChanged(this.#trusted, generation);
  }

  /** What others changed of these tables between two generations; `undefined`: that is not known. */
  #oursChanged(since: number, until: number): ReadonlySet<string> | undefined {
    const all = this.#witness?.othersChanged(since, until);
    if (all === undefined) return undefined;
    const titles = (this.#made ?? []).map(({ content }) => titleOf(content.table));
    const isOurs = (changed: string): boolean =>
      titles.some((title) => changed === title || changed.startsWith(`${title} `));
    return new Set([...all].filter(isOurs));
  }

  #noteRevision(): void {
    this.#revisedAtMs = this.#nowMs();
    if (this.#made?.every(({ listing }) => listing !== 'unlisted') === true) this.#unlistedSinceMs = this.#revisedAtMs;
  }

  #isListingDue(): boolean {
    const nowMs = this.#nowMs();
    return nowMs - this.#revisedAtMs >= LISTING_REST_MS || nowMs - this.#unlistedSinceMs >= LISTING_DELAY_MS;
  }

  /** How the kernel lists what was revised, unless somebody changes nftables at this moment. */
  #listRevised(generation: number | undefined): void {
    const made = this.#made ?? [];
    if (generation === undefined || made.every(({ listing }) => listing !== 'unlisted')) return;
    const listed = made.map(({ content, listing }): MadeTable => {
      const found = listing === 'unlisted' ? listTable(content.table) : listing;
      const isOurs = typeof found === 'object' && (listing !== 'unlisted' || isListingOf(found, content, true));
      return { content, listing: isOurs ? found : undefined };
    });
    if (readNftGeneration() === generation) this.#made = listed;
  }

  async #make(next: readonly OwnContent[], purpose: string, more: readonly string[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { before, layouts } = await this.#makeOnce(next, purpose, more);
      const isLast = before === undefined || attempt === MAX_MAKES;
      const { others, until } = this.#learn(before, isLast, layouts);
      if (others?.size === 0 && this.#isLearnt) this.#trusted = until;
      if (others !== undefined || isLast) return;
    }
  }

  /** @returns the generation before it, and the layout of each table that was there with it. */
  async #makeOnce(
    next: readonly OwnContent[],
    purpose: string,
    more: readonly string[],
  ): Promise<{ before: number | undefined; layouts: readonly (string | undefined)[] }> {
    this.#trusted = undefined;
    let layouts: (string | undefined)[] = [];
    for (const content of next) layouts.push(await this.#layoutThere(content, purpose));
    const isThere = layouts.map((layout) => layout !== undefined);
    const lines = next.flatMap((content, index) => (isThere[index] ? refillLines(content) : recreationLines(content)));
    const before = readNftGeneration();
    try {
      await nftTransaction([...lines, ...more], purpose);
    } catch (error) {
      if (!(error instanceof CommandError) || !isThere.includes(true)) throw error;
      layouts = [];
      await nftTransaction([...next.flatMap(recreationLines), ...more], purpose);
    }
    this.#made = next.map((content) => ({ content, listing: undefined }));
    this.#trusted = before;
    return { before, layouts };
  }

  /** Layout of the table that is there, if all of `content` is declared in it as it should be, and nothing else is. */
  async #layoutThere(content: NftTableContent, purpose: string): Promise<string | undefined> {
    const listing = listTable(content.table);
    if (listing === undefined || !isListingOf(listing, content, false)) return undefined;
    const title = titleOf(content.table);
    const made = this.#made?.find((table) => titleOf(table.content.table) === title);
    const known = typeof made?.listing === 'object' ? made.listing : undefined;
    const layout = known?.layout ?? (await draftLayout(content, purpose));
    return listing.layout === layout ? layout : undefined;
  }

  /**
   * Remembers how the kernel lists what was just made, unless others changed it at the same time.
   *
   * @param before generation before that.
   * @param orElse whether to take the listing for ours, too, where it is not known whether others did.
   * @param layouts that the tables must have; `undefined`: the one that they were created with.
   * @returns what they changed, if that is known, up to which generation.
   */
  #learn(
    before: number | undefined,
    orElse: boolean,
    layouts: readonly (string | undefined)[] = [],
  ): { others?: ReadonlySet<string> | undefined; until?: number } {
    const made = this.#made ?? [];
    const listings = made.map(({ content }) => listTable(content.table));
    this.#lookedAtMs = this.#nowMs();
    const until = readNftGeneration();
    const others = this.#othersMeanwhile(before, until);
    this.#made = made.map(({ content }, index) => {
      const listing = listings[index];
      const isUntouched = others === undefined ? orElse : !others.has(titleOf(content.table));
      const isOurs = isUntouched && (layouts[index] ?? listing?.layout) === listing?.layout;
      return { content, listing: isOurs && listing && isListingOf(listing, content, true) ? listing : undefined };
    });
    if (!this.#isLearnt) this.#trusted = undefined;
    return until === undefined ? {} : { others, until };
  }

  /** Whether it is known how the kernel lists each table. */
  get #isLearnt(): boolean {
    return this.#made?.every(({ listing }) => listing !== undefined) === true;
  }

  /** What others changed of these tables since `before`, where weft made one transaction; `undefined`: that is not known. */
  #othersMeanwhile(before: number | undefined, until: number | undefined): ReadonlySet<string> | undefined {
    if (before === undefined || until === undefined) return undefined;
    return isNext(before, until) ? new Set() : this.#oursChanged(before, until);
  }

  /**
   * @param lines asked for only where there are no messages, or the kernel does not take them.
   * @param messages the same, which is tried first.
   * @returns whether the kernel took it.
   */
  async #transact(
    lines: () => readonly string[],
    purpose: string,
    messages?: NftTransactionMessages,
  ): Promise<boolean> {
    const before = readNftGeneration();
    const isKnown = this.#othersChanged(before)?.size === 0;
    if (messages === undefined || !applyTransaction(messages)) {
      try {
        await nftTransaction(lines(), purpose);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        return false;
      }
    }
    const after = readNftGeneration();
    if (isKnown) this.#trusted = isNext(before, after) ? after : before;
    return true;
  }
}

/** Counters of a table that is there go on. */
function recreationLines(content: NftTableContent): string[] {
  return creationLines(content, readCounters(content.table));
}

/** How the kernel lists what is declared in a table, seen in a draft of it; `undefined`: it does not take it. */
async function draftLayout(content: NftTableContent, purpose: string): Promise<string | undefined> {
  const draft = draftOf(content.table);
  try {
    await nftTransaction(draftLines(content), purpose);
    const layout = listTable(draft)?.layout;
    await removeTable(draft);
    return layout;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Whether the second generation follows the first: there is none between them. 0 is left out. */
function isNext(before: number | undefined, after: number | undefined): boolean {
  return before !== undefined && after === (before === 0xff_ff_ff_ff ? 1 : before + 1);
}
