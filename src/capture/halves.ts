/** 64-bit numbers as two halves of 32 bits, and back, by way of memory: arithmetic with bigints would take several objects. */

const whole = new BigUint64Array(1);
const halves = new Uint32Array(whole.buffer);
const LOW = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;

/** The number with these halves, of which only the low 32 bits count. */
export function joinHalves(high: number, low: number): bigint {
  halves[HIGH] = high;
  halves[LOW] = low;
  return whole[0]!;
}

/** The upper half of `value`, unsigned. */
export function upperHalf(value: bigint): number {
  whole[0] = value;
  return halves[HIGH]!;
}

/** The lower half of `value`, unsigned. */
export function lowerHalf(value: bigint): number {
  whole[0] = value;
  return halves[LOW]!;
}
