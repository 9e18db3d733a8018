import test from 'ava';
import { MAX_DELETIONS, MAX_HELD_BYTES, MAX_HELD_OBJECTS, MAX_OBJECT_BYTES } from '../../src/rulebook/limits.ts';
import { bucketOf, RulebookTable } from '../../src/rulebook/rulebook-table.ts';
import type { SealedEntry } from '../../src/rulebook/entry.ts';
import { differingBuckets } from '../../src/membership/table-digest.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { entryOf, randomEntries } from '../support/rulebooks.ts';

const seed = Number(process.env['SEED'] ?? 1);

function tableOf(entries: Iterable<SealedEntry>): RulebookTable {
  const table = new RulebookTable();
  for (const entry of entries) table.take(entry);
  return table;
}

/** Everything that it holds, as text. */
function contentOf(table: RulebookTable): string {
  const hashes = [...table.all()].map(({ hash }) => hash).toSorted();
  return `${table.summary.digest} ${table.objects} ${table.lengthBytes} ${hashes.join(' ')}`;
}

function shuffled<Item>(random: SeededRandom, items: readonly Item[]): Item[] {
  return random.some(items, items.length);
}

test(`merging is commutative, associative and idempotent (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  for (let turn = 0; turn < 500; turn++) {
    const [a, b, c] = [0, 1, 2].map(() => randomEntries(random, random.below(8))) as [
      SealedEntry[],
      SealedEntry[],
      SealedEntry[],
    ];
    const all = contentOf(tableOf([...a, ...b, ...c]));
    t.is(contentOf(tableOf(shuffled(random, [...a, ...b, ...c]))), all);
    const left = tableOf([...tableOf([...a, ...b]).all(), ...c]);
    const right = tableOf([...a, ...tableOf([...b, ...c]).all()]);
    t.is(contentOf(left), all);
    t.is(contentOf(right), all);
    t.is(contentOf(tableOf([...left.all(), ...left.all(), ...right.all()])), all);
  }
});

test('the higher version wins, and of one version the greater bytes', (t) => {
  const low = entryOf(1, 1);
  const high = entryOf(1, 2, { object: undefined });
  const table = tableOf([low]);
  t.is(table.take(low), 'known');
  t.is(table.take(high), 'new');
  t.is(table.take(low), 'known');
  t.is(table.get(low.entry)?.entry.object, undefined);
  const twins = [entryOf(2, 5, { origin: 'n1' }), entryOf(2, 5, { origin: 'n2' })];
  t.is(tableOf(twins).get(twins[0]!.entry), tableOf(twins.toReversed()).get(twins[0]!.entry));
});

test(`sums tell which buckets differ, and the sums of all are the digest (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  for (const count of [1, 4, 256]) {
    const entries = Array.from({ length: 40 }, (_, serial) => entryOf(serial, 1 + random.below(9)));
    const changed = entryOf(7, 100);
    const [before, after] = [tableOf(entries), tableOf([...entries, changed])];
    const expected = new Set([entries[7]!, changed].map(({ hash }) => bucketOf(hash, count)));
    t.deepEqual(new Set(differingBuckets(before.buckets(count), after.buckets(count))), expected);
    t.true(after.within([...expected], count).includes(changed));
    t.is(after.within([...expected], count)[0], changed);
    t.deepEqual(tableOf(shuffled(random, [...after.all()])).buckets(count), after.buckets(count));
  }
});

test('a table that others filled is full, keeps what it has, and takes deletions', (t) => {
  const table = new RulebookTable();
  for (let serial = 0; serial < MAX_HELD_OBJECTS; serial++) t.is(table.take(entryOf(serial, 1)), 'new');
  t.is(table.take(entryOf(MAX_HELD_OBJECTS, 1)), 'full');
  t.is(table.take(entryOf(3, 2)), 'new');
  t.is(table.take(entryOf(4, 2, { object: undefined })), 'new');
  t.is(table.take(entryOf(MAX_HELD_OBJECTS, 1)), 'new');
  t.is(table.objects, MAX_HELD_OBJECTS);
});

function long(serial: number, version: number): SealedEntry {
  const { object } = entryOf(serial, 1).entry;
  return entryOf(serial, version, { object: object!.padEnd(MAX_OBJECT_BYTES) });
}

test('all objects together have a greatest length', (t) => {
  const table = new RulebookTable();
  const most = Math.floor(MAX_HELD_BYTES / long(0, 1).bytes.length);
  for (let serial = 0; serial < most; serial++) t.is(table.take(long(serial, 1)), 'new');
  t.is(table.take(long(most, 1)), 'full');
  t.is(table.take(long(0, 2)), 'new');
  t.true(table.lengthBytes <= MAX_HELD_BYTES);
});

test('the latest deletions are remembered, whatever the order in which they come', (t) => {
  const deletions = Array.from({ length: MAX_DELETIONS + 3 }, (_, index) =>
    entryOf(index, index + 1, { object: undefined }),
  );
  const inOrder = tableOf(deletions);
  const reversed = tableOf(deletions.toReversed());
  t.is(contentOf(inOrder), contentOf(reversed));
  t.is(inOrder.size, MAX_DELETIONS);
  t.is(inOrder.get(deletions[2]!.entry), undefined);
  t.not(inOrder.get(deletions[3]!.entry), undefined);
  t.is(inOrder.take(deletions[0]!), 'known');
  // One that is forgotten at once deletes all the same.
  t.is(inOrder.take(entryOf(90_000, 1)), 'new');
  t.is(inOrder.take(entryOf(90_000, 2, { object: undefined })), 'new');
  t.is(inOrder.objects, 0);
});
