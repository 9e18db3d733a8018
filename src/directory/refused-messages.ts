/** Why messages about pods are refused: one closed list, each reason a counter. */

/** Reason -> what it means. The order is that of display. */
const meanings = {
  'change-invalid': 'a change of pods is not one, or longer than its limits',
  'change-wrong': 'a change of pods does not lead to the digest that it names',
  'request-invalid': 'a request for pods is not one, or longer than its limits',
  'answer-invalid': 'an answer with pods is not one, or longer than its limits',
  'answer-unasked': 'an answer has pods of a node that was not asked for, or other ones of it',
  'answer-wrong':
    'the pods of a node are not those that it announces: one is invalid, double, or the digest is another',
  'directory-full': 'the pods of all nodes take more memory than they may',
} as const;

export type PodRefusal = keyof typeof meanings;

/** All reasons, in order of display. */
export const podRefusals = Object.keys(meanings) as readonly PodRefusal[];

/** Counts refusals. */
export class RefusedMessages {
  readonly #counts = new Map<PodRefusal, number>(podRefusals.map((reason) => [reason, 0]));

  count(reason: PodRefusal): void {
    this.#counts.set(reason, this.#counts.get(reason)! + 1);
  }

  /** Counts since the start; every reason is a key. */
  counts(): Record<PodRefusal, number> {
    return Object.fromEntries(this.#counts) as Record<PodRefusal, number>;
  }
}
