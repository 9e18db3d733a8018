/** Measures a micro-benchmark. Needs `--expose-gc`. */
import { median } from '../statistics.ts';
import type { MicroBenchmark, MicroResult } from './micro-benchmark.ts';

/** One sample: long enough for the clock, short enough to fall between two interruptions now and then. */
const SAMPLE_MS = 8;
const SAMPLES = 31;
const WARM_UP_MS = 150;
/** The least of these is taken: the compiler allocates, too, but not every time. */
const ALLOCATION_SAMPLES = 5;

/** @throws TypeError without `--expose-gc`. */
export function measureMicro(benchmark: MicroBenchmark): MicroResult {
  const { name, unit, unitsPerRepetition } = benchmark;
  const repeat = benchmark.prepare();
  const repetitions = calibrate(repeat);
  const samples = Array.from({ length: SAMPLES }, () => timeMs(repeat, repetitions));
  const nsPerUnit = (ms: number): number => (ms * 1e6) / repetitions / unitsPerRepetition;
  const allocatedBytes = Array.from({ length: ALLOCATION_SAMPLES }, () => allocated(repeat, repetitions));
  return {
    name,
    unit,
    nsPerUnit: nsPerUnit(median(samples)),
    minNsPerUnit: nsPerUnit(Math.min(...samples)),
    allocatedBytesPerUnit: Math.min(...allocatedBytes) / repetitions / unitsPerRepetition,
  };
}

/** Runs until the code is compiled, and finds how many repetitions fill a sample. */
function calibrate(repeat: (repetitions: number) => void): number {
  let repetitions = 1;
  const end = performance.now() + WARM_UP_MS;
  for (;;) {
    const ms = timeMs(repeat, repetitions);
    if (ms < SAMPLE_MS / 2) repetitions *= 2;
    else if (performance.now() > end) return Math.max(1, Math.round((repetitions * SAMPLE_MS) / ms));
  }
}

function timeMs(repeat: (repetitions: number) => void, repetitions: number): number {
  const begin = performance.now();
  repeat(repetitions);
  return performance.now() - begin;
}

/** Bytes by which the heap grows. Too few to start a collection: samples are short, and the young generation is large. */
function allocated(repeat: (repetitions: number) => void, repetitions: number): number {
  if (globalThis.gc === undefined) throw new TypeError('run node with --expose-gc');
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  // What the question itself takes is known by asking twice.
  const question = process.memoryUsage().heapUsed - before;
  const begin = process.memoryUsage().heapUsed;
  repeat(repetitions);
  return Math.max(0, process.memoryUsage().heapUsed - begin - question);
}
