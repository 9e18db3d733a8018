import test from 'ava';
import { rulebookNotices, unreadableServiceNotices } from '../../../src/daemon/rulebook/rulebook-notices.ts';

function codes(...refused: readonly string[]): readonly string[] {
  return rulebookNotices({ refuses: (reason) => refused.includes(reason) }).map(({ code }) => code);
}

test('what is refused of others is said, and nothing else', (t) => {
  t.deepEqual(codes(), []);
  t.deepEqual(codes('rumour-invalid', 'rulebook-full'), ['rulebook-full']);
  t.deepEqual(codes('entry-invalid'), ['rulebook-entry-invalid']);
});

function messages(count: number): readonly string[] {
  const unreadable = Array.from({ length: count }, (_, at) => [
    `shop/s${at}`,
    { problem: 'spec.later: unknown' } as never,
  ]);
  const notices = unreadableServiceNotices({ unreadableServices: new Map(unreadable as never) });
  return notices.map(({ message }) => message);
}

test('services that cannot be read are named, some of them', (t) => {
  t.deepEqual(messages(0), []);
  t.regex(messages(1)[0]!, /: shop\/s0 \(spec\.later: unknown\); /);
  t.regex(messages(9)[0]!, /shop\/s3 \(.*\) and 5 more; /);
});
