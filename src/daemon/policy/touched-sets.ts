/** Sets of one kind that an update of the plan is about: which of them are others than before, and what changes in those that are not. */
import type { NftPieceElements, NftTablePiece } from '../../linux/nft-table-pieces.ts';
import type { PolicySetName } from './policy-sets.ts';

/** What is to be known of peers, or of named ports. */
export interface SetKind<Value> {
  /** As the plan has it. */
  readonly find: (key: string) => Value | undefined;
  /** Its sets in nftables. */
  readonly names: (set: Value) => readonly PolicySetName[];
  /** Where both have sets of the same names. */
  readonly difference: (before: Value, after: Value) => NftPieceElements;
  readonly piece: (set: Value) => NftTablePiece;
}

export class TouchedSets<Value> {
  readonly #kind: SetKind<Value>;
  /** `undefined`: there was none. */
  readonly #before = new Map<string, Value | undefined>();

  constructor(kind: SetKind<Value>) {
    this.#kind = kind;
  }

  /** To be called before the plan changes. */
  touch(key: string): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#kind.find(key));
  }

  keys(): string[] {
    return [...this.#before.keys()];
  }

  /** Keys of those that have other sets in nftables than before: one that was empty had none. */
  others(): string[] {
    return this.keys().filter((key) => !this.#isAlike(this.#before.get(key), this.#kind.find(key)));
  }

  /** What is to be put in their places, by their keys: elements, where that is all. */
  *changes(): Generator<readonly [string, { piece: NftTablePiece | undefined } | { elements: NftPieceElements }]> {
    const { find, difference, piece } = this.#kind;
    for (const [key, before] of this.#before) {
      const after = find(key);
      if (before !== undefined && after !== undefined && this.#isAlike(before, after))
        yield [key, { elements: difference(before, after) }];
      else yield [key, { piece: after && piece(after) }];
    }
  }

  #isAlike(before: Value | undefined, after: Value | undefined): boolean {
    return this.#namesOf(before) === this.#namesOf(after);
  }

  #namesOf(set: Value | undefined): string {
    const names = set === undefined ? [] : this.#kind.names(set);
    return names.map(({ name }) => name).join(' ');
  }
}
