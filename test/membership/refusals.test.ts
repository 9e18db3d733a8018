import test from 'ava';
import { Refusals, refusalReasons } from '../../src/membership/refusals.ts';
import { endpoint } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { silentLogger } from '../support/silent-logger.ts';

test('every reason is counted from zero', (t) => {
  const counts = new Refusals(new ManualClock(), silentLogger).counts();
  t.deepEqual(Object.keys(counts), [...refusalReasons]);
  t.true(Object.values(counts).every((count) => count === 0));
});

test('each reason is logged once a minute at most, and always counted', (t) => {
  const clock = new ManualClock();
  const logged: object[] = [];
  const refusals = new Refusals(clock, { ...silentLogger, warn: (fields) => logged.push(fields) });
  for (let second = 0; second < 120; second++) {
    refusals.count('malformed', endpoint('198.18.0.9:1'));
    refusals.count('ack-unexpected', endpoint('198.18.0.9:1'));
    clock.advance(1_000);
  }
  t.is(logged.length, 2);
  t.like(logged[1], { reason: 'malformed', from: '198.18.0.9:1', count: 61 });
  t.like(refusals.counts(), { malformed: 120, 'ack-unexpected': 120, 'too-long': 0 });
});
