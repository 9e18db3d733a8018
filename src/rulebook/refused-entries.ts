/** Why something of the rulebook that came from elsewhere is refused: one closed list, each reason a counter. */

/** Reason -> what it means. The order is that of display. */
const meanings = {
  'rumour-invalid': 'a rumour of the rulebook is not one, or longer than its limits',
  'request-invalid': 'a request for the rulebook is not one, or longer than its limits',
  'answer-invalid': 'an answer with entries of the rulebook is not one, or longer than its limits',
  'entry-invalid': 'an entry of the rulebook is not one, longer than its limits, or of a kind that is not known here',
  'rulebook-full': 'the rulebook has more objects, or longer ones, than it may have',
} as const;

export type RulebookRefusal = keyof typeof meanings;

/** All reasons, in order of display. */
export const rulebookRefusals = Object.keys(meanings) as readonly RulebookRefusal[];

/** What happened within this time, in ms, happened lately: nodes that differ compare what they hold several times in it. */
const LATELY_MS = 600_000;

/** Counts refusals. */
export class RefusedEntries {
  readonly #nowMs: () => number;
  readonly #lastMs = new Map<RulebookRefusal, number>();
  readonly #counts = new Map<RulebookRefusal, number>(rulebookRefusals.map((reason) => [reason, 0]));

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  count(reason: RulebookRefusal): void {
    this.#lastMs.set(reason, this.#nowMs());
    this.#counts.set(reason, this.#counts.get(reason)! + 1);
  }

  wasLately(reason: RulebookRefusal): boolean {
    return this.#nowMs() - (this.#lastMs.get(reason) ?? -Infinity) < LATELY_MS;
  }

  /** Counts since the start; every reason is a key. */
  counts(): Record<RulebookRefusal, number> {
    return Object.fromEntries(this.#counts) as Record<RulebookRefusal, number>;
  }
}
