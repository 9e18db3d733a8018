import test from 'ava';
import {
  equalSets,
  type KnownNodes,
  nodeSetContents,
  nodeSets,
  type NodeSets,
  setsFrom,
  unitedSets,
} from '../../../src/daemon/rules/node-sets.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { endpoint, memberOf, prefix } from '../../support/announcements.ts';

const alone: KnownNodes = {
  underlay: { interface: 'eth0', address: parseIpAddress('198.18.0.1')! },
  ports: { data: 4_789, gossip: 7_948 },
  seeds: [],
  staticPeers: [],
  prefixes: [prefix('10.244.1.0/24')],
  members: [],
};

/** Elements, of sets that have any. */
function elementsOf(sets: NodeSets): Record<string, string[]> {
  const filled = Object.entries(sets).filter(([, elements]) => elements.size > 0);
  return Object.fromEntries(filled.map(([name, elements]) => [name, [...elements]]));
}

test('a node that knows no other protects its own ports', (t) => {
  t.deepEqual(elementsOf(nodeSets(alone)), {
    node4: ['198.18.0.1'],
    data4: ['198.18.0.1 . 4789'],
    gossip4: ['198.18.0.1 . 7948'],
    own4: ['198.18.0.1'],
    underlay: ['eth0'],
    prefix4: ['10.244.1.0/24'],
  });
});

test('a static peer is a node, and has no gossip', (t) => {
  const { node6, data6, gossip6 } = nodeSets({ ...alone, staticPeers: [{ endpoint: endpoint('[fd00::9]:8472') }] });
  t.deepEqual([[...node6], [...data6], [...gossip6]], [['fd00::9'], ['fd00::9 . 8472'], []]);
});

test('the ports of a seed are protected before it is known, but it is no node before', (t) => {
  const { node4, data4, gossip4 } = nodeSets({ ...alone, seeds: [endpoint('198.18.0.7:7000')] });
  t.false(node4.has('198.18.0.7'));
  t.true(data4.has('198.18.0.7 . 4789'));
  t.true(gossip4.has('198.18.0.7 . 7000'));
});

for (const [state, isNode] of [
  ['alive', true],
  ['suspect', true],
  ['dead', false],
  ['left', false],
] as const) {
  test(`the ports of a member that is ${state} are protected, and it is ${isNode ? 'a' : 'no'} node`, (t) => {
    const { node4, data4, gossip4 } = nodeSets({ ...alone, members: [memberOf(5, {}, state)] });
    t.is(node4.has('198.18.0.5'), isNode);
    t.true(data4.has('198.18.0.5 . 4789'));
    t.true(gossip4.has('198.18.0.5 . 7948'));
  });
}

test('every endpoint of the data that a member announces is protected, whatever it is for', (t) => {
  const announced = [
    { gear: 'userspace', endpoint: endpoint('198.18.0.5:4789') },
    { gear: 'something-new', endpoint: endpoint('198.18.1.5:4500') },
  ];
  const { node4, data4 } = nodeSets({ ...alone, members: [memberOf(5, { dataEndpoints: announced })] });
  t.true(data4.has('198.18.1.5 . 4500'));
  t.true(node4.has('198.18.1.5'));
});

test('the sets are what the kernel shows of them, and those that it lacks are empty', (t) => {
  const shown = new Map([
    ['node4', new Set(['198.18.0.1'])],
    ['data4', new Set(['198.18.0.1 . 4789'])],
    ['gossip4', new Set(['198.18.0.1 . 7948'])],
    ['own4', new Set(['198.18.0.1'])],
    ['underlay', new Set(['eth0'])],
    ['prefix4', new Set(['10.244.1.0/24'])],
    ['refusedby', new Set(['docker0'])],
  ]);
  t.true(equalSets(setsFrom(shown), nodeSets(alone)));
  t.false(equalSets(setsFrom(new Map()), nodeSets(alone)));
});

test('what an earlier daemon knew is added to what is known', (t) => {
  const earlier = nodeSets({ ...alone, members: [memberOf(5)] });
  const { node4 } = unitedSets(nodeSets(alone), earlier);
  t.deepEqual([...node4], ['198.18.0.1', '198.18.0.5']);
});

test('prefixes behind pods are there as nft lists them, a single address without its length', (t) => {
  const known = { ...alone, prefixes: [...alone.prefixes, prefix('10.244.7.0/24'), prefix('fd00:10:244:7::7/128')] };
  const { prefix4, prefix6 } = nodeSetContents(nodeSets(known));
  t.deepEqual(prefix4, {
    type: 'ipv4_addr',
    details: 'flags interval;',
    elements: new Set(['10.244.1.0/24', '10.244.7.0/24']),
  });
  t.deepEqual([...prefix6.elements!], ['fd00:10:244:7::7']);
});
