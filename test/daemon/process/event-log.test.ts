import test from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { eventKinds, kindsOf } from '../../../src/api/event-kind.ts';

function newLog(capacity?: number) {
  const wall = { ms: 1_000 };
  return { log: new EventLog(() => wall.ms, capacity), wall };
}

test('events come in the order in which they happened, with their times', (t) => {
  const { log, wall } = newLog();
  log.add('member-joined', { subject: 'n2', message: 'n2 joined', details: { version: 3 } });
  wall.ms = 2_500;
  log.add('route-added', { subject: '10.244.2.0/24', message: '10.244.2.0/24 is at n2' });
  t.deepEqual(log.list(), [
    {
      number: 1,
      time: '1970-01-01T00:00:01.000Z',
      kind: 'member-joined',
      subject: 'n2',
      message: 'n2 joined',
      details: { version: 3 },
    },
    {
      number: 2,
      time: '1970-01-01T00:00:02.500Z',
      kind: 'route-added',
      subject: '10.244.2.0/24',
      message: '10.244.2.0/24 is at n2',
      details: {},
    },
  ]);
});

test('events are asked for by time, by number and by kind', (t) => {
  const { log, wall } = newLog();
  for (const kind of ['member-joined', 'route-added', 'member-dead', 'route-removed'] as const) {
    log.add(kind, { subject: 'n2', message: kind });
    wall.ms += 1_000;
  }
  const numbers = (filter: Parameters<EventLog['list']>[0]): number[] => log.list(filter).map(({ number }) => number);
  t.deepEqual(numbers({ sinceMs: 3_000 }), [3, 4]);
  t.deepEqual(numbers({ after: 1 }), [2, 3, 4]);
  t.deepEqual(numbers({ kinds: ['member-joined', 'member-dead'] }), [1, 3]);
  t.deepEqual(numbers({ sinceMs: 2_000, after: 2, kinds: kindsOf('route') }), [4]);
});

test('what is oldest goes, and neither routes, members nor denied flows push out what else happened', (t) => {
  const { log } = newLog(3);
  log.add('configuration', { subject: 'n1', message: 'n1 started' });
  for (let number = 0; number < 100; number++) log.add('member-dead', { subject: 'n9', message: 'n9 is dead' });
  log.add('member-joined', { subject: 'n2', message: 'n2 joined' });
  for (let number = 0; number < 100; number++) log.add('policy-denied', { subject: 'web', message: `flow ${number}` });
  for (let number = 0; number < 100; number++) {
    log.add('route-added', { subject: `10.244.${number}.0/24`, message: `route ${number}` });
  }
  t.deepEqual(
    log.list().map(({ message }) => message),
    [
      'n1 started',
      'n9 is dead',
      'n9 is dead',
      'n2 joined',
      'flow 97',
      'flow 98',
      'flow 99',
      'route 97',
      'route 98',
      'route 99',
    ],
  );
});

test('a group stands for all of its kinds, and a kind for itself', (t) => {
  t.deepEqual(kindsOf('route'), ['route-added', 'route-changed', 'route-removed']);
  t.deepEqual(kindsOf('configuration'), ['configuration']);
  t.deepEqual(kindsOf('rout'), []);
  for (const kind of eventKinds) t.true(kindsOf(kind).includes(kind));
});
