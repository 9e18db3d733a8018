import test from 'ava';
import { cableFindings, type HostState } from '../../../src/daemon/pods/pod-inspection.ts';
import type { PodCable } from '../../../src/daemon/pods/pod-wiring.ts';
import type { Link } from '../../../src/linux/link.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { prefix } from '../../support/announcements.ts';

const cable: PodCable = {
  key: 'web',
  pod: 'web',
  device: 'eth0',
  hasDefaultRoute: true,
  netns: '/run/netns/web',
  hostDevice: 'wf0123abcd',
  alias: 'weft:default:web',
  hostMac: '02:00:00:00:00:01',
  podMac: '02:00:00:00:00:02',
  mtuBytes: 1450,
  addresses: [parseIpAddress('10.244.1.2')!],
  allowSources: [],
  nodeAddresses: [parseIpAddress('10.244.1.1')!],
};

const link: Link = {
  ifname: 'wf0123abcd',
  ifalias: 'weft:default:web',
  mtu: 1450,
  flags: ['UP', 'LOWER_UP'],
  address: '02:00:00:00:00:01',
  linkinfo: { info_kind: 'veth' },
  addr_info: [{ local: '169.254.1.1', prefixlen: 32 }],
};
const { ifalias: _alias, ...unnamed } = link;
const routes: HostState['routes'] = [
  { family: 4, type: 'unicast', dst: '10.244.1.2', dev: 'wf0123abcd', metric: 0, protocol: 87 },
];

const finds = test.macro<[readonly Link[], ...string[]]>({
  exec: (t, links, ...expected) => {
    t.deepEqual(
      cableFindings(cable, { links, routes }).map(({ problem, message }) => `${problem}: ${message}`),
      expected,
    );
  },
  title: (name) => `${name} is said as that`,
});

test('a device that is as it should be', finds, [link]);
test(
  'a device that was deleted',
  finds,
  [],
  "missing: the device wf0123abcd, of pod web, was deleted, while the pod's namespace is there",
);
test(
  'a device that was renamed',
  finds,
  [{ ...link, ifname: 'veth7' }],
  'wrong: the device wf0123abcd, of pod web, was renamed to veth7',
);
test(
  'a device without its alias',
  finds,
  [unnamed],
  'wrong: the alias of wf0123abcd, of pod web, is not weft:default:web',
);
test(
  "somebody else's device of that name",
  finds,
  [{ ...unnamed, address: '02:00:00:00:00:99' }],
  "foreign: the node has a device wf0123abcd that is not weft's, so that pod web cannot be connected",
);
test('a device that is down', finds, [{ ...link, flags: [] }], 'wrong: the device wf0123abcd, of pod web, is down');

const router: PodCable = { ...cable, allowSources: [prefix('10.244.7.0/24')] };
const behind = { ...routes[0]!, dst: '10.244.7.0/24', gateway: '10.244.1.2' };

/** Of the routes of a router. */
function routerFindings(...more: HostState['routes']): string[] {
  return cableFindings(router, { links: [link], routes: [...routes, ...more] })
    .filter(({ subject }) => subject.startsWith('10.'))
    .map(({ problem, subject }) => `${problem} ${subject}`);
}

test('a router has a route to what lies behind it, by its own address', (t) => {
  t.deepEqual(routerFindings(behind), []);
  t.deepEqual(routerFindings(), ['missing 10.244.7.0/24']);
  t.deepEqual(routerFindings({ ...behind, dev: 'wf00000000' }), ['missing 10.244.7.0/24']);
  t.deepEqual(routerFindings({ ...behind, gateway: '10.244.1.9' }), ['missing 10.244.7.0/24', 'stale 10.244.7.0/24']);
});

test('a route to what does not lie behind it is stale', (t) => {
  t.deepEqual(routerFindings(behind, { ...behind, dst: '10.244.8.0/24' }), ['stale 10.244.8.0/24']);
});
