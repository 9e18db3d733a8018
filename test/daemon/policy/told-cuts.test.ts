import test from 'ava';
import { CUTS_INTERVAL_MS, ToldCuts } from '../../../src/daemon/policy/told-cuts.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('the first connections that are cut are told at once, and those of the next seconds together', (t) => {
  const events = new EventLog(() => 0);
  const clock = new ManualClock();
  const cuts = new ToldCuts(events, clock);
  const counts = () => events.list().map(({ details }) => details);
  cuts.add({ cut: 1, restored: 0 });
  cuts.add({ cut: 2, restored: 0 });
  cuts.add({ cut: 0, restored: 3 });
  t.deepEqual(counts(), [{ cut: 1, restored: 0 }]);
  clock.advance(CUTS_INTERVAL_MS);
  t.deepEqual(counts().at(-1), { cut: 2, restored: 3 });
  clock.advance(10 * CUTS_INTERVAL_MS);
  t.is(counts().length, 2);
  cuts.add({ cut: 1, restored: 0 });
  t.is(counts().length, 3);
  t.is(
    events.list()[1]!.message,
    'policies changed: 2 connections are no longer allowed and cut, 3 connections are allowed again',
  );
});
