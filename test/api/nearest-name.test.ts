import test from 'ava';
import { nearestName } from '../../src/api/nearest-name.ts';

const names = ['web', 'database', 'n2/web', 'Cache'];

for (const [name, expected] of [
  ['databse', 'database'],
  ['DATABASE', 'database'],
  ['cach', 'Cache'],
  ['n2/wbe', 'n2/web'],
  ['databa', 'database'],
  ['datab', undefined],
  ['x', undefined],
  ['', undefined],
] as const) {
  test(`"${name}" is probably ${expected ?? 'none of them'}`, (t) => t.is(nearestName(name, names), expected));
}

test('names as long as anybody may send them are not compared letter by letter', (t) => {
  const many = Array.from({ length: 1_000 }, (_, index) => `${index}${'y'.repeat(10_000)}`);
  t.is(nearestName('x'.repeat(100_000), many), undefined);
});
