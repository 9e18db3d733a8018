/** How quiet the machine was: the same loop over and over, what others did in between, and what other machines took away. */
import { loadavg } from 'node:os';
import { pause } from './interruption.ts';
import { machineTime, type MachineTime } from './processor-time.ts';
import { median } from './statistics.ts';

const LOOPS = 5;
const LISTEN_MS = 500;
/** About 10 ms on a processor of 2023. */
const STEPS = 10_000_000;

/** What is said about it. */
export interface NoiseReport {
  /** Load average of the minute before the run. */
  readonly loadBefore: number;
  readonly loopMedianMs: number;
  readonly loopMinMs: number;
  readonly loopMaxMs: number;
  /** How much longer than the shortest the median loop took: 0 on a quiet machine. */
  readonly slowdown: number;
  /** Part of the processors' time that was taken while the benchmark itself did nothing: its idle daemons, and others. */
  readonly othersShare: number;
  /** Part of the processors' time that was given to other virtual machines. */
  readonly stolenShare: number;
}

/** Listens in while nothing is measured. */
export class Noise {
  readonly #loadBefore = loadavg()[0] ?? 0;
  readonly #begin: MachineTime = machineTime();
  readonly #loopsMs: number[] = [];
  readonly #othersShares: number[] = [];

  constructor() {
    // Compiled first; a loop that is interpreted in part is no measure.
    for (let loop = 0; loop < LOOPS; loop++) spin();
  }

  /** Takes samples, for a good half second. Call it when nothing else of the benchmark is busy. */
  async sample(): Promise<void> {
    const before = machineTime();
    await pause(LISTEN_MS);
    const after = machineTime();
    this.#othersShares.push((after.busySeconds - before.busySeconds) / (after.totalSeconds - before.totalSeconds));
    for (let loop = 0; loop < LOOPS; loop++) {
      const begin = performance.now();
      spin();
      this.#loopsMs.push(performance.now() - begin);
    }
  }

  report(): NoiseReport {
    const now = machineTime();
    const loopMinMs = Math.min(...this.#loopsMs);
    const loopMedianMs = median(this.#loopsMs);
    const totalSeconds = now.totalSeconds - this.#begin.totalSeconds;
    return {
      loadBefore: this.#loadBefore,
      loopMedianMs,
      loopMinMs,
      loopMaxMs: Math.max(...this.#loopsMs),
      slowdown: loopMedianMs / loopMinMs - 1,
      othersShare: median(this.#othersShares),
      stolenShare: totalSeconds === 0 ? 0 : (now.stolenSeconds - this.#begin.stolenSeconds) / totalSeconds,
    };
  }
}

/** The result is returned so that the loop is not found to be of no use. */
function spin(): number {
  let state = 1;
  for (let step = 0; step < STEPS; step++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  return state;
}
