import test from 'ava';
import { sizesBetween } from '../../src/paths/probe-sizes.ts';

const tries = test.macro<[number, number, number, number[]]>({
  exec: (t, passing, failing, overhead, expected) => t.deepEqual(sizesBetween(passing, failing, overhead), expected),
  title: (_name, passing, failing, _overhead, expected) =>
    `between ${passing}, which passes, and ${failing}, which does not, ${expected.join(', ') || 'nothing'} is tried`,
});

test(tries, 1349, 1350, 50, []);
test(tries, 1350, 1350, 50, []);
test(tries, 1348, 1350, 50, [1349]);
test(tries, 1340, 1346, 50, [1345, 1344, 1343, 1342, 1341]);
test(tries, 256, 1450, 50, [1442, 1430, 1426, 1410, 1400, 1370, 1211, 972, 734, 495]);
test(tries, 256, 1430, 70, [1422, 1410, 1406, 1390, 1380, 1350, 1195, 960, 726, 491]);
test(tries, 1450, 8951, 50, [8950, 8846, 8013, 7076, 6138, 5201, 4302, 4263, 3325, 2388]);

test('sizes lie between, largest first, each once, and make the gap at least five times smaller', (t) => {
  for (let passing = 256; passing < 9_000; passing += 97) {
    for (let failing = passing + 1; failing < 9_000; failing += 61) {
      const sizes = sizesBetween(passing, failing, 50);
      t.true(sizes.length <= 10);
      const bounds = [failing, ...sizes, passing];
      const gaps = bounds.slice(1).map((size, index) => bounds[index]! - size);
      if (gaps.some((gap) => gap < 1 || gap > Math.ceil((failing - passing) / 5))) t.fail(bounds.join());
    }
  }
});
