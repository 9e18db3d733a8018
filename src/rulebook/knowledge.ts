/**
 * Whether what a node holds is what its cluster holds. A node that held the rulebook in an earlier run knows that. A new one seeks somebody
 * who knows; where nobody does, the cluster is new, and there is nothing to know.
 *
 *     seeks ──all seeds are there, and everybody has answered that he does not know──> met ──so has everybody else──> knows
 *       └───────────────────────────── somebody who knows has answered ──────────────────────────────────────────────────^
 *
 * Chosen: two steps. Instead of: nobody knows. Because: one who still seeks may be about to find somebody who knows, of whom this node has not
 * heard.
 */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import { drawIndex } from '../membership/draw.ts';
import { type Endpoint, formatEndpoint } from '../wire/address.ts';
import type { RulebookCarrier } from './rulebook-carrier.ts';

/** What a node says of itself. The order is that of the numbers on the wire. */
export const knowledgeWords = ['knows', 'seeks', 'met'] as const;

export type KnowledgeWord = (typeof knowledgeWords)[number];

/** Who has told nothing after this time, in ms, is not there, or holds nothing: whoever is there answers within a second. */
export const SEEKING_MS = 5_000;

export interface KnowledgeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly carrier: RulebookCarrier;
  /** An earlier run knew it. */
  readonly wasHeard: boolean;
  /** False: an earlier run held something that is lost, so somebody has to say what the cluster holds. */
  readonly mayBeFirst: boolean;
  /** Whether nothing is held: nobody has told anything. */
  readonly holdsNothing: () => boolean;
  /** For the first time it is known. */
  readonly onHeard: () => void;
}

export class Knowledge {
  readonly #options: KnowledgeOptions;
  readonly #startedMs: number;
  #isHeard: boolean;
  /** What each has answered last, by its endpoint. */
  readonly #answers = new Map<string, KnowledgeWord>();

  constructor(options: KnowledgeOptions) {
    this.#options = options;
    this.#startedMs = options.clock.nowMs();
    this.#isHeard = options.wasHeard;
  }

  /** Whether somebody said what the cluster holds, or nobody knows more. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** Whether what is held counts: as {@link isHeard}, or there is nobody who could tell. */
  get isSure(): boolean {
    if (this.#isHeard) return true;
    const { clock, mayBeFirst, holdsNothing } = this.#options;
    if (!mayBeFirst || !holdsNothing()) return false;
    return clock.nowMs() - this.#startedMs >= SEEKING_MS || this.#isAlone;
  }

  /** What others are told. */
  get word(): KnowledgeWord {
    if (this.isSure) return 'knows';
    return this.#hasMetAll ? 'met' : 'seeks';
  }

  /** The node at `from` has answered, and all that it holds is held here. */
  take(from: Endpoint, word: KnowledgeWord): void {
    if (this.#isHeard) return;
    if (word === 'knows') return this.hear();
    this.#answers.set(formatEndpoint(from), word);
    if (this.#hasMetAll && this.#words().every((one) => one === 'met')) this.hear();
  }

  /** What is held is what the cluster holds from now on. */
  hear(): void {
    if (this.#isHeard) return;
    this.#isHeard = true;
    this.#answers.clear();
    this.#options.onHeard();
  }

  /** Whom to ask: anybody but those who have met everybody, as long as there are others. */
  whomToAsk(): Endpoint | undefined {
    const { random, carrier } = this.#options;
    const others = carrier.liveOthers().map(({ announcement }) => announcement.gossipEndpoint);
    const seeking = others.filter((other) => this.#answers.get(formatEndpoint(other)) !== 'met');
    const those = seeking.length > 0 ? seeking : others;
    return those[drawIndex(random, those.length)];
  }

  get #isAlone(): boolean {
    const { carrier } = this.#options;
    return carrier.liveOthers().length === 0 && carrier.hasMetSeeds();
  }

  get #hasMetAll(): boolean {
    const { mayBeFirst, carrier } = this.#options;
    return mayBeFirst && !this.#words().includes(undefined) && carrier.hasMetSeeds();
  }

  /** What the others have answered; `undefined`: one has not. */
  #words(): readonly (KnowledgeWord | undefined)[] {
    const others = this.#options.carrier.liveOthers();
    return others.map(({ announcement }) => this.#answers.get(formatEndpoint(announcement.gossipEndpoint)));
  }
}
