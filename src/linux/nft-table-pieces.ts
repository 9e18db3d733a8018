/**
 * A table of nftables made of pieces that come and go, each with sets, chains and counters. What several pieces name alike is one thing in
 * the table, and stays as long as one of them is there: a counter that two of them count by goes on when one goes.
 *
 * Chosen: pieces that are replaced as a whole. Instead of: a comparison of the table with the one before. Because: a change of one set of
 * thousands costs what that set costs. Where of a large set a few elements change, these alone are told.
 */
import { equalTexts, type NftChainContent, type NftSetContent, type NftTableContent } from './nft-table-content.ts';
import type { NftElementDifference, NftTableRevision } from './nft-table-revision.ts';
import type { NftTable } from './nftables.ts';

/**
 * Chains of the same name are the same in all pieces; so are sets, but for their elements, of which no two pieces have the same. Whoever makes a
 * piece leaves its sets to the table: {@link NftTablePieces.replace} may change their elements.
 */
export type NftTablePiece = Omit<NftTableContent, 'table'>;

/** What changes of a piece whose sets stay, by the names of the sets. */
export type NftPieceElements = ReadonlyMap<string, NftElementDifference>;

/** Something of the table, and how many pieces have it. */
interface Shared<Value> {
  readonly value: Value;
  pieces: number;
}

type SharedByName<Value> = Map<string, Shared<Value>>;

/** With elements that are added to, and taken from; without, as the kernel fills it. */
type SharedSet = Omit<NftSetContent, 'elements'> & { readonly elements?: Set<string> };

export class NftTablePieces {
  readonly #table: NftTable;
  readonly #pieces = new Map<string, NftTablePiece>();
  readonly #counters: SharedByName<true> = new Map();
  readonly #sets: SharedByName<SharedSet> = new Map();
  readonly #chains: SharedByName<NftChainContent> = new Map();

  constructor(table: NftTable) {
    this.#table = table;
  }

