/** The Internet checksum (RFC 1071): what a short packet costs, and what each byte of a long one does. */
import { onesComplementSum } from '../../src/wire/checksum.ts';
import type { MicroBenchmark } from './micro-benchmark.ts';

const LONG_BYTES = 65_000;

export const checksum: readonly MicroBenchmark[] = [
  ...[64, 1400].map((lengthBytes): MicroBenchmark => ({
    name: `checksum, ${lengthBytes} bytes`,
    unit: 'packet',
    unitsPerRepetition: 1,
    prepare: () => prepare(lengthBytes),
  })),
  {
    name: `checksum, per byte of ${LONG_BYTES}`,
    unit: 'byte',
    unitsPerRepetition: LONG_BYTES,
    prepare: () => prepare(LONG_BYTES),
  },
];

function prepare(lengthBytes: number): (repetitions: number) => void {
  const bytes = Uint8Array.from({ length: lengthBytes + 1 }, (_, index) => (index * 31) & 0xff);
  return (repetitions) => {
    let sum = 0;
    // An odd offset every other time: nobody aligns packets.
    for (let repetition = 0; repetition < repetitions; repetition++) {
      sum ^= onesComplementSum(bytes, repetition & 1, lengthBytes, 0);
    }
    if (sum === -1) throw new RangeError('a sum that cannot be');
  };
}
