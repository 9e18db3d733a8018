import test from 'ava';
import { Directives, forgetOrder, forgottenBy, overrules } from '../../src/membership/directives.ts';
import { MAX_DIRECTIVES } from '../../src/membership/limits.ts';
import type { Directive } from '../../src/membership/message.ts';
import { identityOf } from '../support/announcements.ts';
import { bytes } from '../support/bytes.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

function directive(version: number, content: string, subject = 'key-primary'): Directive {
  return { subject, version, content: bytes(content) };
}

const wins = test.macro({
  exec: (t, a: readonly [number, string], b: readonly [number, string], expected: boolean) => {
    t.is(overrules(directive(...a), directive(...b)), expected);
  },
  title: (_name, a: readonly [number, string], b: readonly [number, string], expected: boolean) =>
    `version ${a.join(' of ')} ${expected ? 'overrules' : 'does not overrule'} ${b.join(' of ')}`,
});

test(wins, [2, '00'], [1, 'ff'], true);
test(wins, [1, 'ff'], [2, '00'], false);
test(wins, [1, '02'], [1, '01'], true);
test(wins, [1, '0100'], [1, '01'], true);
test(wins, [1, '01'], [1, '01'], false);

test('a new order overrules all that is known, of whatever subject', (t) => {
  const made = new Directives(new ManualClock(), [directive(41, '00', 'key/1')]);
  t.is(made.make('key/2', bytes('01')).version, 42);
});

for (const seed of [1, 2, 3]) {
  test(`nodes that heard the same orders hold the same, in whatever order they came (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    const heard = Array.from({ length: 50 }, () => ({
      directive: directive(1 + random.below(4), `0${random.below(4)}`, `key/${random.below(5)}`),
      ageSeconds: 0,
    }));
    const [one, other] = [new Directives(new ManualClock()), new Directives(new ManualClock())];
    t.deepEqual(one.digest(), other.digest());
    for (const each of heard) one.take(each);
    t.notDeepEqual(one.digest(), other.digest());
    for (const each of heard.toReversed()) other.take(each);
    t.deepEqual(one.digest(), other.digest());
    t.deepEqual(one.newerThan(other.aged()), []);
  });
}

test('an order to forget lives two days wherever it has been, and is not learned again', (t) => {
  const clock = new ManualClock();
  const made = new Directives(clock);
  const order = { version: 1, ...forgetOrder(identityOf(7), 5) };
  made.take({ directive: order, ageSeconds: 47 * 3_600 });
  t.is(made.forgottenUpTo(identityOf(7)), 5);
  t.is(made.forgottenUpTo(identityOf(8)), 0);
  clock.advance(3_600_000);
  t.is(made.aged()[0]!.ageSeconds, 48 * 3_600);
  made.expire();
  t.is(made.forgottenUpTo(identityOf(7)), 0);
  t.is(made.take({ directive: order, ageSeconds: 48 * 3_600 }), 'known');
  t.deepEqual(made.all(), []);
});

test('orders about keys never expire', (t) => {
  const clock = new ManualClock();
  const made = new Directives(clock, [directive(1, '00')]);
  clock.advance(1_000 * 86_400_000);
  made.expire();
  t.is(made.all().length, 1);
});

test('who is forgotten is what the order says, and no other order says that', (t) => {
  const order = { version: 1, ...forgetOrder(identityOf(7), 0xff_ff_ff_fe) };
  t.deepEqual(forgottenBy(order), { identity: identityOf(7), incarnation: 0xff_ff_ff_fe });
  t.deepEqual(forgottenBy({ ...order, content: bytes('01') }), { identity: identityOf(7), incarnation: 0 });
  t.is(forgottenBy(directive(1, '00')), undefined);
});

test('no more are kept than may be sent, and those that are can still be overruled', (t) => {
  const made = new Directives(new ManualClock());
  for (let index = 0; index < MAX_DIRECTIVES; index++) {
    t.is(made.take({ directive: directive(1, '00', `key/${index}`), ageSeconds: 0 }), 'new');
  }
  t.is(made.take({ directive: directive(1, '00', 'key/other'), ageSeconds: 0 }), 'full');
  t.is(made.take({ directive: directive(2, '00', 'key/0'), ageSeconds: 0 }), 'new');
  t.throws(() => made.make('key/other', bytes('00')), { code: 'directives-full' });
});

test('orders to forget make room, the oldest first: they never keep a key from being exchanged', (t) => {
  const clock = new ManualClock();
  const made = new Directives(clock);
  for (let index = 0; index < MAX_DIRECTIVES; index++) {
    clock.advance(1_000);
    t.is(made.take({ directive: { version: 1, ...forgetOrder(identityOf(index), 1) }, ageSeconds: 0 }), 'new');
  }
  const older = { version: 1, ...forgetOrder(identityOf(9_999), 1) };
  t.is(made.take({ directive: older, ageSeconds: 3_600 }), 'full');
  const order = made.make('key/1', bytes('00'));
  t.is(made.take({ directive: order, ageSeconds: 0 }), 'new');
  clock.advance(1_000);
  t.is(made.take({ directive: { version: 3, ...forgetOrder(identityOf(1_000), 1) }, ageSeconds: 0 }), 'new');
  t.is(made.all().length, MAX_DIRECTIVES);
  t.deepEqual(
    [0, 1, 2].map((index) => made.forgottenUpTo(identityOf(index))),
    [0, 0, 1],
  );
});

test('an order to forget that is about to expire is not learned any more, but kept by those who have it', (t) => {
  const clock = new ManualClock();
  const [early, late] = [new Directives(clock), new Directives(clock)];
  const order = { version: 1, ...forgetOrder(identityOf(7), 5) };
  early.take({ directive: order, ageSeconds: 10 });
  late.take({ directive: order, ageSeconds: 0 });
  clock.advance((48 * 3_600 - 10) * 1_000);
  early.expire();
  late.expire();
  t.deepEqual([early.all().length, late.all().length], [0, 1]);
  t.is(early.take(late.aged()[0]!), 'known');
});

test('what others would refuse is not issued', (t) => {
  const made = new Directives(new ManualClock());
  t.throws(() => made.make('', bytes('00')), { code: 'directive-invalid' });
  t.throws(() => made.make('two words', bytes('00')), { code: 'directive-invalid' });
  t.throws(() => made.make('x'.repeat(97), bytes('00')), { code: 'directive-invalid' });
  t.throws(() => made.make('key/1', new Uint8Array(257)), { code: 'directive-invalid' });
});

test('orders that shall not be kept are gone, and any version is news again', (t) => {
  const made = new Directives(new ManualClock(), [
    directive(4_294_967_294, '00', 'key/1'),
    directive(7, '00', 'key/2'),
  ]);
  made.retain(({ subject }) => subject === 'key/2');
  t.deepEqual(made.all(), [directive(7, '00', 'key/2')]);
  t.is(made.make('key/1', bytes('01')).version, 8);
  t.is(made.take({ directive: directive(1, '00', 'key/1'), ageSeconds: 0 }), 'new');
});