  /** All of it, as it is now. */
  content(): NftTableContent {
    return {
      table: this.#table,
      counters: [...this.#counters.keys()],
      sets: valuesOf(this.#sets),
      chains: valuesOf(this.#chains),
    };
  }

  /**
   * Puts pieces in the place of those with the same keys; `undefined`: of none.
   *
   * @param elements of pieces that are not replaced, by their keys. @returns what changes by that.
   */
  replace(
    pieces: ReadonlyMap<string, NftTablePiece | undefined>,
    elements: ReadonlyMap<string, NftPieceElements> = new Map(),
  ): NftTableRevision {
    const gone = [...pieces.keys()].flatMap((key) => this.#pieces.get(key) ?? []);
    const added = [...pieces.values()].filter((piece) => piece !== undefined);
    const touched = [...gone, ...added];
    const before = {
      counters: valuesBefore(this.#counters, new Set(touched.flatMap(({ counters }) => counters))),
      sets: valuesBefore(this.#sets, new Set(touched.flatMap(({ sets }) => Object.keys(sets)))),
      chains: valuesBefore(this.#chains, new Set(touched.flatMap(({ chains }) => Object.keys(chains)))),
    };
    for (const piece of gone) this.#take(piece);
    for (const piece of added) this.#put(piece);
    for (const [key, piece] of pieces) {
      if (piece === undefined) this.#pieces.delete(key);
      else this.#pieces.set(key, piece);
    }
    const counters = settle(this.#counters, before.counters);
    const sets = settle(this.#sets, before.sets);
    const chains = settle(this.#chains, before.chains);
    const copy = (name: string): NftSetContent => copyOf(this.#sets.get(name)!.value);
    const differences = new Map(sets.kept.flatMap((name) => elementChange(name, gone, added)));
    for (const [key, changes] of elements)
      for (const [name, change] of changes)
        differences.set(name, this.#changed(key, name, change, differences.get(name)));
    const others = chains.kept.filter((name) => !equalTexts(before.chains.get(name)!.rules, this.#rulesOf(name)));
    return {
      counters: { added: counters.added, gone: counters.gone },
      sets: { added: Object.fromEntries(sets.added.map((name) => [name, copy(name)])), gone: sets.gone },
      elements: differences,
      chains: {
        changed: Object.fromEntries([...chains.added, ...others].map((name) => [name, this.#chains.get(name)!.value])),
        gone: chains.gone,
      },
    };
  }

  /** Changes a set of a piece. @param others what else changes in the set of that name. @returns both */
  #changed(
    piece: string,
    set: string,
    { added, gone }: NftElementDifference,
    others: NftElementDifference = { added: [], gone: [] },
  ): NftElementDifference {
    for (const { elements } of [this.#pieces.get(piece)!.sets[set]!, this.#sets.get(set)!.value]) {
      for (const element of gone) (elements as Set<string>).delete(element);
      for (const element of added) (elements as Set<string>).add(element);
    }
    return { added: [...others.added, ...added], gone: [...others.gone, ...gone] };
  }

  #rulesOf(chain: string): readonly string[] {
    return this.#chains.get(chain)!.value.rules;
  }

  #take({ counters, sets, chains }: NftTablePiece): void {
    for (const name of counters) this.#counters.get(name)!.pieces--;
    for (const name of Object.keys(chains)) this.#chains.get(name)!.pieces--;
    for (const [name, { elements = [] }] of Object.entries(sets)) {
      const shared = this.#sets.get(name)!;
      shared.pieces--;
      for (const element of elements) shared.value.elements?.delete(element);
    }
  }

  #put({ counters, sets, chains }: NftTablePiece): void {
    for (const name of counters) share(this.#counters, name, true);
    for (const [name, chain] of Object.entries(chains)) share(this.#chains, name, chain);
    for (const [name, set] of Object.entries(sets)) {
      const before = this.#sets.get(name)?.value;
      share(this.#sets, name, before ?? copyOf(set));
      for (const element of set.elements ?? []) before?.elements?.add(element);
    }
  }
}

function copyOf({ elements, ...set }: NftSetContent): SharedSet {
  return { ...set, ...(elements !== undefined && { elements: new Set(elements) }) };
}

/** The last one that says what it is, is right. */
function share<Value>(all: SharedByName<Value>, name: string, value: Value): void {
  all.set(name, { value, pieces: (all.get(name)?.pieces ?? 0) + 1 });
}

function valuesOf<Value>(all: SharedByName<Value>): Readonly<Record<string, Value>> {
  return Object.fromEntries([...all].map(([name, { value }]) => [name, value]));
}

/** `undefined`: there was none. */
function valuesBefore<Value>(all: SharedByName<Value>, names: ReadonlySet<string>): Map<string, Value | undefined> {
  return new Map([...names].map((name) => [name, all.get(name)?.value]));
}

/** Names of what was not there before, is not any more, and was and is. */
interface Settled {
  readonly added: readonly string[];
  readonly gone: readonly string[];
  readonly kept: readonly string[];
}

/** Forgets what no piece has any more. @param before what was touched, as it was. */
function settle<Value>(all: SharedByName<Value>, before: ReadonlyMap<string, Value | undefined>): Settled {
  const settled = { added: [] as string[], gone: [] as string[], kept: [] as string[] };
  for (const [name, value] of before) {
    const isThere = all.get(name)!.pieces > 0;
    if (!isThere) all.delete(name);
    if (value !== undefined) settled[isThere ? 'kept' : 'gone'].push(name);
    else if (isThere) settled.added.push(name);
  }
  return settled;
}

/** What changes of a set that was there and stays; nothing where nothing does. */
function elementChange(
  set: string,
  gone: readonly NftTablePiece[],
  added: readonly NftTablePiece[],
): (readonly [string, NftElementDifference])[] {
  const elementsOf = (pieces: readonly NftTablePiece[]): Set<string> =>
    new Set(pieces.flatMap(({ sets }) => [...(sets[set]?.elements ?? [])]));
  const [before, after] = [elementsOf(gone), elementsOf(added)];
  const difference = {
    added: [...after].filter((element) => !before.has(element)),
    gone: [...before].filter((element) => !after.has(element)),
  };
  return difference.added.length + difference.gone.length === 0 ? [] : [[set, difference]];
}
