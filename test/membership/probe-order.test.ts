import test from 'ava';
import { ProbeOrder } from '../../src/membership/probe-order.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const names = ['a', 'b', 'c', 'd', 'e'];

test('each candidate has its turn once per round, in changing order', (t) => {
  const order = new ProbeOrder(new SeededRandom(1));
  const rounds = Array.from({ length: 10 }, () => names.map(() => order.next(names)!));
  for (const round of rounds) t.deepEqual([...round].sort(), names);
  t.true(new Set(rounds.map((round) => round.join())).size > 5);
});

test('without candidates it is nobody’s turn', (t) => {
  t.is(new ProbeOrder(new SeededRandom(1)).next([]), undefined);
});

test('whoever went is left out, and nobody else loses a turn', (t) => {
  const order = new ProbeOrder(new SeededRandom(2));
  const first = order.next(names)!;
  const second = order.next(names)!;
  const rest = names.filter((name) => name !== first);
  const turns = [second, ...Array.from({ length: 3 }, () => order.next(rest)!)];
  t.deepEqual(turns.sort(), rest);
});

test('a newcomer has its turn within two rounds', (t) => {
  for (let seed = 0; seed < 50; seed++) {
    const order = new ProbeOrder(new SeededRandom(seed));
    order.next(names);
    const turns = Array.from({ length: 2 * (names.length + 1) }, () => order.next([...names, 'new']));
    t.true(turns.includes('new'));
  }
});
