/** Many seeds of random faults, one after the other. */
import { drawHistory } from './fault-history.ts';
import { runHistory, type HistoryOutcome } from './random-faults.ts';

/** Some seeds in a row. */
export interface SeedBatch {
  readonly first: number;
  readonly count: number;
}

/** What came of them. */
export interface BatchOutcome {
  /** Seeds that were run; fewer than there were if many failed. */
  readonly seeds: number;
  readonly falseDeaths: number;
  readonly failures: readonly HistoryOutcome[];
}

/** Failures after which no more seeds are run: there is enough to look at. */
const ENOUGH_FAILURES = 5;

/** Runs the seeds of a batch. */
export function runBatch({ first, count }: SeedBatch): BatchOutcome {
  const failures: HistoryOutcome[] = [];
  let falseDeaths = 0;
  let done = 0;
  while (done < count && failures.length < ENOUGH_FAILURES) {
    const outcome = runHistory(drawHistory(first + done));
    falseDeaths += outcome.falseDeaths;
    if (outcome.violations.length > 0) failures.push(outcome);
    done++;
  }
  return { seeds: done, falseDeaths, failures };
}

/** Puts outcomes of several batches together. */
export function joinOutcomes(outcomes: readonly BatchOutcome[]): BatchOutcome {
  return {
    seeds: outcomes.reduce((sum, { seeds }) => sum + seeds, 0),
    falseDeaths: outcomes.reduce((sum, { falseDeaths }) => sum + falseDeaths, 0),
    failures: outcomes.flatMap(({ failures }) => failures),
  };
}
