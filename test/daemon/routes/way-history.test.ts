import test from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { WayHistory } from '../../../src/daemon/routes/way-history.ts';
import type { NamedWay } from '../../../src/forwarding/relayed-ways.ts';

function setUp() {
  const events = new EventLog(() => 0);
  const history = new WayHistory(events);
  const messages = (): string[] => events.list().map(({ message }) => message);
  const update = (ways: Record<string, NamedWay>, peers: readonly string[] = ['a', 'b']): void =>
    history.update(new Map(Object.entries(ways)), (identity) => peers.includes(identity));
  return { events, messages, update };
}

test('a way that changes is an event, one that stays is none', (t) => {
  const { update, messages, events } = setUp();
  update({});
  update({ a: { name: 'n1', relay: 'n2' } });
  update({ a: { name: 'n1', relay: 'n2' } });
  update({ a: { name: 'n1', relay: 'n3' } });
  update({});
  t.deepEqual(messages(), [
    'packets for n1 go through n2',
    'packets for n1 go through n3',
    'packets for n1 go straight, no longer through n3',
  ]);
  t.like(events.list()[0], { kind: 'way-changed', subject: 'n1', details: { identity: 'a', relay: 'n2' } });
});

test('that a peer is gone is no event of its way', (t) => {
  const { update, messages } = setUp();
  update({ a: { name: 'n1', relay: 'n2' } });
  update({}, ['b']);
  t.is(messages().length, 1);
});
