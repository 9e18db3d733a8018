import test from 'ava';
import { formatComment, parseComment, verdictAt, type Comment } from '../../src/capture/comment.ts';
import { hookNamed } from '../../src/dataplane/hook.ts';

test('keys stand in their order, whatever the order of what is said', (t) => {
  const comment = {
    peer: 'n3',
    version: '17',
    origin: 'n3',
    route: '10.244.3.0/24',
    reason: 'no-route',
    verdict: 'drop',
  };
  t.is(formatComment(comment), 'weft verdict=drop reason=no-route route=10.244.3.0/24 origin=n3 version=17 peer=n3');
  t.deepEqual(parseComment(formatComment(comment)), comment);
});

const survives = test.macro({
  exec(t, comment: Comment, text: string) {
    t.is(formatComment(comment), text);
    t.deepEqual(parseComment(text), comment);
  },
  title: (what) => `${what} is written and read`,
});

test('nothing', survives, {}, 'weft');
test('an IPv6 prefix', survives, { route: 'fd00:244:3::/64' }, 'weft route=fd00:244:3::/64');
test('a segment', survives, { segment: '2/47', checksum: 'completed' }, 'weft segment=2/47 checksum=completed');
test('a value with an equals sign', survives, { peer: 'a=b' }, 'weft peer=a=b');
test('a value with a space', survives, { peer: 'a b' }, 'weft peer=a%20b');
test('a value with a comma', survives, { peer: 'a,b' }, 'weft peer=a%2Cb');
test('a value with a percent sign', survives, { peer: '100%' }, 'weft peer=100%25');
test('a value with a line break', survives, { peer: 'a\nb' }, 'weft peer=a%0Ab');
test('a value in another script', survives, { peer: 'näh🧵' }, 'weft peer=n%C3%A4h%F0%9F%A7%B5');

test('half a surrogate pair is replaced', (t) => {
  t.is(formatComment({ peer: '\ud800' }), 'weft peer=%EF%BF%BD');
});

test('the comments of others are none of weft', (t) => {
  t.is(parseComment('interesting packet'), undefined);
  t.is(parseComment(''), undefined);
  t.is(parseComment('wefting verdict=drop'), undefined);
});

test('unknown keys and broken values do no harm', (t) => {
  t.deepEqual(parseComment('weft verdict=pass colour=red =x peer=%zz  route'), { verdict: 'pass', peer: '%zz' });
});

for (const [hook, verdict] of [
  ['from-pod', 'pass'],
  ['route', 'forward'],
  ['encapsulate', 'pass'],
  ['to-underlay', 'sent'],
  ['from-underlay', 'pass'],
  ['decapsulate', 'pass'],
  ['relay', 'relayed'],
  ['to-pod', 'delivered'],
  ['drop', 'drop'],
] as const) {
  test(`the verdict at ${hook} is ${verdict}`, (t) => t.is(verdictAt(hookNamed(hook)!), verdict));
}
