import test from 'ava';
import { encodePod } from '../../src/directory/pod-codec.ts';
import { PodSet } from '../../src/directory/pod-set.ts';
import { MAX_PODS } from '../../src/membership/limits.ts';
import { compareBytes } from '../../src/membership/member-table.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { podOf, somePodsOf } from '../support/directories.ts';

const seed = Number(process.env['SEED'] ?? 1);

test('a set does not depend on the order in which its pods are named, and none counts twice', (t) => {
  const encoded = somePodsOf(1, 9).map(encodePod);
  const set = PodSet.of(encoded);
  const other = PodSet.of([...encoded.toReversed(), encoded[3]!]);
  t.is(other.digest, set.digest);
  t.deepEqual(other.encoded(), set.encoded());
  t.is(set.size, 9);
  t.is(
    set.lengthBytes,
    encoded.reduce((sum, { length }) => sum + length, 0),
  );
});

test('another pod is another digest, and so is one less', (t) => {
  const pods = somePodsOf(1, 3);
  const digests = [pods, pods.slice(1), somePodsOf(1, 3, 1), []].map((some) => PodSet.of(some.map(encodePod)).digest);
  t.is(new Set(digests).size, 4);
});

test(`what changed between two sets leads from one to the other (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const all = [...somePodsOf(1, 40), ...somePodsOf(2, 40, 1).map((pod) => ({ ...pod, namespace: 'shop' }))];
  for (let round = 0; round < 200; round++) {
    const [before, after] = [0, 1].map(() => PodSet.of(all.filter(() => random.happens(0.5)).map(encodePod)));
    const { removed, added } = after!.since(before!);
    t.is(before!.with(removed, added)?.digest, after!.digest);
    t.is(after!.with(removed, added)?.digest, after!.digest, 'a change that was taken already changes nothing');
  }
});

const sorted = somePodsOf(1, 5).map(encodePod).toSorted(compareBytes);
const invalid: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ['pods in another order', [sorted[1]!, sorted[0]!]],
  ['the same pod twice', [sorted[0]!, sorted[0]!]],
  ['two pods of one name', [podOf(1, 'web', 2), podOf(1, 'web', 3)].map(encodePod).toSorted(compareBytes)],
  ['something that is no pod', [Uint8Array.of(0xff)]],
  [
    'more pods than a node may have',
    somePodsOf(1, MAX_PODS + 1)
      .map(encodePod)
      .toSorted(compareBytes),
  ],
];
for (const [title, encoded] of invalid) {
  test(`a set from elsewhere with ${title} is refused`, (t) => {
    t.is(PodSet.parse(encoded), undefined);
  });
}

test('of two pods of one name, one may have lost it to the other', (t) => {
  const pods = [podOf(1, 'web', 2, { isSuperseded: true }), podOf(1, 'web', 3)];
  t.is(PodSet.parse(pods.map(encodePod).toSorted(compareBytes))?.size, 2);
});

test('a set of a megabyte is read, a longer one is not', (t) => {
  const labels = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`key-${at}`, 'v'.repeat(63)]));
  const pods = Array.from({ length: 300 }, (_, at) => encodePod(podOf(1, `pod-${at}`, 2, { labels })));
  const encoded = pods.toSorted(compareBytes);
  const fit = Math.floor((1024 * 1024) / encoded[0]!.length) - 1;
  t.is(PodSet.parse(encoded.slice(0, fit))?.size, fit);
  t.is(PodSet.parse(encoded), undefined);
});
