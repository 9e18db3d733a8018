import test from 'ava';
import type { WeftError } from '../../src/errors.ts';
import { MAX_OBJECT_BYTES, MAX_OBJECTS } from '../../src/rulebook/limits.ts';
import { encodeAnswer, encodeRumour } from '../../src/rulebook/message-codec.ts';
import { Rulebook } from '../../src/rulebook/rulebook.ts';
import { policyOf } from '../../src/sim/policy-manifest.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { endpoint } from '../support/announcements.ts';
import { deletionOf, entryOf, EPOCH_MS, Rulebooks } from '../support/rulebooks.ts';

const anywhere = endpoint('203.0.113.9:7948');
const noStore = (): void => {};

function fail(): never {
  throw new Error('no space');
}

/** Nodes 1 to `count`, which have met. */
function settled(count = 3): Rulebooks {
  const rulebooks = new Rulebooks();
  for (let number = 1; number <= count; number++) rulebooks.start(number);
  rulebooks.clock.advance(5_000);
  rulebooks.requests.length = 0;
  return rulebooks;
}

function namesAt(rulebooks: Rulebooks, number: number): string[] {
  return rulebooks.nodes
    .get(number)!
    .objects()
    .map(({ name }) => name)
    .toSorted();
}

test('what somebody gives is told in the words of kubectl, stored first, and held by all', (t) => {
  const rulebooks = settled();
  const node = rulebooks.nodes.get(1)!;
  const stored: number[] = [];
  const give = (...wishes: Parameters<typeof node.give>[0]): readonly string[] =>
    node.give(wishes, (entries) => stored.push(entries.length));
  t.deepEqual(give(policyOf(1), policyOf(2)), ['created', 'created']);
  t.deepEqual(give(policyOf(1), policyOf(2, 1)), ['unchanged', 'configured']);
  t.deepEqual(give(policyOf(2, 1)), ['unchanged']);
  t.deepEqual(give(deletionOf(1), deletionOf(9)), ['deleted', 'absent']);
  t.deepEqual(stored, [2, 2, 2]);
  rulebooks.clock.advance(1_000);
  for (const number of [1, 2, 3]) t.deepEqual(namesAt(rulebooks, number), ['allow-2']);
  const held = rulebooks.nodes.get(3)!.object(policyOf(2))!;
  t.is(held.origin, 'n1');
  t.is(held.object, policyOf(2, 1).object);
  t.true(held.version >= EPOCH_MS);
});

test('what cannot be stored is not given', (t) => {
  const rulebooks = settled();
  t.throws(() => rulebooks.nodes.get(1)!.give([policyOf(1)], fail), { message: 'no space' });
  rulebooks.clock.advance(1_000);
  t.deepEqual(namesAt(rulebooks, 1), []);
});

test('a small change comes with its rumour, and nobody asks', (t) => {
  const rulebooks = settled(3);
  rulebooks.nodes.get(1)!.give([policyOf(1)], noStore);
  rulebooks.clock.advance(1_000);
  t.deepEqual(rulebooks.requests, []);
  for (const number of [1, 2, 3]) t.deepEqual(namesAt(rulebooks, number), ['allow-1']);
});

test('a rumour of more than it has room for makes a node ask its sender, once', (t) => {
  const rulebooks = settled(2);
  rulebooks.nodes.get(1)!.give([policyOf(1), policyOf(2), policyOf(3)], noStore);
  rulebooks.clock.advance(1_000);
  t.deepEqual(rulebooks.requests, [{ from: 2, to: 1 }]);
  t.deepEqual(namesAt(rulebooks, 2), ['allow-1', 'allow-2', 'allow-3']);
});

test('of several who hold it another is asked soon, where one does not answer', (t) => {
  const rulebooks = settled(3);
  rulebooks.away.add(3);
  rulebooks.nodes.get(1)!.give([policyOf(1), policyOf(2), policyOf(3)], noStore);
  rulebooks.clock.advance(1_000);
  rulebooks.away.delete(3);
  rulebooks.requests.length = 0;
  rulebooks.silent.add(1);
  const rumour = encodeRumour({ ...rulebooks.nodes.get(1)!.summary, entries: [] });
  rulebooks.nodes.get(3)!.takeRumour(endpoint('192.0.2.1:7001'), rumour);
  rulebooks.clock.advance(10);
  rulebooks.nodes.get(3)!.takeRumour(endpoint('192.0.2.1:7002'), rumour);
  rulebooks.clock.advance(400);
  t.deepEqual(rulebooks.requests, [
    { from: 3, to: 1 },
    { from: 3, to: 2 },
  ]);
  t.is(rulebooks.digests().size, 1);
});

