import test from 'ava';
import { type MeasuredPath, MAX_REPORTED_PATHS, reportPaths, type ReportedPath } from '../../src/paths/path-report.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

function pathTo(identity: string, lossRatio: number | null, change: Partial<MeasuredPath> = {}): MeasuredPath {
  return { identity, isDown: false, lossRatio, roundTripMs: { smoothed: 1 }, probes: 100, ...change };
}

const steps = test.macro<[number, number]>({
  exec: (t, lossRatio, permille) => {
    const [report] = reportPaths([pathTo('a', lossRatio)], []);
    t.is(report?.lossPermille ?? 0, permille);
  },
  title: (_name, loss, permille) => `a loss of ${loss} is reported as ${permille === 0 ? 'nothing' : permille}`,
});

test(steps, 0, 0);
test(steps, 0.04, 0);
test(steps, 0.05, 50);
test(steps, 0.19, 100);
test(steps, 0.2, 200);
test(steps, 0.7, 500);
test(steps, 1, 500);

test('a path over which nothing comes back is the worst, however much it lost before', (t) => {
  t.deepEqual(reportPaths([pathTo('a', 0.1, { isDown: true })], []), [
    { identity: 'a', lossPermille: 1000, roundTripUs: 1024 },
  ]);
  const never = pathTo('b', null, { isDown: true, roundTripMs: undefined, probes: 0 });
  t.deepEqual(reportPaths([never], []), [{ identity: 'b', lossPermille: 1000, roundTripUs: 0 }]);
});

test('a few probes say nothing', (t) => {
  t.deepEqual(reportPaths([pathTo('a', 1, { probes: 10 }), pathTo('b', null)], []), []);
});

test('what was reported is bad until it is clearly good', (t) => {
  const before: ReportedPath[] = [{ identity: 'a', lossPermille: 50, roundTripUs: 1024 }];
  t.is(reportPaths([pathTo('a', 0.01)], before)[0]?.lossPermille, 50);
  t.deepEqual(reportPaths([pathTo('a', 0)], before), []);
});

const stays = test.macro<[number, number, number]>({
  exec: (t, before, lossRatio, permille) => {
    const [report] = reportPaths([pathTo('a', lossRatio)], [{ identity: 'a', lossPermille: before, roundTripUs: 1 }]);
    t.is(report?.lossPermille ?? 0, permille);
  },
  title: (_name, before, loss, permille) => `after ${before}, a loss of ${loss} is reported as ${permille}`,
});

test(stays, 50, 0.13, 50);
test(stays, 50, 0.16, 100);
test(stays, 100, 0.06, 100);
test(stays, 100, 0.04, 0);
test(stays, 200, 0.49, 200);
test(stays, 200, 0.5, 500);
test(stays, 500, 0.3, 500);
test(stays, 500, 0.24, 200);
test(stays, 1000, 0.3, 200);

test('one lost probe is no bad path', (t) => {
  t.deepEqual(reportPaths([pathTo('a', 0.05, { probes: 20 })], []), []);
});

test('of paths that are as bad as each other those that were reported stay', (t) => {
  const paths = Array.from({ length: 12 }, (_, index) => pathTo(`p${index + 10}`, 0.1));
  const before = reportPaths(paths.slice(4), []);
  t.deepEqual(reportPaths(paths, before), before);
});

test('only the worst are reported, in an order that does not change by itself', (t) => {
  const paths = Array.from({ length: 30 }, (_, index) => pathTo(`p${index + 10}`, (index + 1) / 31));
  const random = new SeededRandom(1);
  const reports = reportPaths(paths, []);
  t.is(reports.length, MAX_REPORTED_PATHS);
  for (let round = 0; round < 20; round++) {
    paths.sort(() => random.below(3) - 1);
    t.deepEqual(reportPaths(paths, reports), reports);
  }
  t.true(reports.every(({ lossPermille }) => lossPermille === 500));
});
