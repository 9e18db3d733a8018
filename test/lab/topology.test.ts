import test from 'ava';
import { ConfigError } from '../../src/errors.ts';
import { bareAddress, isNamespaceOf, namespacesOf, planLab } from '../../src/lab/topology.ts';
import type { LabSpec } from '../../src/lab/topology.ts';

const spec: LabSpec = {
  name: 'lab',
  nodes: 3,
  podsPerNode: 2,
  underlayMtuBytes: 1500,
  ipv6Underlay: false,
  plainUnderlay: false,
  settings: {},
};

test('a node has a name, addresses of both families, prefixes, and the other nodes as seeds', (t) => {
  t.deepEqual(planLab(spec).nodes[1], {
    name: 'n2',
    netns: 'lab-n2',
    underlayAddresses: ['198.18.0.2/16', 'fd00:198:18::2/64'],
    endpoint: '198.18.0.2:4789',
    prefixes: ['10.244.2.0/24', 'fd00:10:244:2::/64'],
    seeds: ['198.18.0.1', '198.18.0.3'],
    pods: [
      { name: 'p1', netns: 'lab-n2-p1' },
      { name: 'p2', netns: 'lab-n2-p2' },
    ],
  });
});

test('an IPv6 underlay has no IPv4 anywhere', (t) => {
  const plan = planLab({ ...spec, ipv6Underlay: true });
  t.deepEqual(plan.nodes[0]?.underlayAddresses, ['fd00:198:18::1/64']);
  t.is(plan.nodes[0]?.endpoint, '[fd00:198:18::1]:4789');
  t.deepEqual(plan.nodes[0]?.seeds, ['fd00:198:18::2', 'fd00:198:18::3']);
  t.deepEqual(plan.world.gatewayAddresses, ['fd00:198:18::ffff/64']);
  t.deepEqual(plan.world.outsideAddresses, ['fd00:198:19::1/128']);
});

test('a lab of one node without pods is a lab', (t) => {
  const plan = planLab({ ...spec, nodes: 1, podsPerNode: 0 });
  t.deepEqual(plan.nodes[0]?.seeds, []);
  t.deepEqual(namespacesOf(plan), ['lab-switch', 'lab-world', 'lab-n1']);
});

test('the largest lab gives no name, address or prefix twice', (t) => {
  const plan = planLab({ ...spec, nodes: 254 });
  const all = plan.nodes.flatMap((node) => [node.netns, node.endpoint, ...node.underlayAddresses, ...node.prefixes]);
  t.is(new Set(all).size, all.length);
  t.is(new Set(namespacesOf(plan)).size, 2 + 254 * 3);
});

test('every namespace of a lab is recognised by its name', (t) => {
  t.true(namespacesOf(planLab(spec)).every((netns) => isNamespaceOf('lab', netns)));
});

const belongs = test.macro({
  exec: (t, labName: string, netns: string, expected: boolean) => t.is(isNamespaceOf(labName, netns), expected),
  title: (_, labName: string, netns: string, expected: boolean) =>
    `namespace ${netns} ${expected ? 'belongs' : 'does not belong'} to lab ${labName}`,
});
test(belongs, 'lab', 'lab-n12-p3', true);
test(belongs, 'lab', 'lab-world', true);
test(belongs, 'lab', 'lab', false);
test(belongs, 'lab', 'lab2-n1', false);
test(belongs, 'lab', 'lab-n1-n1', false);
test(belongs, 'lab-n1', 'lab-n1-n1', true);
test(belongs, 'lab-n1', 'lab-n1-p1', false);
test(belongs, 'lab', 'lab-n1-world', false);
test(belongs, 'lab', 'lab-mine', false);

const refused = test.macro({
  exec(t, change: Partial<LabSpec>, message: string) {
    t.throws(() => planLab({ ...spec, ...change }), { instanceOf: ConfigError, code: 'config-invalid', message });
  },
  title: (_, change) => `refuses ${JSON.stringify(change)}`,
});
test(refused, { nodes: 0 }, '--nodes: 0 is not a whole number from 1 to 254');
test(refused, { nodes: 255 }, '--nodes: 255 is not a whole number from 1 to 254');
test(refused, { podsPerNode: 251 }, '--pods: 251 is not a whole number from 0 to 250');
test(refused, { podsPerNode: 1.5 }, '--pods: 1.5 is not a whole number from 0 to 250');
test(refused, { underlayMtuBytes: 1329 }, '--underlay-mtu: 1329 is not a whole number from 1330 to 65535');
test(
  refused,
  { underlayMtuBytes: 1349, ipv6Underlay: true },
  '--underlay-mtu: 1349 is not a whole number from 1350 to 65535',
);

const refusedName = test.macro({
  exec: (t, name: string) =>
    t.throws(() => planLab({ ...spec, name }), { code: 'config-invalid', message: /is not a lab name/ }),
  title: (_, name: string) => `refuses the name "${name}"`,
});
test(refusedName, '');
test(refusedName, 'Lab');
test(refusedName, '-lab');
test(refusedName, '../lab');
test(refusedName, 'a/b');
test(refusedName, 'lab 1');
test(refusedName, 'x'.repeat(33));

test('an address is bare without its prefix length', (t) => {
  t.is(bareAddress('fd00::1/64'), 'fd00::1');
  t.is(bareAddress('198.18.0.1'), '198.18.0.1');
});