test('thousands of policies are fetched in several answers, and the other is told of what it lacks', (t) => {
  const rulebooks = settled(2);
  rulebooks.away.add(2);
  rulebooks.nodes.get(1)!.give(
    Array.from({ length: 3_000 }, (_, serial) => policyOf(serial)),
    noStore,
  );
  rulebooks.nodes.get(2)!.give(
    Array.from({ length: 1_000 }, (_, serial) => policyOf(3_000 + serial)),
    noStore,
  );
  rulebooks.comeBack(2);
  rulebooks.clock.advance(2_000);
  t.is(rulebooks.digests().size, 1);
  t.is(rulebooks.nodes.get(1)!.statistics().objects, 4_000);
  t.true(rulebooks.requests.length > 3 && rulebooks.requests.length < 40, String(rulebooks.requests.length));
});

test('a node that was away catches up when it is back, also with what was deleted', (t) => {
  const rulebooks = settled();
  rulebooks.nodes.get(1)!.give([policyOf(1), policyOf(2)], noStore);
  rulebooks.clock.advance(1_000);
  rulebooks.away.add(3);
  rulebooks.nodes.get(2)!.give([deletionOf(1), policyOf(2, 7)], noStore);
  rulebooks.clock.advance(1_000);
  t.deepEqual(namesAt(rulebooks, 3), ['allow-1', 'allow-2']);
  rulebooks.comeBack(3);
  rulebooks.clock.advance(1_000);
  t.deepEqual(namesAt(rulebooks, 3), ['allow-2']);
  t.is(rulebooks.digests().size, 1);
});

test('without any rumour nodes come to hold the same all the same', (t) => {
  const rulebooks = settled();
  rulebooks.rumoursPass = false;
  rulebooks.nodes.get(1)!.give([policyOf(1)], noStore);
  rulebooks.nodes.get(2)!.give([policyOf(2)], noStore);
  rulebooks.clock.advance(120_000);
  t.is(rulebooks.digests().size, 1);
  t.deepEqual(namesAt(rulebooks, 3), ['allow-1', 'allow-2']);
});

test('the same policy given at two nodes at once is the same one everywhere', (t) => {
  const rulebooks = settled(4);
  rulebooks.nodes.get(1)!.give([policyOf(1, 1)], noStore);
  rulebooks.nodes.get(4)!.give([policyOf(1, 2)], noStore);
  rulebooks.clock.advance(2_000);
  t.is(rulebooks.digests().size, 1);
  const later = rulebooks.nodes.get(2)!.give([policyOf(1, 3)], noStore);
  t.deepEqual(later, ['configured']);
  rulebooks.clock.advance(1_000);
  t.is(rulebooks.nodes.get(4)!.object(policyOf(1))!.object, policyOf(1, 3).object);
});

test('a change counts at a node whose clock is behind', (t) => {
  const rulebooks = new Rulebooks();
  rulebooks.start(1);
  rulebooks.start(2, { timeOfDayMs: () => 5 });
  rulebooks.clock.advance(1_000);
  rulebooks.nodes.get(1)!.give([policyOf(1)], noStore);
  rulebooks.clock.advance(1_000);
  t.deepEqual(rulebooks.nodes.get(2)!.give([policyOf(1, 1)], noStore), ['configured']);
  rulebooks.clock.advance(1_000);
  t.is(rulebooks.nodes.get(1)!.object(policyOf(1))!.object, policyOf(1, 1).object);
});

test('a node knows when somebody has told it what the cluster holds, and old versions do not', (t) => {
  const rulebooks = new Rulebooks();
  rulebooks.old.add(1);
  rulebooks.start(1);
  let heard = 0;
  const node = rulebooks.start(2, { onHeard: () => heard++ });
  rulebooks.clock.advance(60_000);
  t.false(node.isHeard);
  t.true(rulebooks.requests.length < 30, String(rulebooks.requests.length));
  rulebooks.start(3);
  rulebooks.clock.advance(30_000);
  t.true(node.isHeard);
  t.is(heard, 1);
});

test('where all nodes are new, they know it as soon as they have met', (t) => {
  const rulebooks = new Rulebooks();
  for (const number of [1, 2, 3]) rulebooks.seeking.add(number);
  const all = [1, 2, 3].map((number) => rulebooks.start(number));
  rulebooks.clock.advance(500);
  t.deepEqual(
    all.map(({ isKnown }) => isKnown),
    [false, false, false],
  );
  rulebooks.seeking.clear();
  t.not(
    rulebooks.clock.advanceUntil(() => all.every(({ isHeard }) => isHeard), 2_500),
    undefined,
  );
});

