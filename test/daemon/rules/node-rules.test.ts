import test from 'ava';
import {
  type NodeRulesOptions,
  nodeTable,
  ruleCounters,
  type RuleFeature,
} from '../../../src/daemon/rules/node-rules.ts';
import { nodeSets } from '../../../src/daemon/rules/node-sets.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { endpoint, prefix } from '../../support/announcements.ts';

const options: NodeRulesOptions = {
  tunDevice: 'weft0',
  vxlanPort: 4_789,
  clusterPrefixes: [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')],
  nodeAddresses: [parseIpAddress('10.244.1.1')!, parseIpAddress('fd00:10:244:1::1')!],
  metrics: endpoint('127.0.0.1:9748'),
  names: true,
  masquerade: { intoOverlay: true, vxlan: false },
};

const sets = nodeSets({
  underlay: { interface: 'eth0', address: parseIpAddress('198.18.0.1')! },
  ports: { data: 4_789, gossip: 7_948 },
  seeds: [],
  staticPeers: [],
  prefixes: [prefix('10.244.1.0/24'), prefix('fd00:10:244:1::/64')],
  members: [],
});

/** Rules of one chain. */
function chainOf(name: string, change: Partial<NodeRulesOptions> = {}, ...without: RuleFeature[]): readonly string[] {
  const { chains } = nodeTable({ ...options, ...change }, sets, new Set(without));
  return chains[name]?.rules ?? ['no such chain'];
}

test('what pods and others send into the overlay is free, before anything else is asked', (t) => {
  t.deepEqual(chainOf('through').slice(0, 3), [
    'meta l4proto { icmp, icmpv6 } iifname "wf*" jump pod-icmp',
    'oifname "weft0" accept',
    'oifname "wf*" accept',
  ]);
});

test('ports of other nodes are for nodes, that come by a way that leads to them', (t) => {
  t.deepEqual(chainOf('node-port'), [
    'iifname "wf*" goto no-node',
    'iifname "weft0" goto no-node',
    'ip saddr != @node4 goto no-node',
    'ip6 saddr != @node6 goto no-node',
    'iifname @underlay return',
    'fib saddr . iif oif 0 goto no-node',
  ]);
});

test('gossip of a node that is not known yet is routed from the underlay', (t) => {
  t.deepEqual(chainOf('node-gossip-port').slice(-2), ['iifname @underlay return', 'goto node-port']);
});

test('a kernel that cannot look up routes has all the other rules', (t) => {
  t.false(chainOf('own-port', {}, 'fib').some((rule) => rule.includes('fib')));
  t.is(chainOf('own-port', {}, 'fib').length, chainOf('own-port').length - 2);
});

test('a kernel without NAT has all but what masquerades', (t) => {
  t.deepEqual(chainOf('leaving', {}, 'nat'), ['no such chain']);
  t.deepEqual(chainOf('masqueraded', {}, 'nat'), chainOf('masqueraded'));
});

test('pods leave the cluster under the address of their node; others enter the overlay under its overlay address', (t) => {
  t.deepEqual(chainOf('leaving'), [
    'oifname "weft0" iifname "wf*" accept',
    'oifname "weft0" ip saddr != @prefix4 ip daddr { 10.244.0.0/16 } counter name into-overlay snat ip to 10.244.1.1',
    'oifname "weft0" ip6 saddr != @prefix6 ip6 daddr { fd00:10:244::/48 } counter name into-overlay snat ip6 to fd00:10:244:1::1',
    'oifname "weft0" accept',
    'ip saddr @prefix4 ip daddr != { 10.244.0.0/16 } masquerade',
    'ip6 saddr @prefix6 ip6 daddr != { fd00:10:244::/48 } masquerade',
  ]);
});

test('of a family that the node has no addresses of, nothing is masqueraded', (t) => {
  const rules = chainOf('leaving', {
    nodeAddresses: [parseIpAddress('10.244.1.1')!],
  });
  t.deepEqual(
    rules.filter((rule) => rule.includes('ip6')),
    [],
  );
});

test('with masquerade.intoOverlay off, nothing gets the overlay address', (t) => {
  const rules = chainOf('leaving', { masquerade: { intoOverlay: false, vxlan: false } });
  t.deepEqual([rules[0], rules.length], ['oifname "weft0" accept', 3]);
});

test('pods and what others masquerade send to no port of VXLAN outside of the cluster', (t) => {
  t.deepEqual(chainOf('through', { vxlanPort: 5_000 }).slice(-2), [
    'ip saddr @prefix4 ip daddr != { 10.244.0.0/16 } udp dport { 4789, 8472, 5000 } counter name masqueraded-vxlan goto refuse',
    'ip6 saddr @prefix6 ip6 daddr != { fd00:10:244::/48 } udp dport { 4789, 8472, 5000 } counter name masqueraded-vxlan goto refuse',
  ]);
  t.is(chainOf('under-own-address').filter((rule) => rule.includes('masqueraded-vxlan')).length, 2);
});

test('with masquerade.vxlan on they do, but not to the ports of nodes', (t) => {
  const change = { masquerade: { intoOverlay: true, vxlan: true } };
  t.deepEqual(chainOf('through', change), chainOf('through').slice(0, 7));
  t.deepEqual(chainOf('under-own-address', change), chainOf('under-own-address').slice(0, 4));
});

test('a cluster of one family lets no VXLAN of the other out', (t) => {
  const rules = chainOf('under-own-address', { clusterPrefixes: [prefix('10.244.0.0/16')] });
  t.is(
    rules.at(-1),
    'meta nfproto ipv6 udp dport { 4789, 8472 } counter name masqueraded-vxlan goto refuse-masqueraded',
  );
});

const metrics = test.macro<[string | undefined, readonly string[]]>({
  exec: (t, address, addresses) => {
    const all = chainOf('to-node', { metrics: address === undefined ? undefined : endpoint(address) });
    const rules = all.filter((rule) => rule.includes('pod-to-metrics'));
    const closed = rules.map((rule) => / daddr (\S+) tcp dport 9748 /.exec(rule)![1]!);
    t.deepEqual([...new Set(closed)], addresses);
  },
  title: (_title, address, addresses) =>
    `metrics at ${address ?? 'no address'} are closed to pods at ${addresses.join(' and ') || 'none'}`,
});

test(metrics, undefined, []);
test(metrics, '127.0.0.1:9748', []);
test(metrics, '198.18.0.1:9748', []);
test(metrics, '10.244.1.1:9748', []);
test(metrics, '0.0.0.0:9748', ['10.244.1.1', '169.254.1.1']);
test(metrics, '[::]:9748', ['10.244.1.1', 'fd00:10:244:1::1', '169.254.1.1', 'fe80::1']);

test('every counter is there, and counts', (t) => {
  const { counters, chains } = nodeTable({ ...options, metrics: endpoint('[::]:9748') }, sets);
  t.deepEqual(counters, Object.keys(ruleCounters));
  const rules = Object.values(chains).flatMap((chain) => chain.rules);
  const used = new Set(rules.flatMap((rule) => /counter name (\S+)/.exec(rule)?.[1] ?? []));
  t.deepEqual([...used].toSorted(), Object.keys(ruleCounters).toSorted());
});

test('whatever is jumped to, and every set that is looked into, is there', (t) => {
  const { sets: declared, chains } = nodeTable(options, sets);
  for (const rule of Object.values(chains).flatMap((chain) => chain.rules)) {
    for (const [, kind, name] of rule.matchAll(/(goto |@)([\w-]+)/g))
      t.true(Object.hasOwn(kind === '@' ? declared : chains, name!), rule);
  }
});

test('names are asked for by pods and this node alone, each pod so often, and only where they are answered', (t) => {
  t.deepEqual(chainOf('names-port'), [
    'iifname "lo" return',
    'iifname != "wf*" iifname != "weft0" counter name names-from-outside goto refuse',
    'update @asking { iifname limit rate over 1000/second burst 250 packets } counter name names-flood drop',
  ]);
  // Data of nodes, of which there is most, is not looked at for that.
  t.deepEqual(chainOf('to-node').slice(-2), [
    'meta l4proto { tcp, udp } ip daddr { 169.254.1.1, 10.244.1.1 } th dport 53 goto names-port',
    'meta l4proto { tcp, udp } ip6 daddr { fe80::1, fd00:10:244:1::1 } th dport 53 goto names-port',
  ]);
});

test("without names, port 53 of the node is somebody else's", (t) => {
  t.false(chainOf('to-node', { names: false }).some((rule) => rule.includes('names-port')));
});
