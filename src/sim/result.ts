/** What a run of the simulator says. Names and shapes are API: `--json` prints them. */
import type { Violation } from './watch.ts';

/** Of a number of times, in ms, to the microsecond. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Result {
  readonly scenario: string;
  readonly nodes: number;
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Over the nodes: from the disturbance until a node saw everything as it is, and went on so until the end. */
  readonly convergenceMs: Percentiles;
  /** Sent on the underlay, from the beginning of the scenario to its end; headers of IP, UDP and TCP included. */
  readonly bytesPerNodePerSecond: number;
  /** Incarnations of healthy nodes that somebody held dead. */
  readonly falseDeaths: number;
  readonly wallSeconds: number;
}

/** The same scenario with several seeds. */
export interface Summary {
  readonly scenario: string;
  readonly nodes: number;
  /** First and last. */
  readonly seeds: readonly [number, number];
  readonly violations: number;
  /** Over the seeds: until the last node saw everything as it is. */
  readonly convergenceMs: Percentiles;
  /** Mean over the seeds. */
  readonly bytesPerNodePerSecond: number;
  readonly falseDeaths: number;
  readonly wallSeconds: number;
  readonly results: readonly Result[];
}

/** Nearest-rank percentiles; zeros if there are no times. */
export function percentiles(times: readonly number[]): Percentiles {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => {
    const rank = Math.max(1, Math.ceil(share * sorted.length));
    return Math.round((sorted[rank - 1] ?? 0) * 1_000) / 1_000;
  };
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Puts the results of several seeds together; `wallSeconds` is what all of them took. */
export function summarise(results: readonly Result[], wallSeconds: number): Summary {
  const [first] = results;
  if (first === undefined) throw new RangeError('no results to summarise');
  const seeds = results.map(({ seed }) => seed);
  const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
  return {
    scenario: first.scenario,
    nodes: first.nodes,
    seeds: [Math.min(...seeds), Math.max(...seeds)],
    violations: sum(({ violations }) => violations.length),
    convergenceMs: percentiles(results.map(({ convergenceMs }) => convergenceMs.max)),
    bytesPerNodePerSecond: Math.round(sum(({ bytesPerNodePerSecond }) => bytesPerNodePerSecond) / results.length),
    falseDeaths: sum(({ falseDeaths }) => falseDeaths),
    wallSeconds,
    results,
  };
}
