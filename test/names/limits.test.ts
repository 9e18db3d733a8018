import test from 'ava';
import { Askers, NODE_ITSELF } from '../../src/names/askers.ts';
import { FairShares } from '../../src/names/fair-shares.ts';
import { QuestionRates } from '../../src/names/question-rates.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { prefix } from '../support/announcements.ts';

function fill(shares: FairShares, holder: string): number {
  let taken = 0;
  while (shares.take(holder)) taken++;
  return taken;
}

test('one that takes all it can get leaves two thirds, and the next one still finds as much', (t) => {
  const shares = new FairShares(90, 1_000);
  t.is(fill(shares, 'flood'), 30);
  t.true(fill(shares, 'second') >= 15);
  t.true(shares.take('third'));
});

test('while many take all they can get, again and again, one more finds a place', (t) => {
  const shares = new FairShares(100, 1_000);
  const floods = Array.from({ length: 20 }, (_, index) => ({ name: `flood ${index}`, held: 0 }));
  for (let round = 0; round < 100; round++) {
    for (const flood of floods) {
      flood.held += fill(shares, flood.name);
      if (flood.held === 0) continue;
      shares.release(flood.name);
      flood.held--;
    }
  }
  t.true(shares.take('one more'));
  t.true(shares.taken <= 100);
});

test('a place that is given back can be taken again', (t) => {
  const shares = new FairShares(10, 2);
  t.is(fill(shares, 'one'), 2);
  shares.release('one');
  t.true(shares.take('one'));
  t.is(shares.taken, 2);
  t.throws(() => shares.release('other'), { instanceOf: RangeError });
});

test('no one has more places than it may, however many are free', (t) => {
  t.is(fill(new FairShares(1_000, 8), 'one'), 8);
});

test('who asks too often is not heard, until time has passed, and others are', (t) => {
  const rates = new QuestionRates({ perSecond: 10, burst: 3, mostAskers: 10 });
  t.deepEqual(
    [0, 0, 0, 0].map((nowMs) => rates.allows('one', nowMs)),
    [true, true, true, false],
  );
  t.true(rates.allows('other', 0));
  t.true(rates.allows('one', 100));
  t.false(rates.allows('one', 100));
});

test('those that there is no room for share one allowance, and those known before keep theirs', (t) => {
  const rates = new QuestionRates({ perSecond: 1, burst: 2, mostAskers: 2 });
  for (const asker of ['a', 'b']) t.true(rates.allows(asker, 0));
  t.true(rates.allows('c', 0));
  t.true(rates.allows('d', 0));
  t.false(rates.allows('e', 0));
  t.true(rates.allows('a', 0));
  // Long after, all are forgotten.
  t.true(rates.allows('f', 10_000));
});

const askers = new Askers([prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')]);
askers.update(
  [parseIpAddress('10.244.1.1')!, parseIpAddress('169.254.1.1')!],
  [
    {
      device: 'wf1',
      addresses: [parseIpAddress('10.244.1.2')!, parseIpAddress('fd00:10:244:1::2')!],
      allowSources: [],
    },
    { device: 'wf2', addresses: [parseIpAddress('10.244.1.3')!], allowSources: [prefix('10.244.128.0/24')] },
  ],
);

const asks = test.macro({
  exec: (t, address: string, expected: string | undefined) => t.is(askers.find(parseIpAddress(address)!), expected),
  title: (what, address: string) => `${what ?? ''} asks from ${address}`,
});

test('the node itself', asks, '10.244.1.1', NODE_ITSELF);
test('the node itself', asks, '169.254.1.1', NODE_ITSELF);
test('the node itself', asks, '127.0.0.1', NODE_ITSELF);
test('the node itself', asks, '::1', NODE_ITSELF);
test('a pod', asks, '10.244.1.2', 'wf1');
test('a pod', asks, 'fd00:10:244:1::2', 'wf1');
test('who is behind a router pod, in its name,', asks, '10.244.128.77', 'wf2');
test('a pod of another node', asks, '10.244.2.2', '10.244.2.2');
test('a stranger', asks, '198.18.0.2', undefined);
test('a stranger', asks, 'fd00:198:18::2', undefined);
