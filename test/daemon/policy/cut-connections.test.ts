import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { CutConnections, type CutMeans } from '../../../src/daemon/policy/cut-connections.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const HORIZON_MS = 10_000;

/** Somebody is concerned all the time. When rounds began, in ms, if each takes so long. */
async function beginsOf(roundMs: number): Promise<readonly number[]> {
  const clock = new ManualClock();
  const begins: number[] = [];
  const mark: CutMeans['mark'] = async () => {
    begins.push(clock.nowMs());
    clock.advance(roundMs);
    return await Promise.resolve({ set: 0, cleared: 0 });
  };
  const cuts = new CutConnections(
    () => new PlanState(),
    () => undefined,
    { clock, mark },
  );
  const done: Promise<void>[] = [];
  while (clock.nowMs() < HORIZON_MS) {
    done.push(cuts.judge(new Set(['a'])));
    await setImmediate();
    clock.advance(10);
  }
  clock.advance(HORIZON_MS);
  await Promise.all(done);
  return begins;
}

function gapsOf(begins: readonly number[]): readonly number[] {
  return begins.slice(1, -1).map((begin, at) => begin - begins[at]!);
}

const paced = test.macro<[number, number, number]>({
  exec: async (t, roundMs, leastMs, mostMs) => {
    const begins = await beginsOf(roundMs);
    t.is(begins[0], 100, 'the first round waits for the pod whose rules they are');
    const gaps = gapsOf(begins);
    t.true(gaps.length > 3 && gaps.every((gap) => gap >= leastMs && gap <= mostMs), `begins: ${begins.join(' ')}`);
  },
  title: (_name, roundMs, leastMs) => `rounds of ${roundMs} ms begin ${leastMs} ms apart, however much changes`,
});

test(paced, 1, 250, 270);
test(paced, 100, 400, 420);
test(paced, 800, 1_800, 1_820);

test('a round that fails is followed by a pause, too', async (t) => {
  const clock = new ManualClock();
  let rounds = 0;
  const mark: CutMeans['mark'] = async () => {
    rounds++;
    return await Promise.reject(new Error('nobody tells'));
  };
  const cuts = new CutConnections(
    () => new PlanState(),
    () => undefined,
    { clock, mark },
  );
  const first = t.throwsAsync(cuts.judge('all'), { message: 'nobody tells' });
  clock.advance(100);
  await first;
  const next = t.throwsAsync(cuts.judge('all'));
  clock.advance(249);
  await setImmediate();
  t.is(rounds, 1);
  clock.advance(1);
  await next;
  t.is(rounds, 2);
});
