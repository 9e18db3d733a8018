/** A figure of weft alone: something that has a target of its own, and no rival. */
import type { Measure } from './workload.ts';

/** Where a figure leaves its values. Called once per value; values of a round belong together. */
export type Note = (round: number, measure: string, value: number) => void;

/** Measured once per run, in rounds of its own making. */
export interface Figure {
  /** For `--only`. */
  readonly name: string;
  readonly measures: readonly Measure[];
  /** @param directory empty, its own, removed by the caller. @param rounds how often to measure, if once is not enough. */
  run(directory: string, rounds: number, note: Note): Promise<void>;
}
