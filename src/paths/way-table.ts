/**
 * The ways that packets take to all peers: a choice for each peer whose direct way failed, and the paths that it needs looked at.
 *
 *     peers, health of paths ──> WayTable ──> which relays are used or tried, and how closely paths are looked at
 */
import type { Clock } from '../env/clock.ts';
import type { PathHealth, PathTable } from './path-table.ts';
import { RelayChoice, SILENCE_MS } from './relay-choice.ts';

/** A peer, as an end of a way or as a relay. */
export interface WayPeer {
  /** Its number in the forwarding state. */
  readonly peer: number;
  /** Whether gossip takes it for alive, and not for suspect. */
  readonly isAlive: boolean;
  /** Whether it passes on packets of others. */
  readonly relays: boolean;
  /** Numbers of the peers that it says to have no good way to itself. */
  readonly badTo: readonly number[];
}

/** A way to a peer through another. */
export interface RelayedWay {
  readonly target: number;
  readonly relay: number;
  /** Whether packets take it; otherwise it is only probed. */
  readonly isUsed: boolean;
}

export interface WayTableOptions {
  readonly clock: Clock;
  readonly paths: Pick<PathTable, 'healthOf' | 'isWatched' | 'want'>;
  /** Called at once when {@link WayTable.relayed} would say something else than before. */
  readonly onChange: () => void;
}

/** How long a peer may be silent and still be tried as a relay, in ms. */
const MAX_RELAY_SILENCE_MS = SILENCE_MS / 2;
/** One that lost more than this lately is tried after all others: what it loses today is seen when it is tried. */
const GOOD_RELAY_LOSS = 0.2;

/** After a pause this long, in ms, silence may be this node's own: answers that came meanwhile are taken first. */
const MAX_PAUSE_MS = 1_000;

/** Driven by its methods alone. */
export class WayTable {
  readonly #options: WayTableOptions;
  #peers: ReadonlyMap<number, WayPeer> = new Map();
  /** By target; those that are missing go straight, and always have. */
  readonly #choices = new Map<number, RelayChoice>();
  /** Numbers of ways through relays, by target and relay. */
  #numbers: ReadonlyMap<number, ReadonlyMap<number, number>> = new Map();
  #lookedMs = 0;

  constructor(options: WayTableOptions) {
    this.#options = options;
  }

  /** These are the peers now. What leads to or through others is forgotten. */
  update(peers: readonly WayPeer[]): void {
    this.#peers = new Map(peers.map((peer) => [peer.peer, peer]));
    for (const [target, choice] of this.#choices) {
      if (!this.#peers.has(target)) this.#choices.delete(target);
      else choice.keepOnly((relay) => this.#isRelay(relay));
    }
  }

  /** Ways through relays that are used or tried now. All need a number: see {@link number}. */
  relayed(): RelayedWay[] {
    return [...this.#choices].flatMap(([target, choice]) =>
      choice.trials.map((relay) => ({ target, relay, isUsed: relay === choice.relay })),
    );
  }

  /** The paths that ways through relays have now, by their numbers in the forwarding state. */
  number(ways: readonly { readonly peer: number; readonly target: number; readonly relay: number }[]): void {
    const numbers = new Map<number, Map<number, number>>();
    for (const { peer, target, relay } of ways) {
      const ofTarget = numbers.get(target);
      if (ofTarget === undefined) numbers.set(target, new Map([[relay, peer]]));
      else ofTarget.set(relay, peer);
    }
    this.#numbers = numbers;
    for (const [target, choice] of this.#choices) this.#attend(target, choice);
  }

  /** Whether the direct way to a peer is out of order. */
  isDown(target: number): boolean {
    return (this.#choices.get(target)?.state ?? 'direct') !== 'direct';
  }

  /** Looks at all paths, and chooses anew where something has to change. To be called a few times a second. */
  look(): void {
    const { clock, paths, onChange } = this.#options;
    const nowMs = clock.nowMs();
    const hasPaused = nowMs - this.#lookedMs > MAX_PAUSE_MS;
    this.#lookedMs = nowMs;
    if (hasPaused) return;
    let isChanged = false;
    for (const [target, { isAlive }] of this.#peers) {
      const known = this.#choices.get(target);
      const isWatched = paths.isWatched(target);
      if (known === undefined && !isWatched) continue;
      const direct = paths.healthOf(target);
      if (direct === undefined || (known === undefined && !RelayChoice.isSilent(direct))) continue;
      if (isWatched) {
        const choice = known ?? new RelayChoice();
        isChanged = choice.look({ ...this.#outlook(target), nowMs, direct, isAlive }) || isChanged;
        if (choice.isAtRest(nowMs)) this.#choices.delete(target);
        else this.#choices.set(target, choice);
      }
      if (known !== undefined) this.#attend(target, known);
    }
    if (isChanged) onChange();
  }

  /** What a choice asks. */
  #outlook(target: number): {
    isRelay: (relay: number) => boolean;
    candidates: () => readonly number[];
    through: (relay: number) => PathHealth | undefined;
  } {
    return {
      isRelay: (relay) => this.#isRelay(relay),
      candidates: () => this.#candidates(target),
      through: (relay) => this.#healthThrough(target, relay),
    };
  }

  #isRelay(relay: number): boolean {
    return this.#peers.get(relay)?.relays === true;
  }

  #healthThrough(target: number, relay: number): PathHealth | undefined {
    const number = this.#numbers.get(target)?.get(relay);
    return number === undefined ? undefined : this.#options.paths.healthOf(number);
  }

  /** Peers that could be a relay to `target`: the fastest first, and last those of which nothing or nothing good is known. */
  #candidates(target: number): number[] {
    const found: { relay: number; rank: number }[] = [];
    for (const [relay, { isAlive, relays, badTo }] of this.#peers) {
      if (relay === target || !isAlive || !relays || badTo.includes(target) || this.isDown(relay)) continue;
      const health = this.#options.paths.healthOf(relay);
      if (health === undefined || health.silentMs > MAX_RELAY_SILENCE_MS) continue;
      const isGood = health.roundTripMs !== undefined && health.lossRatio <= GOOD_RELAY_LOSS;
      found.push({ relay, rank: isGood ? health.roundTripMs : Number.MAX_VALUE });
    }
    return found.sort((a, b) => a.rank - b.rank || a.relay - b.relay).map(({ relay }) => relay);
  }

  /** While a peer has traffic or its turn, all ways to it are looked at closely until the direct one is taken again. */
  #attend(target: number, choice: RelayChoice): void {
    const { paths } = this.#options;
    const isWatched = paths.isWatched(target);
    paths.want(target, isWatched && choice.state !== 'direct' ? 'busy' : undefined);
    for (const number of this.#numbers.get(target)?.values() ?? []) paths.want(number, isWatched ? 'busy' : 'none');
  }
}
