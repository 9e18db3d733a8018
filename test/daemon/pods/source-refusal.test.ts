import test from 'ava';
import {
  overlapOf,
  problemOf,
  takenByHost,
  takenByNodes,
  takenByPods,
  takenByStaticPeers,
  type TakenPrefix,
} from '../../../src/daemon/pods/source-refusal.ts';
import type { KernelRoute } from '../../../src/linux/route.ts';
import { parseIpAddress, parseMacAddress } from '../../../src/wire/address.ts';
import { endpoint, memberOf, prefix } from '../../support/announcements.ts';

const configuration = {
  clusterPrefixes: [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')],
  nodePrefixes: [prefix('10.244.1.0/24'), prefix('fd00:10:244:1::/64')],
};

const problem = test.macro<[string, RegExp | undefined, Partial<typeof configuration>?]>({
  exec: (t, text, expected, change = {}) => {
    const found = problemOf(prefix(text), { ...configuration, ...change });
    if (expected === undefined) t.is(found, undefined);
    else t.regex(found ?? '', expected);
  },
  title: (_title, text, expected) =>
    `${text} may ${expected === undefined ? '' : 'not '}lie behind a pod: ${String(expected ?? '')}`,
});

const wide = { clusterPrefixes: [prefix('0.0.0.0/0'), prefix('::/0')] };

test(problem, '10.244.200.0/24', undefined);
test(problem, 'fd00:10:244:200::/64', undefined);
test(problem, '10.244.200.7/32', undefined);
test(problem, '192.168.7.0/24', /^192\.168\.7\.0\/24 does not lie within clusterPrefixes \(10\.244\.0\.0\/16, fd00/);
test(problem, '10.240.0.0/12', /overlaps 10\.244\.1\.0\/24, of this node/);
test(
  problem,
  '10.244.1.128/25',
  /^10\.244\.1\.128\/25 overlaps 10\.244\.1\.0\/24, of this node \(nodePrefixes\): choose/,
);
test(problem, 'fd00:10:244:200::/64', /is IPv6, of which this node has no prefix/, {
  nodePrefixes: [prefix('10.244.1.0/24')],
});
for (const [text, what] of [
  ['0.0.0.0/0', /unspecified/],
  ['::/0', /unspecified/],
  ['127.0.0.0/30', /loopback/],
  ['169.254.7.0/24', /link-local/],
  ['224.0.0.0/24', /multicast/],
  ['255.255.255.255/32', /reserved/],
  ['::1/128', /loopback/],
  ['::ffff:10.0.0.0/104', /IPv4 addresses in IPv6/],
  ['fe80::/64', /link-local/],
  ['ff02::/16', /multicast/],
] as const) {
  test(`in the widest cluster as well`, problem, text, what, wide);
}

const mac = parseMacAddress('02:00:00:00:00:09')!;
const taken: readonly TakenPrefix[] = [
  ...takenByPods(
    [{ pod: 'old', addresses: [parseIpAddress('10.244.50.7')!] }],
    [{ pod: 'gw', prefix: prefix('10.244.60.0/24') }],
  ),
  ...takenByNodes(
    [
      memberOf(2),
      memberOf(3, {}, 'dead'),
      memberOf(4, { network: 'other' }),
      memberOf(5, { gossipEndpoint: endpoint('10.244.70.1:7948') }, 'left'),
    ],
    'default',
  ),
  ...takenByStaticPeers([
    { name: 'legacy', endpoint: endpoint('10.244.71.1:4789'), mac, prefixes: [prefix('10.244.9.0/24')] },
  ]),
  ...takenByHost(
    [{ ifname: 'eth1', mtu: 1500, flags: [], addr_info: [{ local: '10.244.72.1', prefixlen: 32 }] }],
    [
      { family: 4, type: 'unicast', dst: '10.244.73.0/24', dev: 'vpn0', metric: 0, protocol: 3 },
      { family: 4, type: 'unicast', dst: '10.244.74.9', dev: 'vpn0', metric: 0, protocol: 3 },
      { family: 4, type: 'unicast', dst: '10.0.0.0/8', dev: 'vpn0', metric: 0, protocol: 3 },
      { family: 4, type: 'unicast', dst: 'default', dev: 'eth0', metric: 0, protocol: 3 },
      { family: 4, type: 'unicast', dst: '10.244.0.0/16', dev: 'weft0', metric: 87, protocol: 87 },
    ] satisfies KernelRoute[],
    { clusterPrefixes: configuration.clusterPrefixes, tunDevice: 'weft0' },
  ),
];

const overlap = test.macro<[string, string | undefined, RegExp?]>({
  exec: (t, text, whose, remedy = /^choose another prefix$/) => {
    const found = overlapOf(prefix(text), taken);
    t.is(found?.whose, whose);
    if (whose !== undefined) t.regex(found!.remedy, remedy);
  },
  title: (_title, text, whose) => `${text} overlaps ${whose ?? 'nothing'}`,
});

test(overlap, '10.244.200.0/24', undefined);
test(overlap, '10.244.4.0/24', undefined);
test(overlap, '10.244.50.0/24', 'the address 10.244.50.7 of pod old', /weft pod rm old$/);
test(overlap, '10.244.60.128/25', '10.244.60.0/24 of pod gw', /weft pod rm gw$/);
test(overlap, '10.244.2.0/24', '10.244.2.0/24 of node n2');
test(overlap, '10.244.3.64/26', '10.244.3.0/24 of node n3', /n3, which is dead: weft peer forget n3$/);
test(overlap, 'fd00:10:244:2:8000::/65', 'fd00:10:244:2::/64 of node n2');
test(overlap, '10.244.70.0/24', '10.244.70.1, the underlay address of node n5', /which is left/);
test(overlap, '10.244.9.0/28', '10.244.9.0/24 of static peer legacy');
test(overlap, '10.244.71.0/24', '10.244.71.1, the underlay address of static peer legacy');
test(overlap, '10.244.72.0/24', '10.244.72.1, of the device eth1');
test(overlap, '10.244.73.0/28', 'the route of this machine to 10.244.73.0/24 dev vpn0', /or remove the route$/);
test(overlap, '10.244.74.0/24', 'the route of this machine to 10.244.74.9/32 dev vpn0', /or remove the route$/);
