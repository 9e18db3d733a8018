import test, { type ExecutionContext } from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { Shortages } from '../../../src/daemon/process/shortages.ts';
import { SystemCallError } from '../../../src/errors.ts';
import { explainShortage, isShortage } from '../../../src/linux/shortage.ts';

const emfile = new SystemCallError('open', 'EMFILE', 'look at a file');
const enomem = Object.assign(new Error('no'), { code: 'ENOMEM' });

function rig(t: ExecutionContext) {
  const clock = { nowMs: 0 };
  const events = new EventLog(() => 0);
  const warnings: string[] = [];
  const note = (_fields: object, message: string): void => void warnings.push(message);
  const logger = { debug: note, info: note, warn: note, error: note };
  const shortages = new Shortages({ nodeName: 'n1', events, logger, nowMs: () => clock.nowMs });
  t.teardown(() => shortages.close());
  return { clock, events, warnings, shortages };
}

test.serial('what there was nothing left of is counted, said for ten minutes, and an event once', (t) => {
  const { clock, events, warnings, shortages } = rig(t);
  for (let times = 0; times < 3; times++) t.true(shortages.note('do what was due', emfile));
  t.true(shortages.note('do what was due', enomem));
  t.deepEqual(
    [...shortages.counts],
    [
      ['descriptors', 3],
      ['memory', 1],
    ],
  );
  t.deepEqual(
    events.list().map(({ kind, details }) => [kind, details['of']]),
    [
      ['resources-short', 'descriptors'],
      ['resources-short', 'memory'],
    ],
  );
  t.is(warnings.length, 2);
  const [notice] = shortages.notices();
  t.regex(
    notice!.message,
    /^cannot do what was due: this process has all of its \d+ descriptors open .* \(3 times since the start\)$/,
  );
  clock.nowMs = 600_001;
  t.deepEqual(shortages.notices(), []);
  shortages.note('do what was due', emfile);
  t.is(events.list().length, 3);
});

test.serial('whatever else went wrong is no shortage', (t) => {
  const { events, shortages } = rig(t);
  t.false(shortages.note('do what was due', new TypeError('a bug')));
  t.false(shortages.note('do what was due', 'nothing'));
  t.deepEqual(events.list(), []);
});

test.serial('those that are met anywhere in this process are heard of, until it is closed', (t) => {
  const { shortages } = rig(t);
  t.true(isShortage(emfile, 'look at a file'));
  t.is(explainShortage(emfile, 'look at a file')?.code, 'descriptors-exhausted');
  t.false(isShortage(new TypeError('a bug'), 'look at a file'));
  t.is(shortages.counts.get('descriptors'), 2);
  shortages.close();
  isShortage(emfile, 'look at a file');
  t.is(shortages.counts.get('descriptors'), 2);
});
