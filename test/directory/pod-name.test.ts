import test from 'ava';
import { isDnsLabel, podArguments, podTitle } from '../../src/directory/pod-name.ts';

for (const name of ['a', '1', 'web', 'web-1', '1a', 'a'.repeat(63)]) {
  test(`DNS carries ${name}`, (t) => t.true(isDnsLabel(name)));
}
for (const name of ['', '-', '-a', 'a-', 'A', 'a_b', 'a.b', 'a/b', 'a\n', 'ä', 'a'.repeat(64)]) {
  test(`DNS does not carry ${JSON.stringify(name)}`, (t) => t.false(isDnsLabel(name)));
}

test('a pod is called by its name, with its namespace where that is not the default one', (t) => {
  t.is(podTitle('default', 'web'), 'web');
  t.is(podTitle('shop', 'web'), 'shop/web');
  t.is(podArguments('web'), 'web');
  t.is(podArguments('shop/web'), 'web --namespace shop');
});
