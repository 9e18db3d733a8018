import test from 'ava';
import type { DirectoryPod } from '../../src/directory/directory-pod.ts';
import { MAX_POD_BYTES } from '../../src/directory/limits.ts';
import { encodePod, parsePod, problemOfPod } from '../../src/directory/pod-codec.ts';
import { weft } from '../../src/membership/generated/weft.js';
import { parseIpAddress } from '../../src/wire/address.ts';
import { podOf } from '../support/directories.ts';

const full: DirectoryPod = {
  name: 'web-0',
  namespace: 'shop',
  addresses: [parseIpAddress('10.244.1.2')!, parseIpAddress('fd00:10:244:1::2')!],
  labels: { 'app.kubernetes.io/name': 'web', tier: 'front', empty: '' },
  hasMoreLabels: true,
  ports: [
    { name: 'dns', protocol: 'TCP', port: 53 },
    { name: 'dns', protocol: 'UDP', port: 53 },
    { name: 'http', protocol: 'TCP', port: 65_535 },
    { name: 'signal', protocol: 'SCTP', port: 1 },
  ],
  hasMorePorts: true,
  isSuperseded: true,
};

for (const [title, pod] of [
  ['with everything', full],
  ['with nothing but a name', { ...podOf(1, 'a'), addresses: [], labels: {} }],
  ['named by an earlier version', podOf(1, 'Web_1.x')],
] as const) {
  test(`a pod ${title} comes back as it was`, (t) => {
    t.is(problemOfPod(pod), undefined);
    t.deepEqual(parsePod(encodePod(pod)), pod);
  });
}

test('equal pods are equal bytes, whatever the order of their labels and ports', (t) => {
  const labels = { tier: 'front', empty: '', 'app.kubernetes.io/name': 'web' };
  const other = { ...full, labels, ports: full.ports.toReversed() };
  t.deepEqual(encodePod(other), encodePod(full));
});

test('what is read of a pod does not change with the buffer it came in', (t) => {
  const bytes = Uint8Array.from(encodePod(full));
  const pod = parsePod(bytes);
  bytes.fill(0xff);
  t.deepEqual(pod, full);
});

test('a field of a later version is passed over', (t) => {
  t.deepEqual(parsePod(Uint8Array.of(...encodePod(full), (14 << 3) | 0, 5)), full);
});

test('a pod all of whose labels are told is the bytes that it was before that was said', (t) => {
  const { moreLabels, ...raw } = weft.v1.DirectoryPod.decode(encodePod({ ...full, hasMoreLabels: false }));
  t.is(moreLabels, false);
  t.deepEqual(encodePod({ ...full, hasMoreLabels: false }), Uint8Array.from(weft.v1.DirectoryPod.encode(raw).finish()));
});

test('a pod without ports is the bytes that it was before there were any', (t) => {
  const { ports, ...raw } = weft.v1.DirectoryPod.decode(encodePod({ ...full, ports: [] }));
  t.deepEqual(ports, []);
  t.deepEqual(encodePod({ ...full, ports: [] }), Uint8Array.from(weft.v1.DirectoryPod.encode(raw).finish()));
});

test('of a node that does not say whether these are all ports of a pod, there may be others', (t) => {
  t.true(parsePod(weft.v1.DirectoryPod.encode({ name: 'a' }).finish())?.hasMorePorts);
  t.false(parsePod(encodePod({ ...full, ports: [], hasMorePorts: false }))?.hasMorePorts);
});

test('a port of a protocol of a later version is passed over', (t) => {
  const raw = {
    name: 'a',
    ports: [
      { name: 'x', protocol: 9, port: 1 },
      { name: 'y', port: 2 },
    ],
  };
  const pod = parsePod(weft.v1.DirectoryPod.encode(raw).finish());
  t.deepEqual(pod?.ports, [{ name: 'y', protocol: 'TCP', port: 2 }]);
});

type Raw = weft.v1.DirectoryPod.$Properties;
const refused: readonly (readonly [string, Raw])[] = [
  ['without a name', { namespace: 'shop' }],
  ['with a space in its name', { name: 'a b' }],
  ['with a slash in its name', { name: 'a/b' }],
  ['with a terminal escape in its name', { name: '\u001b[31m' }],
  ['with a name of 254 characters', { name: 'a'.repeat(254) }],
  ['in a namespace that is no DNS label', { name: 'a', namespace: 'Shop_1' }],
  ['with an address of 5 bytes', { name: 'a', addresses: [new Uint8Array(5)] }],
  ['with an address of 17 bytes', { name: 'a', addresses: [new Uint8Array(17)] }],
  ['with 17 addresses', { name: 'a', addresses: Array.from({ length: 17 }, () => new Uint8Array(4)) }],
  [
    'with a label twice',
    {
      name: 'a',
      labels: [
        { key: 'app', value: 'x' },
        { key: 'app', value: 'y' },
      ],
    },
  ],
  ['with a label that is none', { name: 'a', labels: [{ key: '__proto__', value: 'x' }] }],
  ['with a value of 64 characters', { name: 'a', labels: [{ key: 'app', value: 'x'.repeat(64) }] }],
  ['with a port without a name', { name: 'a', ports: [{ port: 80 }] }],
  ['with a port of 16 characters', { name: 'a', ports: [{ name: 'p'.repeat(16), port: 80 }] }],
  ['with a port in capitals', { name: 'a', ports: [{ name: 'HTTP', port: 80 }] }],
  ['with port 0', { name: 'a', ports: [{ name: 'http' }] }],
  ['with port 65536', { name: 'a', ports: [{ name: 'http', port: 65_536 }] }],
  ['with a port twice', { name: 'a', ports: Array.from({ length: 2 }, () => ({ name: 'http', port: 80 })) }],
  ['with 33 ports', { name: 'a', ports: Array.from({ length: 33 }, (_, at) => ({ name: 'http', port: at + 1 })) }],
  ['with 65 labels', { name: 'a', labels: Array.from({ length: 65 }, (_, at) => ({ key: `k${at}` })) }],
];
for (const [title, raw] of refused) {
  test(`a pod ${title} is refused`, (t) => {
    t.is(parsePod(weft.v1.DirectoryPod.encode(raw).finish()), undefined);
  });
}

test('bytes that are no pod are refused', (t) => {
  t.is(parsePod(Uint8Array.of(0xff)), undefined);
  t.is(parsePod(encodePod(full).subarray(0, 10)), undefined);
  t.is(parsePod(new Uint8Array(MAX_POD_BYTES + 1)), undefined);
});

test('a pod that others would refuse is told what is wrong with it', (t) => {
  const labels = Object.fromEntries(
    Array.from({ length: 64 }, (_, at) => [`key-${at}-${'k'.repeat(40)}`, 'v'.repeat(63)]),
  );
  t.regex(problemOfPod(podOf(1, 'a', 2, { labels }))!, /take \d+ bytes, more than 4096/);
  t.regex(problemOfPod(podOf(1, 'a/b'))!, /slash/);
  t.regex(problemOfPod(podOf(1, 'a', 2, { namespace: 'No' }))!, /namespace No/);
  t.regex(problemOfPod(podOf(1, 'a', 2, { labels: { 'a b': '' } }))!, /^its labels: "a b" is not a key/);
});
