import test from 'ava';
import {
  differingRoutes,
  hostFindings,
  staleRoutes,
  type FoundHost,
  type WantedHost,
} from '../../../src/daemon/host/host-findings.ts';
import type { Link } from '../../../src/linux/link.ts';
import type { KernelRoute } from '../../../src/linux/route.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { prefix } from '../../support/announcements.ts';

const wanted: WantedHost = {
  tunDevice: 'weft0',
  mtuBytes: 1450,
  clusterPrefixes: [prefix('10.244.0.0/16')],
  addresses: ['10.244.1.1/32'],
  routes: [
    {
      type: 'unicast',
      prefix: prefix('10.244.0.0/16'),
      metric: 87,
      device: { name: 'weft0', source: parseIpAddress('10.244.1.1') },
    },
    { type: 'blackhole', prefix: prefix('10.244.0.0/16'), metric: 4_000_000 },
  ],
};

const link: Link = {
  ifname: 'weft0',
  mtu: 1450,
  flags: ['POINTOPOINT', 'UP', 'LOWER_UP'],
  ifalias: 'weft',
  addr_info: [{ local: '10.244.1.1', prefixlen: 32 }],
};

const intoDevice: KernelRoute = {
  family: 4,
  type: 'unicast',
  dst: '10.244.0.0/16',
  dev: 'weft0',
  source: '10.244.1.1',
  metric: 87,
  protocol: 87,
};
const blackhole: KernelRoute = { family: 4, type: 'blackhole', dst: '10.244.0.0/16', metric: 4_000_000, protocol: 87 };
const ofPod: KernelRoute = { ...intoDevice, dst: '10.244.1.2', dev: 'wf01234567', metric: 0 };
const found: FoundHost = { links: [link], routes: [intoDevice, blackhole, ofPod], rules: 'ours', sysctls: [] };

test('what is as it should be is no difference, and is counted', (t) => {
  t.deepEqual(hostFindings(wanted, found), { entries: 3, findings: [] });
});

const finds = test.macro<[Partial<FoundHost>, ...string[]]>({
  exec: (t, change, ...expected) => {
    const { findings } = hostFindings(wanted, { ...found, ...change });
    t.deepEqual(
      findings.map(({ problem, subject, message }) => `${problem} ${subject}: ${message}`),
      expected,
    );
  },
  title: (name) => `${name} is found`,
});

test('a device that is gone', finds, { links: [] }, 'missing weft0: the device weft0 is gone: somebody deleted it');
const { ifalias: _alias, ...bare } = link;
test(
  'a device in the place of one that was deleted',
  finds,
  { links: [{ ...bare, flags: ['POINTOPOINT'], mtu: 1500, addr_info: [] }] },
  'wrong weft0: somebody deleted the device weft0: the one in its place is not set up',
);
test(
  'a device that was renamed',
  finds,
  {
    links: [
      {
        ...link,
        ifname: 'tun7',
        linkinfo: { info_kind: 'tun', info_data: { type: 'tun', vnet_hdr: true, numqueues: 1 } },
      },
    ],
  },
  'missing weft0: the device weft0 was renamed to tun7',
);
test(
  'a device that is down',
  finds,
  { links: [{ ...link, flags: ['POINTOPOINT'] }] },
  'wrong weft0: the device weft0 is down',
);
test('another MTU', finds, { links: [{ ...link, mtu: 1500 }] }, 'wrong weft0: the MTU of weft0 is 1500, and not 1450');
test(
  'another address',
  finds,
  { links: [{ ...link, addr_info: [{ local: '10.244.7.7', prefixlen: 32 }] }] },
  'missing 10.244.1.1/32: weft0 lacks 10.244.1.1/32',
  'stale 10.244.7.7/32: weft0 has 10.244.7.7/32',
);
test(
  'a route that is gone',
  finds,
  { routes: [blackhole] },
  'missing 10.244.0.0/16: the route unicast 10.244.0.0/16 metric 87 is gone',
);
test(
  'a route with another source',
  finds,
  { routes: [{ ...intoDevice, source: '192.0.2.1' }, blackhole] },
  'wrong 10.244.0.0/16: the route unicast 10.244.0.0/16 metric 87 is dev weft0 src 192.0.2.1, and not dev weft0 src 10.244.1.1',
);
test(
  'a route of an earlier configuration',
  finds,
  { routes: [...found.routes, { ...blackhole, dst: '10.99.0.0/16' }] },
  "stale 10.99.0.0/16: the route blackhole 10.99.0.0/16 metric 4000000, of an earlier configuration or another program, has weft's number",
);
test(
  'a route of somebody else in the way',
  finds,
  { routes: [...found.routes, { ...intoDevice, dst: '10.244.3.0/24', dev: 'vpn0', metric: 0, protocol: 3 }] },
  'foreign 10.244.3.0/24: the cluster prefix 10.244.0.0/16 overlaps the route to 10.244.3.0/24 dev vpn0: pods in 10.244.3.0/24 cannot be reached from this node; choose other cluster prefixes',
);
test(
  'a table of rules that is gone',
  finds,
  { rules: 'missing' },
  'missing inet weft: the nftables table inet weft is gone',
);
test('changed rules', finds, { rules: 'changed' }, 'wrong inet weft: somebody changed the nftables table inet weft');
test(
  'a kernel parameter',
  finds,
  { sysctls: [{ title: 'net.ipv4.ip_forward', wanted: '1', found: '0' }] },
  'wrong net.ipv4.ip_forward: net.ipv4.ip_forward is 0, and not 1',
);

test('routes to pods are not stale, and those of others never', (t) => {
  const foreign = { ...intoDevice, dst: '10.99.0.0/16', protocol: 3 };
  t.deepEqual(staleRoutes(wanted.routes, [...found.routes, foreign]), []);
});

test('only routes that are missing or lead elsewhere are to be set', (t) => {
  const [device, fallback] = wanted.routes;
  t.deepEqual(differingRoutes(wanted.routes, [intoDevice, blackhole]), []);
  t.deepEqual(differingRoutes(wanted.routes, [intoDevice]), [fallback!]);
  t.deepEqual(differingRoutes(wanted.routes, [{ ...intoDevice, source: '10.244.9.1' }, blackhole]), [device!]);
  t.deepEqual(differingRoutes(wanted.routes, [{ ...intoDevice, protocol: 3 }, blackhole]), [device!]);
});
