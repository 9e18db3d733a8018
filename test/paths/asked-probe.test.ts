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

/** A path to a peer that counts what it sees, after twenty quiet seconds. Probes above `deviceBytes` are refused by this node's own kernel. */
class CountedPath {
  readonly clock = new ManualClock();
  readonly table: PathTable;
  loses: 'nothing' | 'requests' | 'replies' = 'nothing';
  #seen = 0;

  constructor(deviceBytes = Infinity) {
    const { clock } = this;
    this.table = new PathTable({
      clock,
      random: new SeededRandom(1),
      send: (_, sizeBytes, sequence) => {
        if (sizeBytes > deviceBytes) clock.after(0, () => this.table.refused(sequence));
        else this.#carry(sequence);
      },
      traffic: () => 0,
      onChange: () => undefined,
    });
    this.table.start();
    this.table.update([{ peer: PEER, place: 'here', ceilingBytes: 1450, overheadBytes: 50 }]);
    clock.advance(FIRST_PROBE_DELAY_MS + 20_000);
  }

  ask(probes: number, sizeBytes: number): void {
    for (let probe = 0; probe < probes; probe++) this.table.probe(PEER, sizeBytes);
  }

  #carry(sequence: number): void {
    if (this.loses === 'requests') return;
    const requests = ++this.#seen;
    if (this.loses === 'nothing') this.clock.after(1, () => this.table.answered(sequence, 1, requests));
  }
}

test('many probes that are asked for do not hide that others get lost on their way there', (t) => {
  const path = new CountedPath();
  path.ask(50, 100);
  path.clock.advance(10);
  path.loses = 'requests';
  path.clock.advance(30_000);
  path.loses = 'nothing';
  path.clock.advance(60_000);
  const { lossOutRatio, lossInRatio } = path.table.stateOf(PEER)!;
  t.true(lossOutRatio! > 0.05, `${lossOutRatio} out`);
  t.is(lossInRatio, 0);
});

test('probes that are asked for and refused by this kernel are not taken for lost on their way there', (t) => {
  const path = new CountedPath(1450);
  for (let round = 0; round < 3; round++) {
    path.loses = 'replies';
    path.clock.advance(15_000);
    path.ask(20, 1451);
    path.loses = 'nothing';
    path.clock.advance(30_000);
  }
  const { lossOutRatio, lossInRatio } = path.table.stateOf(PEER)!;
  t.is(lossOutRatio, 0);
  t.true(lossInRatio! > 0.05, `${lossInRatio} in`);
});
