/**
 * What others changed of weft's nftables, and up to which generation that is known: so that an audit need not list what nobody touched.
 *
 *     heard   messages of what changed, then one that ends the transaction and says its generation
 *     known   from the first transaction after which none is missing, to the last one
 */
import type { KernelChange } from '../../linux/kernel-change.ts';
import type { NftWitness } from '../../linux/nft-owned-tables.ts';

export class NftChanges implements NftWitness {
  readonly #tables: readonly string[];
  /** All changes after the one, up to the other, are known; `undefined`: none are. */
  #known: { readonly since: number; readonly until: number } | undefined;
  /** Generation in which others changed it last, by the title of the table, or of the set of which only elements changed. */
  readonly #changed = new Map<string, number>();
  /** Titles of what others changed in the transaction whose end is not heard yet. */
  readonly #open = new Set<string>();
  #readMore: () => void = () => undefined;

  /** @param tables titles; of all others nothing is remembered. */
  constructor(tables: readonly string[]) {
    this.#tables = tables;
  }

  /** Has `readMore` called before it is asked what is known: it gives to {@link hear} what is there to be heard. */
  hearBy(readMore: () => void): void {
    this.#readMore = readMore;
  }

  /**
   * @param changes without what weft changes itself, as `KernelChangeSockets` gives them
   * @param isComplete whether these are all changes since the last call
   */
  hear(changes: readonly KernelChange[], isComplete: boolean): void {
    for (const change of changes) {
      if (change.kind === 'transaction') this.#end(change.generation);
      else if (change.kind === 'table') this.#note(change);
    }
    if (!isComplete) this.#forget();
  }

  othersChanged(since: number, until: number): ReadonlySet<string> | undefined {
    if (this.#known === undefined || this.#known.until < until) this.#readMore();
    const known = this.#known;
    if (known === undefined || known.since > since || known.until < until) return undefined;
    return new Set([...this.#changed].filter(([, generation]) => generation > since).map(([title]) => title));
  }

  #note({ table, set }: Extract<KernelChange, { kind: 'table' }>): void {
    if (!this.#tables.includes(table)) return;
    // Names of sets are whatever others like, in a table of ours: they are not remembered without end.
    if (set === undefined || this.#changed.size + this.#open.size >= MAX_TITLES) this.#open.add(table);
    else this.#open.add(`${table} ${set}`);
  }

  #end(generation: number): void {
    const known = this.#known;
    // Of the first one that is heard, the beginning may be missing; where one is missing, nothing is known of those before.
    const follows = known !== undefined && generation === known.until + 1;
    if (!follows) this.#changed.clear();
    else for (const title of this.#open) this.#changed.set(title, generation);
    this.#open.clear();
    this.#known = { since: follows ? known.since : generation, until: generation };
  }

  #forget(): void {
    this.#known = undefined;
    this.#changed.clear();
    this.#open.clear();
  }
}

/** More than weft has sets and tables. */
const MAX_TITLES = 64;
