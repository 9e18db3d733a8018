import test from 'ava';
import { attachmentName } from '../../../src/daemon/cni/attachment-name.ts';
import { isDnsLabel } from '../../../src/directory/pod-name.ts';

test('a container is called as its runtime calls it', (t) => {
  t.deepEqual(attachmentName('c1', 'web', 'shop'), { name: 'web', namespace: 'shop' });
  t.deepEqual(attachmentName('c1', 'web', undefined), { name: 'web', namespace: 'default' });
});

test('without a name it is called by its id, however long that is', (t) => {
  t.deepEqual(attachmentName('c1', undefined, undefined), { name: 'c1', namespace: 'default' });
  const { name, givenName } = attachmentName('9f86d081'.repeat(8), '', '');
  t.true(isDnsLabel(name));
  t.is(givenName, undefined);
});

for (const given of ['My_App', 'a.b', '-', '___', 'ä', 'x'.repeat(64), 'a-'.repeat(40), '..']) {
  test(`${JSON.stringify(given)} becomes what DNS can carry, the same each time, and not what another becomes`, (t) => {
    const { name, namespace, givenName } = attachmentName('c1', given, given);
    t.true(isDnsLabel(name), name);
    t.true(isDnsLabel(namespace), namespace);
    t.is(givenName, `${given}/${given}`);
    t.is(attachmentName('c2', given, undefined).name, name);
    t.not(attachmentName('c1', `${given}_`, given).name, name);
  });
}
