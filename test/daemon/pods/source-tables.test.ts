import test from 'ava';
import { sourceFindings } from '../../../src/daemon/pods/source-findings.ts';
import type { PodSource } from '../../../src/daemon/pods/source-rules.ts';
import { parseRefused, parseTried } from '../../../src/daemon/pods/source-tables.ts';
import type { NftDifference } from '../../../src/linux/nft-table-look.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';

const web: PodSource = {
  pod: 'web',
  device: 'wf01234567',
  mac: '02:00:00:00:00:01',
  addresses: [parseIpAddress('10.244.1.2')!],
  allowSources: [],
};

/** As `nft -j` of nftables 1.0.6 writes an element with a counter. */
function counted(packets: number): unknown {
  return { elem: { val: 'wf01234567', counter: { packets, bytes: 9 } } };
}

test('what was refused of a device, of IP and of ARP, is one count', (t) => {
  const sets = [3, 2].map((packets) => ({ name: 'refused', elem: [counted(packets)] }));
  t.deepEqual(parseRefused(sets), [{ device: 'wf01234567', packets: 5 }]);
  t.deepEqual(parseRefused([]), []);
});

test('addresses that were tried are read', (t) => {
  const [device, address, mac] = ['wf01234567', '10.244.1.9', '02:00:00:00:00:01'];
  const element = { elem: { val: { concat: [device, address, mac] }, expires: 99 } };
  t.deepEqual(parseTried([{ name: 'tried4', elem: [element] }, { name: 'tried6' }]), [{ device, address, mac }]);
});

const own = 'wf01234567 . 10.244.1.2 . 02:00:00:00:00:01';

const finds = test.macro<[readonly NftDifference[], ...RegExp[]]>({
  exec: (t, differences, ...expected) => {
    const findings = sourceFindings([web], differences);
    const texts = findings.map(({ problem, subject, message }) => `${problem} ${subject}: ${message}`);
    t.is(texts.length, expected.length);
    for (const [index, text] of texts.entries()) t.regex(text, expected[index]!);
  },
  title: (name) => `an audit of the sources of pods finds ${name}`,
});

test('nothing, where all is as it was left', finds, []);
test(
  'a table that is gone, and says so once',
  finds,
  [
    { kind: 'table-missing', table: 'inet weft-pods' },
    { kind: 'table-missing', table: 'arp weft-pods' },
  ],
  /^missing inet weft-pods: .* is gone: pods can send from any address$/,
);
test(
  'rules that somebody changed',
  finds,
  [{ kind: 'rules-changed', table: 'arp weft-pods' }],
  /^wrong inet weft-pods: somebody changed the rules of /,
);
test(
  'an address that a pod may not send from any more',
  finds,
  [{ kind: 'element-missing', set: 'inet weft-pods own4', element: own }],
  /^missing wf01234567: wf01234567 \. 10\.244\.1\.2 \. 02:00:00:00:00:01, of pod web, is gone from .* inet weft-pods own4$/,
);
test(
  'a device of no pod that is not watched any more',
  finds,
  [{ kind: 'element-missing', set: 'inet weft-pods guarded', element: 'wfdeadbeef' }],
  /^missing wfdeadbeef: wfdeadbeef is gone from the nftables set inet weft-pods guarded$/,
);
test(
  'an address that somebody lets a pod send from',
  finds,
  [{ kind: 'element-stale', set: 'inet weft-pods own4', element: 'wf01234567 . 10.244.1.9 . 02:00:00:00:00:01' }],
  /^stale wf01234567: .*10\.244\.1\.9.* is in the nftables set inet weft-pods own4, and of no pod$/,
);
test(
  'elements of many that somebody changed',
  finds,
  [{ kind: 'elements-changed', set: 'inet weft-pods own4' }],
  /^wrong inet weft-pods: somebody changed elements of the nftables set inet weft-pods own4$/,
);
