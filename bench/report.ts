/** Everything that a run found, ready to be shown as a table, as JSON, as a chart. Pure. */
import type { NoiseReport } from './noise.ts';
import type { RivalLabel } from './rival.ts';
import type { Results } from './results.ts';
import type { Measure } from './workload.ts';

/** Where it ran. */
export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGigabytes: number;
  readonly kernel: string;
  readonly distribution: string;
  readonly node: string;
}

/** A rival that took part. */
export interface Column extends RivalLabel {
  readonly name: string;
  readonly title: string;
}

export interface Report {
  readonly startedAt: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly machine: Machine;
  readonly noise: NoiseReport;
  /** The reference first. */
  readonly columns: readonly Column[];
  /** Rows in which rivals are compared. */
  readonly measures: readonly Measure[];
  /** Rows of weft alone. */
  readonly figures: readonly Measure[];
  readonly results: Results;
  /** What could not be measured, and why; what was left out. */
  readonly remarks: readonly string[];
}

/** Three digits: more would be made up. */
export function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const digits = Math.min(3, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(digits);
}

/** `5 rounds`. */
export function rounds({ rounds: count }: Report): string {
  return count === 1 ? '1 round' : `${count} rounds`;
}

/** How quiet it was, in a sentence. */
export function noiseSentence({ noise }: Report): string {
  const loop = `an identical loop took ${noise.loopMinMs.toFixed(1)} to ${noise.loopMaxMs.toFixed(1)} ms`;
  const usual = `usually ${percent(noise.slowdown)} more than the shortest`;
  const others = `while the benchmark waited, the processors were ${percent(noise.othersShare)} busy`;
  const stolen = `${percent(noise.stolenShare)} of them went to other virtual machines`;
  const judgement = isNoisy(noise)
    ? 'The machine was noisy: trust ratios more than values, and neither to the last digit.'
    : 'The machine was quiet.';
  return `Noise: ${loop}, ${usual}; ${others}; ${stolen}; load before: ${noise.loadBefore.toFixed(1)}. ${judgement}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Whether figures deserve a warning: a tenth is what rows differ by from run to run on a quiet machine. */
function isNoisy(noise: NoiseReport): boolean {
  return noise.slowdown > 0.1 || noise.othersShare > 0.1 || noise.stolenShare > 0.02;
}
