import test from 'ava';
import { ProbeOrder } from '../../src/membership/probe-order.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const names = ['a', 'b', 'c', 'd', 'e'];

function orderOf(seed: number, identities: readonly string[] = names): ProbeOrder {
  const order = new ProbeOrder(new SeededRandom(seed));
  for (const identity of identities) order.insert(identity);
  return order;
}

test('each candidate has its turn once per round, in changing order', (t) => {
  const order = orderOf(1);
  const rounds = Array.from({ length: 10 }, () => names.map(() => order.next()!));
  for (const round of rounds) t.deepEqual([...round].sort(), names);
  t.true(new Set(rounds.map((round) => round.join())).size > 5);
});

test('without candidates it is nobody’s turn', (t) => {
  t.is(orderOf(1, []).next(), undefined);
});

test('whoever is put in twice has one turn per round', (t) => {
  const order = orderOf(1, [...names, ...names]);
  t.is(order.size, 5);
  t.deepEqual(names.map(() => order.next()!).sort(), names);
});

test('whoever went is left out, and nobody else loses a turn', (t) => {
  const order = orderOf(2);
  const first = order.next()!;
  const second = order.next()!;
  order.delete(first);
  const turns = [second, ...Array.from({ length: 3 }, () => order.next()!)];
  t.deepEqual(
    turns.sort(),
    names.filter((name) => name !== first),
  );
});

test('a newcomer has its turn within two rounds', (t) => {
  for (let seed = 0; seed < 50; seed++) {
    const order = orderOf(seed);
    order.next();
    order.insert('new');
    const turns = Array.from({ length: 2 * (names.length + 1) }, () => order.next());
    t.true(turns.includes('new'));
  }
});

for (const seed of process.env['SEED'] === undefined ? [1, 2, 3] : [Number(process.env['SEED'])]) {
  test(`whoever comes and goes, those who stay wait less than two rounds (SEED=${seed})`, (t) => {
    const random = new SeededRandom(seed);
    const order = orderOf(seed, []);
    const present = new Set<string>();
    const waited = new Map<string, number>();
    for (let step = 0; step < 5_000; step++) {
      const name = `n${random.below(30)}`;
      if (random.fraction() < 0.1) {
        if (present.delete(name)) order.delete(name);
        else order.insert(present.add(name) && name);
        waited.delete(name);
      }
      t.is(order.size, present.size);
      const turn = order.next();
      t.is(turn === undefined, present.size === 0);
      if (turn === undefined) continue;
      t.true(present.has(turn));
      for (const other of present) waited.set(other, (waited.get(other) ?? 0) + 1);
      waited.set(turn, 0);
      // Rounds grow with newcomers: two of the largest.
      t.true([...waited.values()].every((turns) => turns < 60));
    }
  });
}
