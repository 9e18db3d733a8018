import test from 'ava';
import { PathReporter, REPORT_INTERVAL_MS } from '../../src/paths/path-reporter.ts';
import type { MeasuredPath, ReportedPath } from '../../src/paths/path-report.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A reporter over one path, whose loss may be set. */
function setUp() {
  const clock = new ManualClock();
  const path = { identity: 'a', isDown: false, lossRatio: 0, roundTripMs: { smoothed: 1 }, probes: 100 };
  const announced: (readonly ReportedPath[])[] = [];
  const paths = (): MeasuredPath[] => [path];
  const room = { reports: 8 };
  const announce = (reports: readonly ReportedPath[]): boolean => {
    if (reports.length > room.reports) return false;
    announced.push(reports);
    return true;
  };
  const reporter = new PathReporter({ clock, paths, announced: () => announced.at(-1) ?? [], announce });
  return { clock, path, room, announced, reporter };
}

test('a node whose paths are good announces nothing', (t) => {
  const { clock, announced } = setUp();
  clock.advance(600_000);
  t.deepEqual(announced, []);
});

test('a bad path is announced once, and once more when it is good', (t) => {
  const { clock, path, announced } = setUp();
  path.isDown = true;
  clock.advance(60_000);
  t.is(announced.length, 1);
  t.is(announced[0]?.[0]?.lossPermille, 1000);
  path.isDown = false;
  clock.advance(60_000);
  t.deepEqual(announced.slice(1), [[]]);
});

test('however much it changes, there is one announcement in ten seconds', (t) => {
  const { clock, path, announced } = setUp();
  for (let second = 0; second < 100; second++) {
    path.isDown = second % 3 === 0;
    path.lossRatio = (second % 7) / 7;
    clock.advance(1_000);
  }
  t.true(announced.length <= 100_000 / REPORT_INTERVAL_MS);
});

test('another round trip alone is no news', (t) => {
  const { clock, path, announced } = setUp();
  path.isDown = true;
  clock.advance(20_000);
  path.roundTripMs = { smoothed: 500 };
  clock.advance(60_000);
  t.is(announced.length, 1);
});

test('after the end nothing is announced', (t) => {
  const { clock, path, announced, reporter } = setUp();
  path.isDown = true;
  reporter.close();
  clock.advance(60_000);
  t.deepEqual(announced, []);
});

test('what had to give way is announced again', (t) => {
  const { clock, path, announced } = setUp();
  path.isDown = true;
  clock.advance(60_000);
  t.is(announced.length, 1);
  announced.push([]);
  clock.advance(60_000);
  t.is(announced.length, 3);
  t.deepEqual(announced[2], announced[0]);
});

test('what there is no room for is left out', (t) => {
  const { clock, path, announced, room } = setUp();
  room.reports = 0;
  path.isDown = true;
  clock.advance(60_000);
  t.deepEqual(announced, []);
  room.reports = 1;
  clock.advance(60_000);
  t.is(announced.length, 1);
});
