/** Probes that somebody asks for, beside those by which a path is looked at. */
import test from 'ava';
import { FIRST_PROBE_DELAY_MS, PathTable } from '../../src/paths/path-table.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { PEER, SimulatedPath } from '../support/simulated-path.ts';

test('a probe that is asked for and lost says nothing about sizes', (t) => {
  const path = new SimulatedPath();
  path.appear();
  path.clock.advance(1_000);
  path.conditions.isAnswering = false;
  t.not(path.table.probe(PEER, 1450), undefined);
  path.conditions.isAnswering = true;
  path.clock.advance(60_000);
  t.is(path.mtuBytes, 1450);
  t.is(path.table.stateOf(PEER)!.lossRatio, 0);
});

test('a probe that is asked for makes a path larger that was taken wrongly for smaller', (t) => {
  const path = new SimulatedPath({ clipBytes: 1350 });
  path.appear();
  path.clock.advanceUntil(() => path.mtuBytes === 1350, 5_000);
  path.conditions.clipBytes = 1450;
  path.table.probe(PEER, 1440);
  path.clock.advance(2);
  t.true(path.mtuBytes >= 1440 || path.table.stateOf(PEER)!.phase !== 'black-hole');
});

test('a peer that is not probed is not probed if somebody asks either', (t) => {
  t.is(new SimulatedPath().table.probe(PEER + 1, 100), undefined);
});

test('many probes that are asked for do not hide that others get lost on their way there', (t) => {
  const clock = new ManualClock();
  let [seen, isLosing] = [0, false];
  const table = new PathTable({
    clock,
    random: new SeededRandom(1),
    send: (_, __, sequence) => {
      if (isLosing) return;
      const requests = ++seen;
      clock.after(1, () => table.answered(sequence, 1, requests));
    },
    traffic: () => 0,
    onChange: () => undefined,
  });
  table.start();
  table.update([{ peer: PEER, place: 'here', ceilingBytes: 1450, overheadBytes: 50 }]);
  clock.advance(FIRST_PROBE_DELAY_MS + 20_000);
  for (let probe = 0; probe < 50; probe++) table.probe(PEER, 100);
  clock.advance(10);
  isLosing = true;
  clock.advance(30_000);
  isLosing = false;
  clock.advance(60_000);
  const { lossOutRatio, lossInRatio } = table.stateOf(PEER)!;
  t.true(lossOutRatio! > 0.05, `${lossOutRatio} out`);
  t.is(lossInRatio, 0);
});