test('a node that hears first from one as new as itself waits for one who knows', (t) => {
  const rulebooks = new Rulebooks();
  rulebooks.strangers.add('1 3');
  rulebooks.start(1).give([policyOf(1), policyOf(2), policyOf(3)], noStore);
  rulebooks.clock.advance(10_000);
  rulebooks.away.add(1);
  // Node 2 has not heard of node 1 yet, which is its seed, and node 3 has no other than node 2.
  rulebooks.seeking.add(2);
  const [second, third] = [rulebooks.start(2), rulebooks.start(3)];
  const isTrue = (): boolean => !third.isKnown || third.objects().length === 3;
  t.is(
    rulebooks.clock.advanceUntil(() => !isTrue(), 1_500),
    undefined,
  );
  t.true(rulebooks.requests.some(({ from, to }) => from === 3 && to === 2));
  rulebooks.comeBack(1);
  rulebooks.seeking.clear();
  t.is(
    rulebooks.clock.advanceUntil(() => !isTrue(), 3_000),
    undefined,
  );
  t.true(second.isHeard && third.isHeard);
});

test('a node that is alone is the first; one that finds nobody waits for five seconds', (t) => {
  const rulebooks = new Rulebooks();
  t.true(rulebooks.start(1).isKnown);
  const others = new Rulebooks();
  others.seeking.add(1);
  const node = others.start(1);
  others.clock.advance(4_900);
  t.false(node.isKnown);
  others.clock.advance(200);
  t.true(node.isKnown);
  t.false(node.isHeard);
});

test('what a node has heard of is not all there is until somebody has told all', (t) => {
  const rulebooks = new Rulebooks();
  rulebooks.start(1).give([policyOf(1), policyOf(2), policyOf(3)], noStore);
  rulebooks.clock.advance(20_000);
  rulebooks.strangers.add('1 2');
  rulebooks.seeking.add(2);
  const node = rulebooks.start(2);
  const { bytes } = entryOf(4, EPOCH_MS + 30_000);
  node.takeRumour(anywhere, encodeRumour({ version: EPOCH_MS + 30_000, digest: 'f'.repeat(16), entries: [bytes] }));
  rulebooks.clock.advance(8_000);
  t.deepEqual(namesAt(rulebooks, 2), ['allow-4']);
  t.false(node.isKnown);
  rulebooks.strangers.clear();
  const error = t.throws<WeftError>(() => node.give([policyOf(5)], noStore));
  t.is(error.code, 'policies-unknown');
  rulebooks.comeBack(1);
  rulebooks.clock.advance(1_000);
  t.true(node.isHeard);
  t.is(rulebooks.digests().size, 1);
  t.deepEqual(node.give([policyOf(5)], noStore), ['created']);
});

test('a rumour of what is held here says that this is all', (t) => {
  const rulebooks = new Rulebooks();
  rulebooks.start(1).give([policyOf(1)], noStore);
  rulebooks.clock.advance(20_000);
  rulebooks.silent.add(1);
  const node = rulebooks.start(2);
  rulebooks.nodes.get(1)!.give([deletionOf(1)], noStore);
  rulebooks.clock.advance(10);
  t.true(node.isHeard);
});

test('where what an earlier run held is lost, it is known as soon as somebody tells, or gives it anew', (t) => {
  const rulebooks = new Rulebooks();
  const lost = rulebooks.start(1, { mayBeFirst: false });
  rulebooks.clock.advance(60_000);
  t.false(lost.isKnown);
  lost.give([policyOf(1)], noStore);
  t.true(lost.isKnown);
  const another = rulebooks.start(2, { mayBeFirst: false });
  rulebooks.clock.advance(1_000);
  t.true(another.isHeard);
  t.deepEqual(namesAt(rulebooks, 2), ['allow-1']);
});

test('what is refused is said as long as others hold it', (t) => {
  const rulebooks = settled(1);
  const node = rulebooks.nodes.get(1)!;
  const { bytes } = entryOf(1, 1, { object: '{}' });
  node.takeRumour(anywhere, encodeRumour({ version: 9, digest: 'f'.repeat(16), entries: [bytes] }));
  t.true(node.refuses('entry-invalid'));
  t.false(node.refuses('rulebook-full'));
  rulebooks.clock.advance(600_001);
  t.false(node.refuses('entry-invalid'));
  t.is(node.refused()['entry-invalid'], 1);
});

test('where somebody has used up all versions, it is said that nothing can be changed', (t) => {
  const { nodes } = settled(1);
  const node = nodes.get(1)!;
  const { bytes } = entryOf(1, 2 ** 48 - 1);
  node.takeRumour(anywhere, encodeRumour({ version: 9, digest: 'f'.repeat(16), entries: [bytes] }));
  const error = t.throws(() => node.give([policyOf(2)], noStore));
  t.regex(error.message, /^NetworkPolicy shop\/allow-2 cannot be changed: somebody has used up all versions/);
});

