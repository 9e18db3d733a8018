import test from 'ava';
import { EventRecords, type EventSubject } from '../../src/kubernetes/event-records.ts';

const pod: EventSubject = { kind: 'Pod', name: 'web', namespace: 'shop', uid: 'u-1' };
const MINUTE_MS = 60_000;

function body(call: { body: object } | undefined): Record<string, unknown> {
  return (call?.body ?? {}) as Record<string, unknown>;
}

test('the same again is counted on the same event', (t) => {
  const records = new EventRecords('n1');
  const first = records.record({ about: pod, reason: 'Full', message: 'no address' }, 0);
  const second = records.record({ about: pod, reason: 'Full', message: 'no address' }, MINUTE_MS);
  t.is(first?.kind, 'post');
  t.is(first?.path, '/api/v1/namespaces/shop/events');
  t.like(body(first), { count: 1, type: 'Warning', involvedObject: { kind: 'Pod', uid: 'u-1', namespace: 'shop' } });
  const { name } = body(first)['metadata'] as { name: string };
  t.deepEqual(second, {
    kind: 'patch',
    path: `/api/v1/namespaces/shop/events/${name}`,
    body: { count: 2, lastTimestamp: '1970-01-01T00:01:00Z', message: 'no address' },
    key: first!.key,
  });
});

test('events of a Node are in the namespace default', (t) => {
  const node: EventSubject = { kind: 'Node', name: 'n1', namespace: '', uid: 'u-2' };
  const call = new EventRecords('n1').record({ about: node, reason: 'Full', message: 'no address' }, 0);
  t.is(call?.path, '/api/v1/namespaces/default/events');
  t.like(body(call), { metadata: { namespace: 'default' }, source: { component: 'weft', host: 'n1' } });
});

test('one that the API has forgotten, or did not take, is told anew', (t) => {
  const records = new EventRecords('n1');
  const first = records.record({ about: pod, reason: 'Full', message: 'no address' }, 0)!;
  records.lost(first.key);
  t.is(records.record({ about: pod, reason: 'Full', message: 'no address' }, 1)?.kind, 'post');
  t.is(records.record({ about: pod, reason: 'Full', message: 'no address' }, 2)?.kind, 'patch');
  t.is(records.record({ about: pod, reason: 'Full', message: 'no address' }, 3_600_000)?.kind, 'post');
});

test('an object gets 25 at once, and one more every five minutes', (t) => {
  const records = new EventRecords('n1');
  const tell = (nowMs: number) => records.record({ about: pod, reason: 'Full', message: 'no address' }, nowMs);
  t.is(Array.from({ length: 100 }, () => tell(0)).filter((call) => call !== undefined).length, 25);
  t.is(tell(4 * MINUTE_MS), undefined);
  t.truthy(tell(9 * MINUTE_MS));
  t.truthy(records.record({ about: { ...pod, name: 'other', uid: 'u-9' }, reason: 'Full', message: '' }, 0));
});

test('more than ten messages of one reason are one event', (t) => {
  const records = new EventRecords('n1');
  const calls = Array.from({ length: 14 }, (_, at) =>
    records.record({ about: pod, reason: 'Full', message: `no ${at}` }, at),
  );
  t.deepEqual(
    calls.map((call) => call?.kind),
    [...Array.from({ length: 11 }, () => 'post'), 'patch', 'patch', 'patch'],
  );
  t.is(body(calls[13])['message'], '(combined from similar events): no 13');
});

test('names and messages stay within what the API takes', (t) => {
  const about = { ...pod, name: 'x'.repeat(253) };
  const call = new EventRecords('n1').record({ about, reason: 'Full', message: 'x'.repeat(5_000) }, Date.UTC(2026, 11));
  const { metadata, message } = body(call) as { metadata: { name: string }; message: string };
  t.true(metadata.name.length <= 253);
  t.is(message.length, 1_024);
});
