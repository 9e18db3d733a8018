import test from 'ava';
import { readNode, readPod } from '../../src/kubernetes/api-object.ts';
import { DeletedNodes, equalPrefixSets, prefixesOf, seedsOf } from '../../src/kubernetes/node-view.ts';
import { formatEndpoint } from '../../src/wire/address.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';

function node(name: string, ...addresses: string[]) {
  return readNode({
    metadata: { name, uid: `uid-${name}` },
    spec: {},
    status: {
      addresses: [
        ...addresses.map((address) => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: name },
      ],
    },
  })!;
}

test('prefixes are those of both families; a Node of before there were two has one', (t) => {
  const both = readNode({
    metadata: { name: 'n1', uid: 'u' },
    spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00::/64'] },
  })!;
  t.deepEqual(prefixesOf(both).prefixes.map(formatPrefix), ['10.244.1.0/24', 'fd00::/64']);
  const one = readNode({ metadata: { name: 'n1', uid: 'u' }, spec: { podCIDR: '10.244.1.0/24' } })!;
  t.deepEqual(prefixesOf(one).prefixes.map(formatPrefix), ['10.244.1.0/24']);
  t.deepEqual(prefixesOf({ podCidrs: ['10.244.1.7/24'] }).unreadable, ['10.244.1.7/24']);
  t.true(equalPrefixSets(prefixesOf(both).prefixes, prefixesOf(both).prefixes.toReversed()));
  t.false(equalPrefixSets(prefixesOf(both).prefixes, prefixesOf(one).prefixes));
});

test('seeds are the internal addresses of the other nodes, but for those in the overlay', (t) => {
  const nodes = [node('n1', '198.18.0.1'), node('n2', '198.18.0.2', 'fd00::2'), node('n3', '10.244.3.1', 'no address')];
  const seeds = seedsOf(nodes, { nodeName: 'n1', gossipPort: 7948 }, ({ bytes }) => bytes[0] === 10);
  t.deepEqual(seeds.map(formatEndpoint), ['198.18.0.2:7948', '[fd00::2]:7948']);
});

test('a node was deleted if it was there, and is not any more', (t) => {
  const deleted = new DeletedNodes();
  deleted.see(['n1', 'n2.example.com']);
  t.false(deleted.has('n2'));
  deleted.see(['n1']);
  t.true(deleted.has('n2'));
  t.false(deleted.has('outside'));
  deleted.see(['n1', 'n2']);
  t.false(deleted.has('n2'));
});

test('the condition of a Node is told, and that there is none', (t) => {
  const conditions = [{ type: 'NetworkUnavailable', status: 'False', reason: 'WeftIsUp' }];
  const told = readNode({ metadata: { name: 'n1', uid: 'u' }, status: { conditions, addresses: null } })!;
  t.deepEqual([told.networkUnavailable, told.networkUnavailableReason], ['False', 'WeftIsUp']);
  t.is(node('n1').networkUnavailable, '');
});

test('a Pod without a status is a Pod', (t) => {
  t.deepEqual(readPod({ metadata: { name: 'a', namespace: 'b', uid: 'u' } }), {
    namespace: 'b',
    name: 'a',
    uid: 'u',
    runtimeUid: 'u',
    labels: {},
    hostNetwork: false,
    phase: '',
    addresses: [],
    ports: [],
    hasMorePorts: false,
    isEnding: false,
  });
});

test('a Pod that breaks a limit is none', (t) => {
  const metadata = { name: 'a', namespace: 'b', uid: 'u' };
  const labels = Object.fromEntries(Array.from({ length: 1_025 }, (_, at) => [`l${at}`, '']));
  t.is(readPod({ metadata: { ...metadata, labels } }), undefined);
  t.is(readPod({ metadata: { ...metadata, labels: { a: 7 } } }), undefined);
  t.is(readPod({ metadata, status: { podIPs: Array.from({ length: 65 }, () => ({ ip: '10.0.0.1' })) } }), undefined);
  t.is(readPod(null), undefined);
});