test('a node begins with what an earlier run held', (t) => {
  const before = settled(1).nodes.get(1)!;
  t.true(before.isKnown);
  before.give([policyOf(1), policyOf(2)], noStore);
  before.give([deletionOf(2)], noStore);
  const rulebooks = new Rulebooks();
  const node = rulebooks.start(1, { entries: before.entries() });
  t.deepEqual(node.summary, before.summary);
  t.true(node.isHeard);
  t.deepEqual(namesAt(rulebooks, 1), ['allow-1']);
  t.deepEqual(rulebooks.changes, []);
});

test('what others would refuse is not given, and nothing of the rest', (t) => {
  const { nodes } = settled(1);
  const node = nodes.get(1)!;
  const long = { ...policyOf(2), object: policyOf(2).object!.padEnd(MAX_OBJECT_BYTES + 1) };
  const error = t.throws<WeftError>(() => node.give([policyOf(1), long], noStore));
  t.is(error.code, 'rulebook-object-invalid');
  t.regex(error.message, /^NetworkPolicy shop\/allow-2 takes \d+ bytes, more than 262144$/);
  const other = { ...policyOf(1), name: 'other' };
  t.like(
    t.throws(() => node.give([other], noStore)),
    { code: 'rulebook-object-invalid' },
  );
  t.is(node.statistics().objects, 0);
});

test('there are no more than so many, but less of it may be had, and deleted at any time', (t) => {
  const { nodes } = settled(1);
  const node = nodes.get(1)!;
  node.give(
    Array.from({ length: MAX_OBJECTS }, (_, serial) => policyOf(serial)),
    noStore,
  );
  t.like(
    t.throws(() => node.give([policyOf(MAX_OBJECTS)], noStore)),
    { code: 'rulebook-full' },
  );
  t.deepEqual(node.give([policyOf(0, 1)], noStore), ['configured']);
  t.deepEqual(node.give([deletionOf(0), policyOf(MAX_OBJECTS)], noStore), ['deleted', 'created']);
});

test('what is wrong is refused by name, and never held', (t) => {
  const rulebooks = settled(2);
  const node = rulebooks.nodes.get(2)!;
  node.takeRumour(anywhere, new Uint8Array(3));
  t.is(node.answer(anywhere, new Uint8Array(5).fill(0xff)), undefined);
  const bad = entryOf(1, 1, { object: '{}' }).bytes;
  const liar: Pick<Rulebook, 'answer'> = {
    answer: () =>
      encodeAnswer({ digest: '0'.repeat(16), knowledge: 'knows', differing: [], hashes: [], entries: [bad] }),
  };
  rulebooks.nodes.set(1, Object.assign(Object.create(rulebooks.nodes.get(1)!) as Rulebook, liar));
  node.takeRumour(endpoint('192.0.2.1:7001'), encodeRumour({ version: 9, digest: 'f'.repeat(16), entries: [] }));
  rulebooks.clock.advance(500);
  t.like(node.refused(), { 'rumour-invalid': 1, 'request-invalid': 1, 'entry-invalid': 1, 'rulebook-full': 0 });
  t.is(node.statistics().objects, 0);
  // Somebody who holds what is refused here is not asked again for each rumour of the same.
  const asked = rulebooks.requests.length;
  for (let turn = 0; turn < 10; turn++) {
    node.takeRumour(endpoint('192.0.2.1:7001'), encodeRumour({ version: 9, digest: 'f'.repeat(16), entries: [] }));
    rulebooks.clock.advance(200);
  }
  t.is(rulebooks.requests.length, asked);
});

test('random changes at random nodes, some of them away, end in the same everywhere', (t) => {
  const seed = Number(process.env['SEED'] ?? 1);
  for (let run = seed; run < seed + 10; run++) {
    const random = new SeededRandom(run);
    const rulebooks = settled(5);
    for (let turn = 0; turn < 60; turn++) {
      const number = 1 + random.below(5);
      const serial = random.below(8);
      if (random.below(5) === 0) {
        if (rulebooks.away.has(number)) rulebooks.comeBack(number);
        else rulebooks.away.add(number);
      } else {
        const wish = random.below(3) === 0 ? deletionOf(serial) : policyOf(serial, random.below(4));
        rulebooks.nodes.get(number)!.give([wish], noStore);
      }
      rulebooks.clock.advance(random.below(400));
    }
    for (const number of rulebooks.away) rulebooks.comeBack(number);
    t.not(
      rulebooks.clock.advanceUntil(() => rulebooks.digests().size === 1, 30_000),
      undefined,
      `SEED=${run}`,
    );
  }
});
