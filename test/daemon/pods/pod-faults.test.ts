import test from 'ava';
import { podFaults } from '../../../src/daemon/pods/pod-faults.ts';
import { parseInterior, type PodInterior } from '../../../src/daemon/pods/pod-interior.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

const cable = {
  device: 'eth0',
  addresses: [parseIpAddress('10.244.1.2')!, parseIpAddress('fd00:10:244:1::2')!],
  mtuBytes: 1_450,
  podMac: '02:00:00:00:00:02',
  hostMac: '02:00:00:00:00:01',
};

const whole: PodInterior = {
  device: {
    isUp: true,
    hasCarrier: true,
    mtuBytes: 1_450,
    mac: '02:00:00:00:00:02',
    addresses: ['10.244.1.2/32', 'fd00:10:244:1::2/128', 'fe80::2/64'],
  },
  mainRoutes: {
    4: [{ gateway: '169.254.1.1', device: 'eth0' }],
    6: [{ gateway: 'fe80::1', device: 'eth0' }],
  },
  neighbours: [{ address: '169.254.1.1', mac: '02:00:00:00:00:01', states: ['REACHABLE'] }],
  parameters: { 'ipv6/conf/eth0/disable_ipv6': '0' },
  listening: [],
  hasFirewall: false,
};

const device = whole.device!;

test('a pod that has what it was given has no faults', (t) => {
  t.deepEqual(podFaults(cable, whole), []);
});

const lacks = test.macro<[changes: Partial<PodInterior>, message: string, isRepairable: boolean]>({
  exec: (t, changes, message, isRepairable) =>
    t.deepEqual(podFaults(cable, { ...whole, ...changes }), [{ message, isRepairable }]),
  title: (_name, _changes, message, isRepairable) =>
    `found in a pod: ${message}${isRepairable ? '' : ', which weft leaves alone'}`,
});

test(lacks, { device: undefined }, 'no eth0', true);
test(lacks, { device: { ...device, isUp: false } }, 'eth0 is down', true);
test(lacks, { device: { ...device, mtuBytes: 1_500 } }, 'the MTU of eth0 is 1500, and not 1450', true);
test(
  lacks,
  { device: { ...device, mac: '02:00:00:00:00:09' } },
  'the MAC address of eth0 is 02:00:00:00:00:09, and not 02:00:00:00:00:02',
  true,
);
test(lacks, { device: { ...device, addresses: ['fd00:10:244:1::2/128'] } }, 'no address 10.244.1.2/32', true);
test(lacks, { parameters: { 'ipv6/conf/eth0/disable_ipv6': '1' } }, 'IPv6 is off', true);
test(lacks, { mainRoutes: { ...whole.mainRoutes, 4: [] } }, 'no default route', true);
test(lacks, { mainRoutes: { ...whole.mainRoutes, 6: [] } }, 'no IPv6 default route', true);
test(
  lacks,
  { mainRoutes: { ...whole.mainRoutes, 4: [{ gateway: '192.0.2.1', device: 'net1' }] } },
  'the default route leads to 192.0.2.1 out of net1, and not to 169.254.1.1',
  true,
);
test(
  lacks,
  {
    mainRoutes: {
      ...whole.mainRoutes,
      4: [
        { gateway: '192.0.2.1', device: 'net1' },
        { gateway: '169.254.1.1', device: 'eth0' },
      ],
    },
  },
  'the default route leads to 192.0.2.1 out of net1, and not to 169.254.1.1',
  false,
);
test('beside the interface of another network, a pod has a route to the overlay, and no default route', (t) => {
  const beside = { ...cable, onlyTo: [parsePrefix('10.244.0.0/16')!] };
  t.deepEqual(podFaults(beside, whole), []);
  const messages = podFaults(beside, { ...whole, mainRoutes: { 4: [], 6: [] } }).map(({ message }) => message);
  t.deepEqual(messages, ['no route to the overlay', 'no IPv6 route to the overlay']);
});
test(
  lacks,
  { neighbours: [{ address: '169.254.1.1', mac: '02:00:00:00:00:07', states: ['PERMANENT'] }] },
  'its gateway 169.254.1.1 is taken to be 02:00:00:00:00:07, and is 02:00:00:00:00:01',
  false,
);
test(
  lacks,
  { neighbours: [{ address: 'fe80::1', mac: '', states: ['FAILED'] }] },
  'its gateway fe80::1 does not answer',
  false,
);

test('what the programs write is read, also where some of them fail', (t) => {
  const inside = parseInterior(`@@ link

@@ route4
[{"dst":"default","gateway":"10.0.0.1","dev":"net1","metric":100},{"dst":"default","gateway":"169.254.1.1","dev":"eth0"}]
@@ route6
no JSON at all
@@ gateway4
[{"dst":"169.254.1.1","lladdr":"02:00:00:00:00:01","state":["STALE"]}]
@@ parameters
/proc/sys/net/ipv4/icmp_echo_ignore_all:1

@@ tables

@@ legacy

@@ tcp
0100007F:0050
00000000:1F90
@@ tcp6
00000000000000000000000001000000:0051
@@ udp
0200F40A:0035
`);
  t.is(inside.device, undefined);
  t.deepEqual(inside.mainRoutes[4], [
    { gateway: '169.254.1.1', device: 'eth0' },
    { gateway: '10.0.0.1', device: 'net1' },
  ]);
  t.deepEqual(inside.mainRoutes[6], []);
  t.deepEqual(inside.neighbours, [{ address: '169.254.1.1', mac: '02:00:00:00:00:01', states: ['STALE'] }]);
  t.deepEqual(inside.parameters, { 'ipv4/icmp_echo_ignore_all': '1' });
  t.false(inside.hasFirewall);
  t.deepEqual(
    inside.listening.map(({ protocol, family, port, scope }) => [protocol, family, port, scope]),
    [
      ['tcp', 4, 80, 'loopback'],
      ['tcp', 4, 8080, 'any'],
      ['tcp', 6, 81, 'loopback'],
      ['udp', 4, 53, 'one'],
    ],
  );
});

test('names that a terminal would obey are cut', (t) => {
  const { mainRoutes } = parseInterior('@@ route4\n[{"gateway":"169.254.1.1","dev":"a\\u001b[2J"}]\n');
  t.is(mainRoutes[4][0]!.device, 'a?[2J');
});
