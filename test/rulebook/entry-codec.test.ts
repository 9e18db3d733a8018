import test from 'ava';
import { weft } from '../../src/membership/generated/weft.js';
import { podVersionToBytes } from '../../src/membership/pod-version.ts';
import { MAX_ENTRY_BYTES, parseEntry, sealEntry } from '../../src/rulebook/entry-codec.ts';
import { rulebookKinds } from '../../src/rulebook/entry.ts';
import { MAX_OBJECT_BYTES } from '../../src/rulebook/limits.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { pick } from '../support/mutation.ts';
import { mutated } from '../support/mutation.ts';
import { entryOf, randomEntries } from '../support/rulebooks.ts';

const seed = Number(process.env['SEED'] ?? 1);

const shop = JSON.stringify({ kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } });
const webObject = { kind: 'Service', metadata: { name: '1web', namespace: 'shop' } };
const tenants = JSON.stringify({ kind: 'ClusterNetworkPolicy', metadata: { name: 'tenants.v1' } });

test('numbers of kinds are those of earlier versions', (t) => {
  const { RulebookKind } = weft.v1;
  t.deepEqual(
    [
      RulebookKind.RULEBOOK_KIND_NETWORK_POLICY,
      RulebookKind.RULEBOOK_KIND_CLUSTER_NETWORK_POLICY,
      RulebookKind.RULEBOOK_KIND_NAMESPACE,
      RulebookKind.RULEBOOK_KIND_SERVICE,
    ].map((number) => [number, rulebookKinds[number - 1]]),
    [
      [1, 'NetworkPolicy'],
      [2, 'ClusterNetworkPolicy'],
      [3, 'Namespace'],
      [4, 'Service'],
    ],
  );
});

test('entries come back as they were, and equal ones have the same bytes', (t) => {
  const entries = [
    entryOf(1, 5),
    entryOf(1, 2 ** 48 - 1, { object: undefined }),
    sealEntry({ kind: 'Namespace', namespace: '', name: 'shop', version: 7, origin: 'n-1.example', object: shop }),
    sealEntry({
      kind: 'ClusterNetworkPolicy',
      namespace: '',
      name: 'tenants.v1',
      version: 7,
      origin: 'n1',
      object: tenants,
    }),
    sealEntry({
      kind: 'Service',
      namespace: 'shop',
      name: '1web',
      version: 7,
      origin: 'n1',
      object: JSON.stringify(webObject),
    }),
  ];
  for (const sealed of entries) {
    t.deepEqual(parseEntry(sealed.bytes), sealed);
    t.deepEqual(sealEntry(sealed.entry), sealed);
  }
});

test('fields that this version does not know survive on the way', (t) => {
  const known = entryOf(1, 5);
  const bytes = Uint8Array.from([...known.bytes, 0x7a, 0x03, 0x6e, 0x65, 0x77]);
  const sealed = parseEntry(bytes)!;
  t.deepEqual(sealed.entry, known.entry);
  t.deepEqual(sealed.bytes, bytes);
  t.not(sealed.hash, known.hash);
});

const raw = {
  kind: 1,
  namespace: 'shop',
  name: 'allow-1',
  version: podVersionToBytes(9),
  origin: 'n1',
  object: entryOf(1, 9).entry.object!,
};

const refuses = test.macro({
  exec: (t, change: Partial<typeof raw>) => {
    t.not(parseEntry(weft.v1.RulebookEntry.encode(raw).finish()), undefined);
    t.is(parseEntry(weft.v1.RulebookEntry.encode({ ...raw, ...change }).finish()), undefined);
  },
  title: (name = '') => `refuses ${name}`,
});

test('a kind of a later version', refuses, { kind: 5 });
test('no kind', refuses, { kind: 0 });
test('a policy without namespace', refuses, { namespace: '' });
test('a namespace with a slash', refuses, { namespace: 'shop/x' });
test('a name that is no name of Kubernetes', refuses, { name: 'Web' });
test('a name with a control character', refuses, { name: 'web\u001b[31m' });
test('a namespace object within a namespace', refuses, { kind: 3, name: 'shop', object: shop });
for (const [title, namespace, name] of [
  ['without a namespace', '', 'web'],
  ['whose name has a dot', 'shop', 'web.v1'],
  ['whose name is too long', 'shop', 'w'.repeat(64)],
] as const)
  test(`a service ${title}`, refuses, {
    kind: 4,
    namespace,
    name,
    object: JSON.stringify({ kind: 'Service', metadata: { name, ...(namespace !== '' && { namespace }) } }),
  });
test('half a version', refuses, { version: new Uint8Array(7) });
test('version 0', refuses, { version: podVersionToBytes(0) });
test('an origin with spaces', refuses, { origin: 'n1 n2' });
test('no origin', refuses, { origin: '' });
test('what is not JSON', refuses, { object: '{' });
test('JSON that is no object', refuses, { object: '"NetworkPolicy"' });
test('an object of another kind', refuses, { object: raw.object.replace('NetworkPolicy', 'Namespace') });
test('an object of another name', refuses, { object: raw.object.replace('allow-1', 'allow-2') });
test('an object of another namespace', refuses, { object: raw.object.replace('"shop"', '"shops"') });
test('an object that is too long', refuses, { object: raw.object.padEnd(MAX_OBJECT_BYTES + 1) });

test('an object of the greatest length is taken', (t) => {
  const sealed = entryOf(1, 9, { object: raw.object.padEnd(MAX_OBJECT_BYTES) });
  t.deepEqual(parseEntry(sealed.bytes), sealed);
  t.true(sealed.bytes.length <= MAX_ENTRY_BYTES);
});

test('objects that lie deep within each other do no harm', (t) => {
  const deep = `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`;
  const object = raw.object.replace(/\}$/, `,"x":${deep}}`);
  t.is(parseEntry(entryOf(1, 9, { object }).bytes)?.entry.object, object);
});

test(`damaged entries are refused, or are others (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const entries = randomEntries(random, 20);
  let taken = 0;
  for (let turn = 0; turn < 20_000; turn++) {
    const bytes = turn % 50 === 0 ? random.bytes(random.below(200)) : mutated(random, pick(random, entries).bytes);
    const sealed = parseEntry(bytes);
    if (sealed === undefined) continue;
    taken++;
    t.deepEqual(sealed.bytes, bytes);
    t.deepEqual(parseEntry(sealEntry(sealed.entry).bytes)?.entry, sealed.entry);
  }
  t.true(taken > 100 && taken < 19_000, String(taken));
});
