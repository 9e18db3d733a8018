import test from 'ava';
import { joinHalves, lowerHalf, upperHalf } from '../../src/capture/halves.ts';

for (const [high, low, whole] of [
  [0, 0, 0n],
  [0, 1, 1n],
  [1, 0, 0x1_0000_0000n],
  [0x0123_4567, 0x89ab_cdef, 0x0123_4567_89ab_cdefn],
  [0xffff_ffff, 0xffff_ffff, 0xffff_ffff_ffff_ffffn],
] as const) {
  test(`${whole} is ${high} and ${low}`, (t) => {
    t.is(joinHalves(high, low), whole);
    t.is(upperHalf(whole), high);
    t.is(lowerHalf(whole), low);
  });
}

test('signed halves count as unsigned', (t) => {
  t.is(joinHalves(-1, -2), 0xffff_ffff_ffff_fffen);
});
