import test from 'ava';
import { cutBetween, Cuts } from '../../src/sim/cut.ts';

function sides(cuts: Cuts, places: readonly number[]): number[][] {
  const sideOf = cuts.sidesOf(places);
  const found = new Map<number, number[]>();
  for (const place of places) found.set(sideOf.get(place)!, [...(found.get(sideOf.get(place)!) ?? []), place]);
  return [...found.values()];
}

test('a cut is one way, and ends when it is removed', (t) => {
  const cuts = new Cuts();
  const cut = { from: new Set([1]), to: new Set([2]) };
  cuts.add(cut);
  t.true(cuts.blocks(1, 2));
  t.false(cuts.blocks(2, 1));
  cuts.remove(cut);
  t.false(cuts.any);
});

test('a link that two cuts are in works when both are gone', (t) => {
  const cuts = new Cuts();
  const [first, second] = [
    { from: new Set([1]), to: new Set([2]) },
    { from: new Set([1, 3]), to: new Set([2]) },
  ];
  cuts.add(first, second);
  cuts.remove(first);
  t.true(cuts.blocks(1, 2));
  cuts.remove(second);
  t.false(cuts.blocks(1, 2));
});

test('without cuts there is one side', (t) => {
  t.deepEqual(sides(new Cuts(), [1, 2, 3]), [[1, 2, 3]]);
});

test('a cut both ways makes two sides, one way too', (t) => {
  const both = new Cuts();
  both.add(...cutBetween([1, 2], [3, 4]));
  t.deepEqual(sides(both, [1, 2, 3, 4]), [
    [1, 2],
    [3, 4],
  ]);
  const oneWay = new Cuts();
  oneWay.add({ from: new Set([1, 2]), to: new Set([3, 4]) });
  t.deepEqual(sides(oneWay, [1, 2, 3, 4]), [
    [1, 2],
    [3, 4],
  ]);
});

test('two who reach each other through a third are on one side', (t) => {
  const cuts = new Cuts();
  cuts.add(...cutBetween([1], [2]));
  t.deepEqual(sides(cuts, [1, 2, 3]), [[1, 2, 3]]);
});

test('places that cannot reach even their like are sides of their own', (t) => {
  const cuts = new Cuts();
  cuts.add(...cutBetween([1, 2], [1, 2]));
  t.deepEqual(sides(cuts, [1, 2]), [[1], [2]]);
});
