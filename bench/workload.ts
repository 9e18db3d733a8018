/** The same work for every rival. */
import type { Rival, RivalLabel, RunningRival } from './rival.ts';
import type { Site } from './site.ts';

/** A row of the table. */
export interface Measure {
  /** Key in the JSON. */
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
}

/** A rival that is up. */
export interface Subject {
  readonly rival: Rival;
  readonly label: RivalLabel;
  readonly site: Site;
  readonly running: RunningRival;
}

/** Work that gives one value for each of its measures, in their order; NaN where a rival has none by its nature. */
export interface Workload {
  /** For `--only`. */
  readonly name: string;
  readonly measures: readonly Measure[];
  run(subject: Subject): Promise<readonly number[]>;
}

/** How long one measurement takes: long enough for a steady state, short enough for many rounds of many rows. */
export const MEASURE_MS = 2_500;
