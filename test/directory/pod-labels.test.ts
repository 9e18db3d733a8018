import test from 'ava';
import { equalLabels, formatLabels, MAX_LABELS, problemOfLabels, splitLabel } from '../../src/directory/pod-labels.ts';

const good: [key: string, value: string][] = [
  ['app', 'web'],
  ['app', ''],
  ['a', '1'],
  ['App.kubernetes_io-1', 'Web_1.2-3'],
  ['app.kubernetes.io/name', 'web'],
  ['a'.repeat(63), 'b'.repeat(63)],
  [`${'a'.repeat(253)}/x`, 'y'],
  ['constructor', 'toString'],
];
for (const [key, value] of good) {
  test(`${key}=${value} is a label`, (t) => t.is(problemOfLabels({ [key]: value }), undefined));
}

const bad: [key: string, value: string, problem: RegExp][] = [
  ['', 'web', /^"" is not a key: a name has at most 63/],
  ['-app', 'web', /^"-app" is not a key/],
  ['app-', 'web', /^"app-" is not a key/],
  ['a b', 'web', /^"a b" is not a key/],
  ['a'.repeat(64), 'web', /is not a key/],
  ['/app', 'web', /^"\/app" is not a key: what stands before the slash is a DNS name/],
  ['Example.com/app', 'web', /before the slash/],
  ['a..b/app', 'web', /before the slash/],
  [`${'a'.repeat(254)}/x`, 'y', /before the slash/],
  ['a/b/c', 'web', /^"a\/b\/c" is not a key/],
  ['__proto__', 'web', /is not a key/],
  ['app', '-web', /^"-web" is not a value for app: it is empty, or has at most 63/],
  ['app', 'web front', /is not a value for app/],
  ['app', 'ä', /is not a value for app/],
  ['app', 'a'.repeat(64), /is not a value for app/],
  ['app', 'web\n', /is not a value for app/],
];
for (const [key, value, problem] of bad) {
  test(`${JSON.stringify(`${key}=${value}`)} is no label`, (t) =>
    t.regex(problemOfLabels(Object.fromEntries([[key, value]])) ?? '', problem));
}

const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, '']));

test('a pod has a bounded number of labels', (t) => {
  t.is(problemOfLabels(labels(MAX_LABELS)), undefined);
  t.is(problemOfLabels(labels(MAX_LABELS + 1)), 'are 65, and a pod has at most 64');
});

test('a label is split at its first equals sign; the value may be empty', (t) => {
  t.deepEqual(splitLabel('app=web'), ['app', 'web']);
  t.deepEqual(splitLabel('app='), ['app', '']);
  t.deepEqual(splitLabel('app=a=b'), ['app', 'a=b']);
  t.is(splitLabel('app'), undefined);
});

test('labels are the same in whatever order they were given', (t) => {
  t.is(formatLabels({ tier: 'front', app: 'web' }), 'app=web,tier=front');
  t.is(formatLabels({}), '');
  t.true(equalLabels({ tier: 'front', app: 'web' }, { app: 'web', tier: 'front' }));
  t.false(equalLabels({ app: 'web' }, { app: 'db' }));
});
