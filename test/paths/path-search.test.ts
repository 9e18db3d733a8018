import test from 'ava';
import { PEER, SimulatedPath } from '../support/simulated-path.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

/** When traffic goes on, a path that shrank is followed within this. */
const SHRINK_DEADLINE_MS = 3_000;
/** And one that grew within this. */
const GROW_DEADLINE_MS = 15_000;

const phaseOf = (path: SimulatedPath) => path.table.stateOf(PEER)!.phase;

test('the first probe is of the full size, and one answer confirms it', (t) => {
  const path = new SimulatedPath();
  path.appear();
  t.deepEqual(path.probed, [1450, 256]);
  t.is(phaseOf(path), 'searching');
  path.clock.advance(1);
  t.is(phaseOf(path), 'confirmed');
  t.is(path.mtuBytes, 1450);
  t.is(path.changes, 0);
});

test('until something is known, the full size is what may be sent', (t) => {
  const path = new SimulatedPath({ isAnswering: false });
  path.appear();
  t.is(path.mtuBytes, 1450);
  path.clock.advance(60_000);
  t.is(path.mtuBytes, 1450);
  t.is(phaseOf(path), 'searching');
  t.is(path.table.stateOf(PEER)?.roundTripMs, undefined);
  t.is(path.table.stateOf(PEER)?.lossRatio, null);
});

const startsClipped = test.macro<[number, number, number]>({
  exec: (t, clipBytes, ceilingBytes, overheadBytes) => {
    const path = new SimulatedPath({ clipBytes, ceilingBytes, overheadBytes });
    path.appear();
    const tookMs = path.clock.advanceUntil(() => path.mtuBytes === clipBytes && phaseOf(path) === 'confirmed', 2_000);
    t.not(tookMs, undefined);
    path.clock.advance(60_000);
    t.is(path.mtuBytes, clipBytes);
  },
  title: (_name, clip, ceiling) => `a path that is clipped to ${clip} of ${ceiling} from the start is found within 2 s`,
});

test(startsClipped, 1350, 1450, 50);
test(startsClipped, 1230, 1450, 50);
test(startsClipped, 650, 1450, 50);
test(startsClipped, 526, 1450, 50);
test(startsClipped, 500, 1450, 50);
test(startsClipped, 1449, 1450, 50);
test(startsClipped, 1210, 1430, 70);
test(startsClipped, 1430, 8930, 70);
test(startsClipped, 8846, 8950, 50);
test(startsClipped, 5123, 8950, 50);
test(startsClipped, 9000, 65_485, 50);
test(startsClipped, 257, 1450, 50);

const shrinks = test.macro<[number, number]>({
  exec: (t, clipBytes, roundTripMs) => {
    const path = new SimulatedPath({ roundTripMs });
    path.appear();
    path.converse(5_000);
    path.conditions.clipBytes = clipBytes;
    const tookMs = path.converseUntil(clipBytes, SHRINK_DEADLINE_MS + 10 * roundTripMs);
    t.not(tookMs, undefined);
    path.converse(1_000);
    t.is(phaseOf(path), 'confirmed');
  },
  title: (_name, clip, rtt) =>
    `a path of ${rtt} ms that shrinks to ${clip} while there is traffic is followed in seconds`,
});

test(shrinks, 1350, 0.1);
test(shrinks, 1230, 1);
test(shrinks, 650, 1);
test(shrinks, 1230, 80);
test(shrinks, 1230, 300);
test(shrinks, 650, 600);

test('a path that shrinks without traffic is followed as soon as there is some', (t) => {
  const path = new SimulatedPath();
  path.appear();
  path.clock.advance(35_000);
  path.conditions.clipBytes = 1230;
  path.clock.advance(2_000);
  t.not(path.converseUntil(1230, SHRINK_DEADLINE_MS), undefined);
});

test('a path that grows is followed', (t) => {
  const path = new SimulatedPath({ clipBytes: 650 });
  path.appear();
  path.converse(30_000);
  t.is(path.mtuBytes, 650);
  path.conditions.clipBytes = 1350;
  t.not(path.converseUntil(1350, GROW_DEADLINE_MS), undefined);
  path.conditions.clipBytes = 9000;
  t.not(path.converseUntil(1450, GROW_DEADLINE_MS), undefined);
});

test('a device that refuses large probes is found out without waiting', (t) => {
  const path = new SimulatedPath({ deviceBytes: 1350, roundTripMs: 40 });
  path.appear();
  t.true(path.clock.advanceUntil(() => path.mtuBytes === 1350, 5_000)! < 800);
});

test('a peer that falls silent says nothing about sizes', (t) => {
  const path = new SimulatedPath();
  path.appear();
  path.converse(5_000);
  path.conditions.isAnswering = false;
  path.converse(60_000);
  t.is(path.mtuBytes, 1450);
  t.is(path.changes, 0);
  t.true(path.table.stateOf(PEER)!.lossRatio! > 0.5);
  path.conditions.isAnswering = true;
  path.conditions.clipBytes = 1350;
  t.not(path.converseUntil(1350, SHRINK_DEADLINE_MS + 2_000), undefined);
});

