import test from 'ava';
import { sourceFindings } from '../../../src/daemon/pods/source-findings.ts';
import { elementsOf, type ElementSet, type PodSource } from '../../../src/daemon/pods/source-rules.ts';
import {
  parseRefused,
  parseSourceTables,
  parseTried,
  type NftSetDocument,
  type SourceTables,
} from '../../../src/daemon/pods/source-tables.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';

/** As `nft -j` of nftables 1.0.6 writes sets: elements with a counter or a time-out are wrapped. */
function listed(family: string, name: string, elem: readonly unknown[], handle = 3): NftSetDocument {
  return { nftables: [{ set: { family, name, table: 'weft-pods', handle, elem } as object as never }] };
}

const web: PodSource = {
  pod: 'web',
  device: 'wf01234567',
  mac: '02:00:00:00:00:01',
  addresses: [parseIpAddress('10.244.1.2')!],
  allowSources: [],
};

function counted(packets: number): unknown {
  return { elem: { val: 'wf01234567', counter: { packets, bytes: 9 } } };
}

const wanted: SourceTables = { shape: 'rules', elements: elementsOf([web], { withArp: true, withRanges: true }) };

const own = ['wf01234567', '10.244.1.2', '02:00:00:00:00:01'];

test('elements are read, be they of one part or of several', (t) => {
  const { elements } = parseSourceTables([
    listed('inet', 'guarded', ['wf01234567']),
    listed('inet', 'own4', [{ concat: own }]),
    listed('arp', 'own', []),
  ]);
  t.deepEqual([...elements], [
    ['inet weft-pods guarded', new Set(['wf01234567'])],
    ['inet weft-pods own4', new Set([own.join(' . ')])],
    ['arp weft-pods own', new Set()],
  ] as [ElementSet, Set<string>][]);
});

test('prefixes are read as they are written', (t) => {
  const element = { concat: ['wf01234567', { prefix: { addr: '10.244.7.0', len: 24 } }, '02:00:00:00:00:01'] };
  const { elements } = parseSourceTables([listed('inet', 'behind4', [element])]);
  t.deepEqual([...elements.get('inet weft-pods behind4')!], ['wf01234567 . 10.244.7.0/24 . 02:00:00:00:00:01']);
});

test('the shape of a table does not change with its elements, handles and counts', (t) => {
  const { shape } = parseSourceTables([listed('inet', 'own4', [{ concat: own }])]);
  t.is(parseSourceTables([listed('inet', 'own4', [], 7)]).shape, shape);
  t.not(parseSourceTables([listed('inet', 'own6', [])]).shape, shape);
});

test('what was refused of a device, of IP and of ARP, is one count', (t) => {
  t.deepEqual(parseRefused([listed('inet', 'refused', [counted(3)]), listed('arp', 'refused', [counted(2)])]), [
    { device: 'wf01234567', packets: 5 },
  ]);
  t.deepEqual(parseRefused([]), []);
});

test('addresses that were tried are read', (t) => {
  const [device, address, mac] = ['wf01234567', '10.244.1.9', '02:00:00:00:00:01'];
  const element = { elem: { val: { concat: [device, address, mac] }, expires: 99 } };
  t.deepEqual(parseTried([listed('inet', 'tried4', [element])]), [{ device, address, mac }]);
});

function tablesWith(change: (sets: Map<ElementSet, Set<string>>) => void): SourceTables {
  const elements = new Map([...wanted.elements].map(([name, all]) => [name, new Set(all)]));
  change(elements);
  return { shape: 'rules', elements };
}

const finds = test.macro<[SourceTables | undefined, ...RegExp[]]>({
  exec: (t, found, ...expected) => {
    const findings = sourceFindings([web], ['wfdeadbeef'], wanted, found);
    const texts = findings.map(({ problem, subject, message }) => `${problem} ${subject}: ${message}`);
    t.is(texts.length, expected.length);
    for (const [index, text] of texts.entries()) t.regex(text, expected[index]!);
  },
  title: (name) => `an audit of the sources of pods finds ${name}`,
});

test(
  'nothing, where all is as it was left',
  finds,
  tablesWith((sets) => sets.get('inet weft-pods guarded')!.add('wfdeadbeef')),
);
test('a table that is gone', finds, undefined, /^missing inet weft-pods: .* is gone: pods can send from any address$/);
test(
  'rules that somebody changed',
  finds,
  { ...tablesWith(() => undefined), shape: 'others' },
  /^wrong inet weft-pods: somebody changed/,
);
test(
  'an address that a pod may not send from any more',
  finds,
  tablesWith((sets) => sets.get('inet weft-pods own4')!.clear()),
  /^missing wf01234567: wf01234567 \. 10\.244\.1\.2 \. 02:00:00:00:00:01, of pod web, is gone from .* own4$/,
);
test(
  'a device that is not watched any more',
  finds,
  tablesWith((sets) => sets.get('inet weft-pods guarded')!.clear()),
  /^missing wf01234567: wf01234567, of pod web, is gone from the nftables set inet weft-pods guarded$/,
);
test(
  'an address that somebody lets a pod send from',
  finds,
  tablesWith((sets) => sets.get('inet weft-pods own4')!.add('wf01234567 . 10.244.1.9 . 02:00:00:00:00:01')),
  /^stale wf01234567: .*10\.244\.1\.9.* is in the nftables set inet weft-pods own4, and of no pod$/,
);
