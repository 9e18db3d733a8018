import test from 'ava';
import { CHANGES_INTERVAL_MS, MAX_TOLD_CHANGES, ToldChanges } from '../../../src/daemon/policy/told-changes.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function telling() {
  const events = new EventLog(() => 0);
  const clock = new ManualClock();
  return { clock, changes: new ToldChanges(events, clock), told: () => events.list({ kinds: ['policy-changed'] }) };
}

test('each policy is told, with where it was changed', (t) => {
  const { changes, told } = telling();
  changes.add({ title: 'shop/web', change: 'created', source: 'rulebook', node: 'n3' });
  changes.add({ title: 'admin', change: 'deleted', source: 'kubernetes', node: '' });
  t.deepEqual(
    told().map(({ subject, message, details }) => ({ subject, message, details })),
    [
      {
        subject: 'shop/web',
        message: 'policy shop/web was created at n3',
        details: { change: 'created', source: 'rulebook', node: 'n3', others: 0 },
      },
      {
        subject: 'admin',
        message: 'policy admin was deleted in Kubernetes',
        details: { change: 'deleted', source: 'kubernetes', node: '', others: 0 },
      },
    ],
  );
});

test('of a thousand at once some are told, and how many more there are', (t) => {
  const { clock, changes, told } = telling();
  const change = (count: number): void => {
    for (let number = 0; number < count; number++)
      changes.add({ title: `shop/p${number}`, change: 'changed', source: 'kubernetes', node: '' });
  };
  change(1_000);
  t.is(told().length, MAX_TOLD_CHANGES);
  clock.advance(CHANGES_INTERVAL_MS);
  t.is(told().length, MAX_TOLD_CHANGES + 1);
  t.is(told().at(-1)!.details['others'], 1_000 - MAX_TOLD_CHANGES);
  change(MAX_TOLD_CHANGES);
  clock.advance(10 * CHANGES_INTERVAL_MS);
  t.is(told().length, 2 * MAX_TOLD_CHANGES + 1);
});
