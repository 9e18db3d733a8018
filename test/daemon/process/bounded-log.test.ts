import test from 'ava';
import { BoundedLog } from '../../../src/daemon/process/bounded-log.ts';

test('a warning is written once a minute, with how often it was not', (t) => {
  const written: [object, string][] = [];
  const clock = { nowMs: 0 };
  const log = new BoundedLog({ warn: (fields, message) => void written.push([fields, message]) }, () => clock.nowMs);
  for (let times = 0; times < 5; times++) log.warn({ times }, 'full');
  log.warn({}, 'full', 'another door');
  clock.nowMs = 59_999;
  log.warn({ times: 5 }, 'full');
  clock.nowMs = 60_000;
  log.warn({ times: 6 }, 'full');
  t.deepEqual(written, [
    [{ times: 0, omitted: 0 }, 'full'],
    [{ omitted: 0 }, 'full'],
    [{ times: 6, omitted: 5 }, 'full'],
  ]);
});