test('a loss that is over is forgotten within minutes, also on an idle path', (t) => {
  const path = new SimulatedPath();
  path.appear();
  path.converse(5_000);
  path.conditions.loss = 0.3;
  path.converse(60_000);
  t.true(path.table.stateOf(PEER)!.lossRatio! > 0.2);
  path.conditions.loss = 0;
  path.clock.advance(255_000);
  t.is(path.table.stateOf(PEER)!.lossRatio, 0);
  t.is(path.table.healthOf(PEER)!.lossRatio, 0);
});

test('answers that come later than they are waited for count', (t) => {
  const path = new SimulatedPath({ roundTripMs: 700, jitterMs: 50 });
  path.appear();
  path.converse(20_000);
  t.is(path.mtuBytes, 1450);
  t.is(phaseOf(path), 'confirmed');
  t.true(path.table.stateOf(PEER)!.roundTripMs!.min >= 700);
});

test('a path that suddenly takes longer is not taken for a smaller one', (t) => {
  const path = new SimulatedPath({ roundTripMs: 1 });
  path.appear();
  path.converse(10_000);
  path.conditions.roundTripMs = 900;
  path.converse(30_000);
  t.is(path.mtuBytes, 1450);
  t.is(path.changes, 0);
});

test('with traffic there is a probe each second, without one in ten', (t) => {
  const path = new SimulatedPath();
  path.appear();
  path.converse(5_000);
  let before = path.probed.length;
  path.converse(20_000);
  t.is(path.probed.length - before, 20);
  path.clock.advance(20_000);
  before = path.probed.length;
  path.clock.advance(100_000);
  t.is(path.probed.length - before, 10);
});

test('a peer in another place has another path, of which nothing is known', (t) => {
  const path = new SimulatedPath({ clipBytes: 1230 });
  path.appear();
  path.clock.advance(5_000);
  t.is(path.mtuBytes, 1230);
  path.appear('elsewhere');
  t.is(path.mtuBytes, 1450);
  t.is(phaseOf(path), 'searching');
});

test('a peer that announces less is sent no more at once, and one that announces more is probed for it at once', (t) => {
  const path = new SimulatedPath({ clipBytes: 8950 });
  path.appear();
  path.clock.advance(1_000);
  path.appear('here', 1300);
  t.is(path.mtuBytes, 1300);
  path.appear('here', 8950);
  t.is(path.mtuBytes, 1300);
  t.true(path.clock.advanceUntil(() => path.mtuBytes === 8950, 2_000)! < 500);
});

test('after the end nothing is sent any more', (t) => {
  const path = new SimulatedPath({ clipBytes: 1230 });
  path.appear();
  path.clock.advance(100);
  path.table.stop();
  const before = path.probed.length;
  path.clock.advance(60_000);
  t.is(path.probed.length, before);
  t.is(path.table.stateOf(PEER), undefined);
});

test('answers to numbers that nobody gave are ignored', (t) => {
  const path = new SimulatedPath({ isAnswering: false });
  path.appear();
  for (let sequence = 0; sequence < 1_000; sequence++) path.table.answered(sequence, 1);
  path.table.refused(1);
  t.is(phaseOf(path), 'searching');
});

const SEEDS = 200;

test(`on ${SEEDS} paths that change and lose up to a tenth, the size is found, and is never above the true one for long`, (t) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new SeededRandom(seed);
    const draw = (): number => 500 + random.below(8_501);
    const ceilingBytes = draw();
    const path = new SimulatedPath({
      seed,
      ceilingBytes,
      clipBytes: draw(),
      loss: (random.below(3) * 0.05) / 2,
      roundTripMs: 0.1 + random.below(200),
      jitterMs: random.below(20),
    });
    path.appear();
    let tooLongMs = 0;
    let quietMs = 0;
    for (let ms = 0; ms < 120_000; ms += 100) {
      path.converse(100);
      quietMs += 100;
      if (random.below(400) === 0) {
        path.conditions.clipBytes = draw();
        quietMs = 0;
      }
      const target = Math.min(ceilingBytes, path.conditions.clipBytes);
      tooLongMs = path.mtuBytes > target ? tooLongMs + 100 : 0;
      if (tooLongMs > 8_000) t.fail(`seed ${seed}: ${path.mtuBytes} above ${target} for ${tooLongMs} ms`);
    }
    path.converse(40_000 - Math.min(quietMs, 10_000));
    const target = Math.min(ceilingBytes, path.conditions.clipBytes);
    if (path.mtuBytes > target || path.mtuBytes < target - 8)
      t.fail(`seed ${seed}: ${path.mtuBytes} instead of ${target}`);
  }
  t.pass();
});

test('a path that loses everything shows a loss of 100 % within three rounds of probes, and less when it is back', (t) => {
  const path = new SimulatedPath();
  path.appear();
  path.converse(60_000);
  t.is(path.table.stateOf(PEER)!.lossRatio, 0);
  path.conditions.isAnswering = false;
  path.converse(3_500);
  t.is(path.table.stateOf(PEER)!.lossRatio, 1);
  path.converse(20_000);
  t.is(path.table.stateOf(PEER)!.lossRatio, 1);
  path.conditions.isAnswering = true;
  path.converse(5_000);
  const { lossRatio } = path.table.stateOf(PEER)!;
  t.true(lossRatio! > 0 && lossRatio! < 0.5);
});
