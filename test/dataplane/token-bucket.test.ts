import test from 'ava';
import { TokenBucket } from '../../src/dataplane/token-bucket.ts';

function takeAll(bucket: TokenBucket): number {
  let taken = 0;
  while (bucket.take()) taken++;
  return taken;
}

test('a bucket is full at the start, and no fuller later', (t) => {
  const bucket = new TokenBucket(100, 5);
  bucket.refill(1_000);
  t.is(takeAll(bucket), 5);
  bucket.refill(1_000_000);
  t.is(takeAll(bucket), 5);
});

test('tokens come at the rate, however often it is looked at', (t) => {
  const bucket = new TokenBucket(100, 5);
  bucket.refill(0);
  takeAll(bucket);
  let taken = 0;
  for (let nowMs = 1; nowMs <= 1_000; nowMs++) {
    bucket.refill(nowMs);
    if (bucket.take()) taken++;
  }
  t.true(Math.abs(taken - 100) <= 1, `${taken}`);
});

test('time that goes back gives nothing', (t) => {
  const bucket = new TokenBucket(1_000, 5);
  bucket.refill(10);
  takeAll(bucket);
  bucket.refill(5);
  t.false(bucket.take());
});
