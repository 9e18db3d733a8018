/** Probes of different sizes that are awaited together. */

/** One probe. */
export interface Probe {
  /** Counted from the inner IP header. */
  readonly sizeBytes: number;
  readonly sentMs: number;
  /** Which one it is of all that were sent over this path. */
  readonly ordinal: number;
  isAnswered: boolean;
  /** This node's own kernel did not send it. */
  isRefused: boolean;
}

/** A round, by the numbers of its probes, and what is done when all were answered or the time is up. */
export interface ProbeRound {
  readonly probes: Map<number, Probe>;
  readonly judge: (round: ProbeRound) => void;
}

/** The largest size that passed; `undefined` if nothing was answered. */
export function largestAnswered({ probes }: ProbeRound): number | undefined {
  const sizes = [...probes.values()].filter(({ isAnswered }) => isAnswered).map(({ sizeBytes }) => sizeBytes);
  return sizes.length === 0 ? undefined : Math.max(...sizes);
}

/** The smallest size above `passing` that was tried; `undefined` if there is none. */
export function smallestUnansweredAbove({ probes }: ProbeRound, passing: number): number | undefined {
  const sizes = [...probes.values()].map(({ sizeBytes }) => sizeBytes).filter((sizeBytes) => sizeBytes > passing);
  return sizes.length === 0 ? undefined : Math.min(...sizes);
}

/** Whether no answer could tell more: a round is over with its largest probe. */
export function isOver(round: ProbeRound): boolean {
  const passing = largestAnswered(round) ?? 0;
  return ![...round.probes.values()].some(
    ({ sizeBytes, isAnswered, isRefused }) => !isAnswered && !isRefused && sizeBytes > passing,
  );
}
