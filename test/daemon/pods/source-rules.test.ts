import test from 'ava';
import {
  countedOf,
  elementsOf,
  linkLocalAddressOf,
  sourceTables,
  type PodSource,
  type SourceMeans,
} from '../../../src/daemon/pods/source-rules.ts';
import { creationLines, refillLines } from '../../../src/linux/nft-table-content.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { prefix } from '../../support/announcements.ts';

const web: PodSource = {
  pod: 'web',
  device: 'wf01234567',
  mac: '02:00:00:00:00:01',
  addresses: [parseIpAddress('10.244.1.2')!, parseIpAddress('fd00:10:244:1::2')!],
  allowSources: [],
};

const router: PodSource = {
  ...web,
  allowSources: [prefix('10.244.7.0/24'), prefix('10.244.8.9/32'), prefix('fd00:10:244:7::/64')],
};

const all: SourceMeans = { withArp: true, withRanges: true };

const other: PodSource = {
  ...web,
  pod: 'other',
  device: 'wf89abcdef',
  addresses: [parseIpAddress('10.244.1.3')!],
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
  const elements = Object.fromEntries([...elementsOf([web], all)].map(([name, all]) => [name, [...all]]));
  t.deepEqual(elements, {
    'inet weft-pods guarded': ['wf01234567'],
    'inet weft-pods own4': ['wf01234567 . 10.244.1.2 . 02:00:00:00:00:01'],
    'inet weft-pods own6': ['wf01234567 . fd00:10:244:1::2 . 02:00:00:00:00:01'],
    'inet weft-pods link6': ['wf01234567 . fe80::ff:fe00:1 . 02:00:00:00:00:01'],
    'inet weft-pods macs': ['wf01234567 . 02:00:00:00:00:01'],
    'inet weft-pods behind4': [],
    'inet weft-pods behind6': [],
    'arp weft-pods guarded': ['wf01234567'],
    'arp weft-pods own': ['wf01234567 . 0.0.0.0 . 02:00:00:00:00:01', 'wf01234567 . 10.244.1.2 . 02:00:00:00:00:01'],
  });
});

test('a device that nobody knows may send nothing', (t) => {
  const lines = sourceTables([web], ['wfdeadbeef'], all).flatMap(refillLines);
  t.deepEqual(
    lines.filter((line) => line.includes('wfdeadbeef')),
    [
      'add element inet weft-pods guarded { "wf01234567", "wfdeadbeef" }',
      'add element arp weft-pods guarded { "wf01234567", "wfdeadbeef" }',
    ],
  );
});

test('the elements of pods are in the sets of the tables, and nothing else is', (t) => {
  const listed = sourceTables([router, other], [], all).flatMap(({ table, sets }) =>
    Object.entries(sets).flatMap(([name, { elements }]) =>
      elements === undefined ? [] : [[`${table.family} ${table.name} ${name}`, elements] as const],
    ),
  );
  t.deepEqual(new Map(listed), new Map<string, ReadonlySet<string>>(elementsOf([router, other], all)));
});

test('what was counted of devices is known by family', (t) => {
  const devices = ['wf01234567', 'wf89abcdef'];
  t.deepEqual(
    countedOf(devices, all),
    new Map([
      ['inet weft-pods refused', new Set(devices)],
      ['arp weft-pods refused', new Set(devices)],
    ]),
  );
});

test('without ARP in the kernel, there is not a word of it', (t) => {
  const means = { ...all, withArp: false };
  const lines = [
    ...sourceTables([web, other], ['wfdeadbeef'], means).flatMap((content) => creationLines(content)),
    ...countedOf([web.device], means).keys(),
  ];
  t.false(lines.some((line) => /\barp\b/.test(line)));
});

test('a router is bound to the prefixes behind it, in the words in which nft lists them, and to no ARP from them', (t) => {
  const elements = elementsOf([router], all);
  t.deepEqual(
    [...elements.get('inet weft-pods behind4')!],
    ['wf01234567 . 10.244.7.0/24 . 02:00:00:00:00:01', 'wf01234567 . 10.244.8.9 . 02:00:00:00:00:01'],
  );
  t.deepEqual([...elements.get('inet weft-pods behind6')!], ['wf01234567 . fd00:10:244:7::/64 . 02:00:00:00:00:01']);
  t.deepEqual(elements.get('arp weft-pods own'), elementsOf([web], all).get('arp weft-pods own'));
});

test('neighbour discovery from behind a router is refused before its packets are let through', (t) => {
  const rules = sourceTables([router], [], all)[0]!.chains['others']!.rules;
  const discovery = rules.findIndex((line) => line.endsWith('nd-neighbor-solicit, nd-neighbor-advert } goto refuse'));
  const behind = rules.findIndex((line) => line.endsWith('@behind4 accept'));
  t.true(discovery !== -1 && discovery < behind);
});

test('without ranges in the kernel, there is not a word of prefixes', (t) => {
  const lines = sourceTables([router], [], { ...all, withRanges: false }).flatMap((content) => creationLines(content));
  t.false(lines.some((line) => /behind|interval|10\.244\.7/.test(line)));
});
