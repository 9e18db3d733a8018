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

/** Counts refusals. */
export class RefusedEntries {
  readonly #counts = new Map<RulebookRefusal, number>(rulebookRefusals.map((reason) => [reason, 0]));

  count(reason: RulebookRefusal): void {
    this.#counts.set(reason, this.#counts.get(reason)! + 1);
  }

  /** Counts since the start; every reason is a key. */
  counts(): Record<RulebookRefusal, number> {
    return Object.fromEntries(this.#counts) as Record<RulebookRefusal, number>;
  }
}
