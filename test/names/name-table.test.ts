import test from 'ava';
import { array, assert, constant, constantFrom, option, property, record } from 'fast-check';
import { type NamedNode, NameTable } from '../../src/names/name-table.ts';
import { parseIpAddress, formatIpAddress } from '../../src/wire/address.ts';

const label = constantFrom('a', 'b', 'c', 'default', 'node', 'svc');
const podArbitrary = record({
  name: array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.')),
  namespace: label,
  addresses: constant([]),
});
const nodeArbitrary = record({
  name: constantFrom('n1', 'n2', 'n3'),
  addresses: constant([]),
  pods: array(podArbitrary, { maxLength: 6 }),
});
const step = record({
  identity: constantFrom('x', 'y', 'z'),
  node: option(nodeArbitrary, { nil: undefined }),
});

/** What a name means, found the slow way: every name that there is, from the list of nodes alone. */
function slowNames(nodes: ReadonlyMap<string, NamedNode>): Map<string, string> {
  const names = new Map<string, string>();
  const ordered = [...nodes].toSorted(([a, one], [b, other]) => (`${one.name} ${a}` < `${other.name} ${b}` ? -1 : 1));
  for (const [, node] of ordered) {
    const add = (name: string, holder: string): void => {
      if (!names.has(name)) names.set(name, holder);
    };
    add(`${node.name}.node`, `${node.name}.node`);
    for (const pod of node.pods.toReversed())
      if (pod.namespace !== 'node' && pod.namespace !== 'svc')
        add(`${pod.name}.${pod.namespace}`, `${pod.name}.${pod.namespace}`);
  }
  return names;
}

test('after any history, a table holds what one that is made anew holds', (t) => {
  assert(
    property(array(step, { maxLength: 12 }), (steps) => {
      const table = new NameTable(['weft', 'internal']);
      const nodes = new Map<string, NamedNode>();
      for (const { identity, node } of steps) {
        if (node === undefined) {
          table.delete(identity);
          nodes.delete(identity);
        } else {
          table.set(identity, node);
          nodes.set(identity, node);
        }
      }
      const names = slowNames(nodes);
      const parents = new Set<string>(['node']);
      for (const name of names.keys()) {
        const forms = name.endsWith('.default') ? [name, name.slice(0, -'.default'.length)] : [name];
        for (const form of forms) {
          const labels = form.split('.');
          for (let at = 1; at < labels.length; at++) parents.add(labels.slice(at).join('.'));
        }
      }
      t.is(table.size, names.size);
      for (const name of [...names.keys(), ...parents, 'a', 'b.c', 'a.b.c']) {
        const labels = name.split('.');
        if (labels.at(-1) === 'node' || labels.at(-1) === 'svc') continue;
        const expected = names.get(name) ?? names.get(`${name}.default`);
        t.is(table.holderOf(labels)?.name, expected, name);
        t.is(table.hasBelow(labels), parents.has(name), `below ${name}`);
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('an address that two claim is the first one that said so, and nobody loses his own by it', (t) => {
  const table = new NameTable(['weft', 'internal']);
  const [own, claimed] = [parseIpAddress('10.244.1.2')!, parseIpAddress('10.244.2.2')!];
  const pod = (name: string, ...addresses: (typeof own)[]) => ({ name, namespace: 'default', addresses });
  table.set('aa', { name: 'n1', addresses: [], pods: [pod('web', own)] });
  table.set('bb', { name: 'n2', addresses: [], pods: [pod('thief', own, claimed)] });
  t.is(table.holderAt(own)?.name, 'web.default');
  table.delete('bb');
  t.is(table.holderAt(own)?.name, 'web.default');
  t.is(table.holderAt(claimed), undefined);
});

test('addresses come back as they were given, of both families', (t) => {
  const table = new NameTable(['weft', 'internal']);
  const texts = ['0.255.128.1', 'fd00::ff80', '::'];
  const addresses = texts.map((text) => parseIpAddress(text)!);
  table.set('aa', { name: 'n1', addresses: [], pods: [{ name: 'web', namespace: 'default', addresses }] });
  t.deepEqual(table.holderOf(['web'])?.addresses.map(formatIpAddress), texts);
});

test('a node that claims one name many times is not slow', (t) => {
  const table = new NameTable(['weft', 'internal']);
  const pods = Array.from({ length: 30_000 }, () => ({ name: 'web', namespace: 'default', addresses: [] }));
  table.set('aa', { name: 'n1', addresses: [], pods });
  t.is(table.size, 2);
});

test('whether an address is that of a node is known', (t) => {
  const table = new NameTable(['weft', 'internal']);
  const [node, pod] = [parseIpAddress('10.244.1.1')!, parseIpAddress('10.244.1.2')!];
  table.set('aa', {
    name: 'n1',
    addresses: [node],
    pods: [{ name: 'dns', namespace: 'default', addresses: [pod] }],
  });
  t.true(table.isNodeAddress(node));
  t.false(table.isNodeAddress(pod));
});
