import test from 'ava';
import * as v from 'valibot';
import { parseKeys, parseTime, parseTruth, refuseUnknownKeys } from '../../../src/daemon/doors/request-keys.ts';
import { ConfigError } from '../../../src/errors.ts';

const schema = v.strictObject({
  name: v.string('is not text'),
  place: v.exactOptional(v.strictObject({ port: v.number('is not a number') })),
});

test('what is right is given as it is', (t) => {
  t.deepEqual(parseKeys(schema, { name: 'a', place: { port: 1 } }), { name: 'a', place: { port: 1 } });
});

const wrong = test.macro<[unknown, string]>({
  exec(t, input, message) {
    t.is(t.throws(() => parseKeys(schema, input), { instanceOf: ConfigError }).message, message);
  },
  title: (name) => `${name} is named, and what is wrong about it`,
});
test('a key that is missing', wrong, {}, 'name: is missing');
test('a key that nobody knows', wrong, { name: 'a', colour: 'red' }, 'colour: is not a known key');
test('a key of the wrong type', wrong, { name: 1 }, 'name: is not text');
test('a key within another', wrong, { name: 'a', place: { port: 'x' } }, 'place.port: is not a number');
test('a key that is missing within another', wrong, { name: 'a', place: {} }, 'place.port: is missing');
test('what should have keys and has none', wrong, { name: 'a', place: 1 }, 'place: is not an object');

test('a query has no keys but those that are known', (t) => {
  const query = new URLSearchParams('a=1&b=2');
  t.notThrows(() => refuseUnknownKeys(query, ['a', 'b', 'c']));
  t.throws(() => refuseUnknownKeys(query, ['a']), { message: 'b: is not a known key' });
});

test('a truth is true or false, and false if nothing is said', (t) => {
  const query = new URLSearchParams('a=true&b=false&c=yes');
  t.deepEqual(
    ['a', 'b', 'd'].map((key) => parseTruth(query, key)),
    [true, false, false],
  );
  t.throws(() => parseTruth(query, 'c'), { message: 'c: yes is neither true nor false' });
});

test('a time is in ISO 8601', (t) => {
  const query = new URLSearchParams('a=1970-01-01T00:00:01Z&b=yesterday');
  t.is(parseTime(query, 'a'), 1_000);
  t.is(parseTime(query, 'c'), undefined);
  t.throws(() => parseTime(query, 'b'), { message: 'b: yesterday is not a time (ISO 8601)' });
});
