/** A piece of the packet path by itself, in one thread, without a system call. */

/** What a row counts. */
export type Unit = 'packet' | 'segment' | 'lookup' | 'byte';

/** A row before it is measured. */
export interface MicroBenchmark {
  /** Stable: saved runs are compared by it. */
  readonly name: string;
  readonly unit: Unit;
  /** How many units one repetition is. */
  readonly unitsPerRepetition: number;
  /** Makes what is needed, once, and gives what is to be repeated. The loop is the row's, so that it compiles as one. */
  prepare(): (repetitions: number) => void;
}

/** A row that was measured. */
export interface MicroResult {
  readonly name: string;
  readonly unit: Unit;
  /** Median of the samples, in ns. */
  readonly nsPerUnit: number;
  readonly minNsPerUnit: number;
  /** Memory of the JavaScript heap. The packet path is to need none. */
  readonly allocatedBytesPerUnit: number;
}
