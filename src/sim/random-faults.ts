/** Small clusters with faults at random: whatever happened, in the end all nodes agree, and no rule was broken. */
import { SimulatedCluster } from './cluster.ts';
import { describeFault, endOf, schedule, type Fault } from './fault.ts';
import { drawHistory, type FaultHistory } from './fault-history.ts';
import { quickCipher } from './quick-cipher.ts';
import { shrink } from './shrink.ts';
import type { Violation } from './watch.ts';

/** How one history ended. */
export interface HistoryOutcome {
  readonly seed: number;
  readonly nodes: number;
  readonly faults: readonly Fault[];
  readonly violations: readonly Violation[];
  readonly falseDeaths: number;
  readonly historyHash: string;
}

/** A rule beyond those that always hold: says what is wrong, if anything is. Looked at when all is over. */
export type Rule = (cluster: SimulatedCluster, lines: readonly string[]) => string | undefined;

/** How long everybody has to stay of one mind at the end, in ms. */
const QUIET_MS = 10_000;

/** Runs a history to its end. */
export function runHistory({ seed, nodes, isAuthenticated, faults }: FaultHistory, rule?: Rule): HistoryOutcome {
  const lines: string[] = [];
  const cluster = new SimulatedCluster({
    nodes,
    seed,
    cipher: isAuthenticated ? quickCipher : undefined,
    ...(rule !== undefined && { onHistory: (line) => lines.push(line) }),
  });
  cluster.startAll();
  for (const fault of faults) schedule(fault, cluster);
  const { clock, watch, agreement, views } = cluster;
  clock.advance(Math.max(2_000, ...faults.map(endOf)) + 1);
  cluster.settle();
  clock.advance(QUIET_MS);
  if (watch.violations.length === 0 && !(agreement.isReached && views.distinct <= 1)) {
    watch.report('unrest', 'the nodes agreed, and then did not, though nothing happened');
  }
  const broken = rule?.(cluster, lines);
  if (broken !== undefined) watch.report('rule-broken', broken);
  return {
    seed,
    nodes,
    faults,
    violations: watch.violations,
    falseDeaths: watch.falseDeaths.size,
    historyHash: cluster.historyHash,
  };
}

/**
 * Leaves out faults as long as what is left violates the same, and time is left.
 *
 * @param isTimeLeft asked before each attempt
 */
export function shrinkHistory(history: FaultHistory, isTimeLeft: () => boolean, rule?: Rule): FaultHistory {
  const kindOf = (faults: readonly Fault[]): string | undefined =>
    runHistory({ ...history, faults }, rule).violations[0]?.kind;
  const kind = kindOf(history.faults);
  const faults = shrink(history.faults, (some) => kindOf(some) === kind, isTimeLeft);
  return { ...history, faults };
}

/** A failure for people: what was violated, what is left of the history, and how to see it again. */
export function describeFailure(outcome: HistoryOutcome, left: FaultHistory): string {
  const [violation] = outcome.violations;
  const all = drawHistory(outcome.seed).faults.map(describeFault);
  const numbers = left.faults.map((fault) => 1 + all.indexOf(describeFault(fault)));
  return [
    `seed ${outcome.seed}: ${violation?.kind} after ${((violation?.atMs ?? 0) / 1_000).toFixed(3)} s: ${violation?.message}`,
    `  replay: npm run sim -- random-faults --seed ${outcome.seed} --seeds 1`,
    `  of ${all.length} faults, these ${left.faults.length} are enough for ${left.nodes} nodes (--keep ${numbers.join(',')}):`,
    ...left.faults.map((fault) => `    ${describeFault(fault)}`),
    '',
  ].join('\n');
}
