/** What is counted of names: memory that the thread writes and the main thread reads, so that it outlives the thread. */
import type { NameOutcome } from '../../api/names-api.ts';

/** Outcome -> its place in the memory, and what it means. The order is that of display. */
export const nameOutcomes: Readonly<Record<NameOutcome, string>> = {
  answered: 'names of the cluster that exist, with the address or name that was asked for',
  'no-data': 'names of the cluster that exist, without anything of the type that was asked for',
  'no-name': 'names of the cluster that nobody has',
  'not-yet': 'names of the cluster that nobody is known to have, while a daemon that has just started learns them',
  forwarded: "other names, answered by the node's resolver",
  unanswered: "other names, to which the node's resolver gave no answer in time",
  'no-resolver': 'other names, while the node has no resolver to ask',
  busy: 'other names, while too many questions of the asker, or of all, waited for the resolver',
  refused: 'questions of another class, and transfers of zones',
  malformed: 'what is no question, or of a kind or version that weft does not know',
  'rate-limited': 'questions of an asker that asks too often: not answered',
  stranger: 'questions from addresses that are neither of this node, nor of its pods, nor of the cluster: not answered',
};

const outcomes = Object.keys(nameOutcomes) as readonly NameOutcome[];

/** Beside the outcomes: answers that were cut, questions that came over TCP, and connections that were turned away. */
const others = ['truncated', 'overTcp', 'turnedAway'] as const;

export type OtherCount = (typeof others)[number];

/** All counts at a moment. */
export interface NameCounts extends Readonly<Record<OtherCount, number>> {
  readonly questions: Readonly<Record<NameOutcome, number>>;
}

export class NameCounters {
  readonly memory: SharedArrayBuffer;
  readonly #counts: BigUint64Array;

  /** @param memory of another thread's; absent: new. */
  constructor(memory = new SharedArrayBuffer((outcomes.length + others.length) * BigUint64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#counts = new BigUint64Array(memory);
  }

  /** Counts a question. */
  question(outcome: NameOutcome): void {
    this.#add(outcomes.indexOf(outcome));
  }

  /** Counts something else. */
  other(count: OtherCount): void {
    this.#add(outcomes.length + others.indexOf(count));
  }

  read(): NameCounts {
    const at = (index: number): number => Number(Atomics.load(this.#counts, index));
    const entries = outcomes.map((outcome, index) => [outcome, at(index)]);
    return {
      questions: Object.fromEntries(entries) as Record<NameOutcome, number>,
      truncated: at(outcomes.length),
      overTcp: at(outcomes.length + 1),
      turnedAway: at(outcomes.length + 2),
    };
  }

  #add(index: number): void {
    Atomics.add(this.#counts, index, 1n);
  }
}
