import test from 'ava';
import { RoundTrip } from '../../src/paths/round-trip.ts';

test('before the first answer nothing is known, and the wait is a quarter of a second', (t) => {
  const roundTrip = new RoundTrip();
  t.is(roundTrip.smoothedMs, undefined);
  t.is(roundTrip.timeoutMs, 250);
});

test('answers are smoothed as RFC 6298 does it', (t) => {
  const roundTrip = new RoundTrip();
  roundTrip.note(100);
  t.is(roundTrip.smoothedMs, 100);
  t.is(roundTrip.timeoutMs, 300);
  roundTrip.note(180);
  t.is(roundTrip.smoothedMs, 110);
  // 50 + (80 - 50) / 4
  t.is(roundTrip.timeoutMs, 110 + 4 * 57.5);
});

test('the least is that of the last hundred', (t) => {
  const roundTrip = new RoundTrip();
  roundTrip.note(1);
  for (let count = 0; count < 99; count++) roundTrip.note(5);
  t.is(roundTrip.minMs, 1);
  roundTrip.note(5);
  t.is(roundTrip.minMs, 5);
});

test('on a fast path the wait is long enough for a busy node', (t) => {
  const roundTrip = new RoundTrip();
  for (let count = 0; count < 50; count++) roundTrip.note(0.1);
  t.is(roundTrip.timeoutMs, 120);
});

test('the wait doubles with each silence, up to two seconds, until something is answered', (t) => {
  const roundTrip = new RoundTrip();
  const waits = Array.from({ length: 6 }, () => {
    roundTrip.backOff();
    return roundTrip.timeoutMs;
  });
  t.deepEqual(waits, [500, 1_000, 2_000, 2_000, 2_000, 2_000]);
  roundTrip.note(40);
  t.is(roundTrip.timeoutMs, 120);
});
