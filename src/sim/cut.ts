/** Links that do not work. */

/** Whatever goes from one of `from` to one of `to` is lost; both are sets of places. */
export interface Cut {
  readonly from: ReadonlySet<number>;
  readonly to: ReadonlySet<number>;
}

/** The cuts that are in force. */
export class Cuts {
  readonly #cuts = new Set<Cut>();
  /** Grows with every change. */
  version = 0;

  /** Cuts from now on; for each way a cut of its own. */
  add(...cuts: readonly Cut[]): void {
    for (const cut of cuts) this.#cuts.add(cut);
    this.version++;
  }

  /** These work again, unless another cut is in their way. */
  remove(...cuts: readonly Cut[]): void {
    for (const cut of cuts) this.#cuts.delete(cut);
    this.version++;
  }

  /** Everything works again. */
  clear(): void {
    this.#cuts.clear();
    this.version++;
  }

  get any(): boolean {
    return this.#cuts.size > 0;
  }

  /** Whether what goes from a place to another is lost. */
  blocks(from: number, to: number): boolean {
    for (const cut of this.#cuts) {
      if (cut.from.has(from) && cut.to.has(to)) return true;
    }
    return false;
  }

  /** Whether anything to or from a place is lost. */
  touches(place: number): boolean {
    for (const cut of this.#cuts) {
      if (cut.from.has(place) || cut.to.has(place)) return true;
    }
    return false;
  }

  /**
   * The sides of a partition: two places are on one side if each reaches the other, perhaps through others. Gives the
   * number of the side per place, counted from 0.
   *
   * Places that occur in the same cuts are alike: so this takes time by kinds of places, not by places.
   */
  sidesOf(places: readonly number[]): Map<number, number> {
    const cuts = [...this.#cuts];
    const kinds = new Map<string, number[]>();
    for (const place of places) {
      const kind = cuts.map(({ from, to }) => (from.has(place) ? 1 : 0) + (to.has(place) ? 2 : 0)).join('');
      const alike = kinds.get(kind);
      if (alike === undefined) kinds.set(kind, [place]);
      else alike.push(place);
    }
    // Two of a kind that cannot reach each other are kinds of their own.
    const groups = [...kinds.values()].flatMap((alike) =>
      alike.length > 1 && this.blocks(alike[0]!, alike[1]!) ? alike.map((place) => [place]) : [alike],
    );
    const reaches = groups.map((a) => groups.map((b) => a === b || !this.blocks(a[0]!, b[0]!)));
    for (const [middle] of groups.entries()) {
      for (const row of reaches) {
        if (!row[middle]) continue;
        for (const [to, isReached] of reaches[middle]!.entries()) row[to] ||= isReached;
      }
    }
    const sides = new Map<number, number>();
    let next = 0;
    for (const [index, group] of groups.entries()) {
      const mate = groups.findIndex((_, other) => other < index && reaches[index]![other] && reaches[other]![index]);
      const side = mate === -1 ? next++ : sides.get(groups[mate]![0]!)!;
      for (const place of group) sides.set(place, side);
    }
    return sides;
  }
}

/** Cuts both ways between two sets of places. */
export function cutBetween(some: Iterable<number>, others: Iterable<number>): [Cut, Cut] {
  const [a, b] = [new Set(some), new Set(others)];
  return [
    { from: a, to: b },
    { from: b, to: a },
  ];
}
