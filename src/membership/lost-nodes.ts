/** Whom to look for: seeds that are not alive, the dead, and those who left. Nobody is ever given up, but by an operator. */
import { equalEndpoints, formatEndpoint, type Endpoint } from '../wire/address.ts';
import type { MemberTable } from './member-table.ts';

/** Members that are looked at per turn, at most: those whose address a live one has are passed over. */
const MAX_PASSED_OVER = 16;

/** One turn in so many is for those who left: mostly they are gone on purpose, but a restart begins with a leave, too. */
const LEFT_TURN = 4;

/**
 * One endpoint per turn: seeds and the dead alternate, now and then it is one of those who left, and of each kind the one
 * that was tried least recently comes first. A turn costs the same however many are lost, unless members changed.
 */
export class LostNodes {
  readonly #table: MemberTable;
  readonly #dead = new Turns();
  readonly #left = new Turns();
  #seenVersion = -1;
  /** Version at which nobody was lost, and the seeds then. */
  #completeVersion = -1;
  #completeSeeds: readonly Endpoint[] | undefined;
  #nextSeed = 0;
  #wasSeed = false;
  #turn = 0;
  #former: Endpoint | undefined;

  constructor(table: MemberTable) {
    this.#table = table;
  }

  /** This node itself was at `endpoint` before. Somebody else may be there now. */
  noteFormer(endpoint: Endpoint): void {
    this.#former = endpoint;
    this.#completeVersion = -1;
  }

  /** Whose turn it is; `undefined` if nobody is lost. `own` is where this node is. */
  next(seeds: readonly Endpoint[], own: Endpoint): Endpoint | undefined {
    const { version } = this.#table;
    if (this.#completeVersion === version && this.#completeSeeds === seeds) return undefined;
    const endpoint = this.#search(seeds, own);
    if (endpoint === undefined && this.#table.gone().size === 0) {
      this.#completeVersion = version;
      this.#completeSeeds = seeds;
    }
    return endpoint;
  }

  #search(seeds: readonly Endpoint[], own: Endpoint): Endpoint | undefined {
    this.#follow();
    if (++this.#turn % LEFT_TURN === 0) {
      const left = this.#nextGone('left', own);
      if (left !== undefined) return left;
    }
    const wasSeed = this.#wasSeed;
    const first = wasSeed ? this.#nextGone('dead', own) : this.#nextLostSeed(seeds, own);
    this.#wasSeed = first === undefined ? wasSeed : !wasSeed;
    return first ?? (wasSeed ? this.#nextLostSeed(seeds, own) : this.#nextGone('dead', own));
  }

  #nextLostSeed(seeds: readonly Endpoint[], own: Endpoint): Endpoint | undefined {
    const all = this.#former === undefined ? seeds : [...seeds, this.#former];
    for (let tried = 0; tried < all.length; tried++) {
      const seed = all[this.#nextSeed++ % all.length]!;
      if (!equalEndpoints(seed, own) && !this.#table.isAliveAt(formatEndpoint(seed))) return seed;
    }
    return undefined;
  }

  #nextGone(state: 'dead' | 'left', own: Endpoint): Endpoint | undefined {
    const turns = state === 'dead' ? this.#dead : this.#left;
    for (let passedOver = 0; passedOver < MAX_PASSED_OVER; passedOver++) {
      const identity = turns.next();
      if (identity === undefined) return undefined;
      const record = this.#table.gone().get(identity);
      if (record?.state !== state) continue;
      turns.keep(identity);
      const { gossipEndpoint } = record.announcement;
      const isTaken = this.#table.isAliveAt(record.sealed.endpointKey);
      if (!isTaken && !equalEndpoints(gossipEndpoint, own)) return gossipEndpoint;
    }
    return undefined;
  }

  #follow(): void {
    if (this.#seenVersion === this.#table.version) return;
    this.#seenVersion = this.#table.version;
    for (const [identity, { state }] of this.#table.gone()) (state === 'dead' ? this.#dead : this.#left).add(identity);
  }
}

/** Who was not tried yet; then who was, the least recently tried first. */
class Turns {
  readonly #untried = new Set<string>();
  readonly #tried = new Set<string>();

  /** Somebody takes part, if not already. */
  add(identity: string): void {
    if (!this.#tried.has(identity)) this.#untried.add(identity);
  }

  /** Takes out whose turn it is. */
  next(): string | undefined {
    const identity = firstOf(this.#untried) ?? firstOf(this.#tried);
    if (identity === undefined) return undefined;
    this.#untried.delete(identity);
    this.#tried.delete(identity);
    return identity;
  }

  /** Puts somebody at the end. */
  keep(identity: string): void {
    this.#tried.add(identity);
  }
}

function firstOf(identities: ReadonlySet<string>): string | undefined {
  for (const identity of identities) return identity;
  return undefined;
}
