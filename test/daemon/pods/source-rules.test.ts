import test from 'ava';
import {
  addingLines,
  elementsOf,
  linkLocalAddressOf,
  removingLines,
  tableLines,
  type PodSource,
} from '../../../src/daemon/pods/source-rules.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { prefix } from '../../support/announcements.ts';

const web: PodSource = {
  pod: 'web',
  device: 'wf01234567',
  mac: '02:00:00:00:00:01',
  addresses: [parseIpAddress('10.244.1.2')!, parseIpAddress('fd00:10:244:1::2')!],
  prefixes: [],
};

const router: PodSource = {
  ...web,
  pod: 'router',
  device: 'wf89abcdef',
  addresses: [parseIpAddress('10.244.1.3')!],
  prefixes: [prefix('192.0.2.0/24'), prefix('2001:db8::/48')],
};

/** [MAC address, link-local address]: what Linux gives a veth pair with the first. */
for (const [mac, address] of [
  ['02:00:00:00:00:01', 'fe80::ff:fe00:1'],
  ['02:bb:00:00:00:02', 'fe80::bb:ff:fe00:2'],
  ['f2:e6:ee:9f:b0:70', 'fe80::f0e6:eeff:fe9f:b070'],
] as const) {
  test(`the link-local address of ${mac} is ${address}`, (t) => {
    t.is(formatIpAddress(linkLocalAddressOf(mac)), address);
  });
}

test('a pod is bound to each of its addresses, from its MAC address and by its device alone', (t) => {
  const elements = Object.fromEntries([...elementsOf([web])].map(([name, all]) => [name, [...all]]));
  t.deepEqual(elements, {
    'inet weft-pods guarded': ['wf01234567'],
    'inet weft-pods own4': ['wf01234567 . 10.244.1.2 . 02:00:00:00:00:01'],
    'inet weft-pods own6': ['wf01234567 . fd00:10:244:1::2 . 02:00:00:00:00:01'],
    'inet weft-pods link6': ['wf01234567 . fe80::ff:fe00:1 . 02:00:00:00:00:01'],
    'inet weft-pods macs': ['wf01234567 . 02:00:00:00:00:01'],
    'arp weft-pods guarded': ['wf01234567'],
    'arp weft-pods own': ['wf01234567 . 0.0.0.0 . 02:00:00:00:00:01', 'wf01234567 . 10.244.1.2 . 02:00:00:00:00:01'],
  });
});

test('what is added of a pod is all that is removed of it', (t) => {
  const added = addingLines(web, true);
  const removed = removingLines(web, true).filter((line) => line.startsWith('delete') && !line.includes('refused'));
  t.deepEqual(
    removed.map((line) => line.replace('delete', 'add')),
    added,
  );
});

test('a device that nobody knows may send nothing', (t) => {
  const lines = tableLines([web], ['wfdeadbeef'], { withArp: true, anew: false });
  t.deepEqual(
    lines.filter((line) => line.includes('wfdeadbeef')),
    [
      'add element inet weft-pods guarded { "wf01234567", "wfdeadbeef" }',
      'add element arp weft-pods guarded { "wf01234567", "wfdeadbeef" }',
    ],
  );
});

test('what lies behind a router may be its source, in ARP as well', (t) => {
  const lines = tableLines([web, router], [], { withArp: true, anew: false });
  t.deepEqual(
    lines.filter((line) => line.startsWith('add rule') && line.includes('"wf89abcdef"')),
    [
      'add rule inet weft-pods routers iifname "wf89abcdef" ip saddr 192.0.2.0/24 ether saddr 02:00:00:00:00:01 accept',
      'add rule inet weft-pods routers iifname "wf89abcdef" ip6 saddr 2001:db8::/48 ether saddr 02:00:00:00:00:01 accept',
      'add rule arp weft-pods routers iifname "wf89abcdef" arp htype 1 arp ptype ip arp saddr ip 192.0.2.0/24 arp saddr ether 02:00:00:00:00:01 ether saddr 02:00:00:00:00:01 accept',
    ],
  );
});

test('without ARP in the kernel, there is not a word of it', (t) => {
  const lines = [
    ...tableLines([web, router], ['wfdeadbeef'], { withArp: false, anew: true }),
    ...addingLines(router, false),
    ...removingLines(router, false),
  ];
  t.false(lines.some((line) => /\barp\b/.test(line)));
});
