import test from 'ava';
import * as fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import * as address from '../../src/wire/address.ts';
import { bytes } from '../support/bytes.ts';

const reads = test.macro<[text: string, hex: string, written?: string]>({
  exec(t, text, hex, written = text) {
    const octets = bytes(hex);
    const parsed = address.parseIpAddress(text);
    t.deepEqual(parsed, { family: octets.length === 4 ? 4 : 6, bytes: octets });
    t.is(address.formatIpAddress(parsed!), written);
  },
  title: (_, text) => `${text} is an address`,
});

test(reads, '0.0.0.0', '00000000');
test(reads, '10.244.1.2', '0af40102');
test(reads, '255.255.255.255', 'ffffffff');
test(reads, '::', '00'.repeat(16));
test(reads, '::1', `${'00'.repeat(15)} 01`);
test(reads, '1::', `0001 ${'00'.repeat(14)}`);
test(reads, 'fd00:10:244:1::1', 'fd00 0010 0244 0001 0000 0000 0000 0001');
test(reads, '2001:DB8::A', '20010db8 00000000 00000000 0000000a', '2001:db8::a');
test(reads, '0001:0002:0003:0004:0005:0006:0007:0008', '0001000200030004 0005000600070008', '1:2:3:4:5:6:7:8');
test(reads, '::ffff:192.0.2.1', '00000000 00000000 0000ffff c0000201');
test(reads, '::ffff:c000:201', '00000000 00000000 0000ffff c0000201', '::ffff:192.0.2.1');
test(reads, '64:ff9b::192.0.2.1', '0064ff9b 00000000 00000000 c0000201', '64:ff9b::c000:201');
test(reads, '1:2:3:4:5:6:192.0.2.1', '000100020003 000400050006 c0000201', '1:2:3:4:5:6:c000:201');
// RFC 5952, section 4.2.2: one group is not shortened; 4.2.3: the longest run is, and the first of equals.
test(reads, '1:2:3:4:5:6:0:8', '0001000200030004 0005000600000008');
test(reads, '1:2:3:4:5:6::8', '0001000200030004 0005000600000008', '1:2:3:4:5:6:0:8');
test(reads, '1:0:0:2:0:0:0:3', '0001000000000002 0000000000000003', '1:0:0:2::3');
test(reads, '1:0:0:2:3:0:0:4', '0001000000000002 0003000000000004', '1::2:3:0:0:4');
test(reads, '::2:3:4:5:6:7:8', '0000000200030004 0005000600070008', '0:2:3:4:5:6:7:8');

const refuses = test.macro<[text: string]>({
  exec: (t, text) => t.is(address.parseIpAddress(text), undefined),
  title: (_, text) => `${JSON.stringify(text)} is no address`,
});

const noAddresses = [
  '',
  ' ',
  '1',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '1.2.3.04',
  '01.2.3.4',
  '1.2.3.',
  '.1.2.3',
  '1.2.3.-4',
  '1.2.3.0x4',
  ' 1.2.3.4',
  '1.2.3.4 ',
  '1.2.3.4\n',
  '1.2.3.4/24',
  '1.2.3.1e1',
  '1.2.3.٤',
  'node-1',
  ':',
  ':::',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1::2::3',
  '1:2:3:4:5:6:7:8::',
  '::1:2:3:4:5:6:7:8',
  '1:2:3:4::5:6:7:8',
  ':1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:',
  '12345::',
  '::g',
  '::1%eth0',
  '[::1]',
  '::1.2.3',
  '::1.2.3.04',
  '::1.2.3.4:5',
  '1.2.3.4::',
  '1:2:3:4:5:6:7:1.2.3.4',
  '1.2.3.4:0:0:0:0:0:0',
  ':: 1',
  '::1\n',
];
for (const text of noAddresses) test(refuses, text);

const randomAddress = fc
  .oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Many zeros, so that runs of them are met.
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 0xab, 0xffff), { minLength: 8, maxLength: 8 })
      .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]))),
  )
  .map((octets): address.IpAddress => ({ family: octets.length === 4 ? 4 : 6, bytes: octets }));

test('every address survives its text', (t) => {
  fc.assert(
    fc.property(randomAddress, (value) => {
      t.deepEqual(address.parseIpAddress(address.formatIpAddress(value)), value);
    }),
  );
});

test('every address is written as ipaddr.js writes it', (t) => {
  fc.assert(
    fc.property(randomAddress, (value) => {
      const oracle = ipaddr.fromByteArray([...value.bytes]);
      // ipaddr.js has no dotted tails: RFC 5952, section 5, only recommends them.
      const isMapped = oracle instanceof ipaddr.IPv6 && oracle.isIPv4MappedAddress();
      const expected = isMapped ? `::ffff:${oracle.toIPv4Address().toString()}` : oracle.toString();
      t.is(address.formatIpAddress(value), expected);
    }),
  );
});

test('text is read as ipaddr.js reads it', (t) => {
  const piece = fc.constantFrom(
    ...'0123456789abcdefF:::..'.split(''),
    '::',
    'ffff',
    '1.2.3.4',
    '255',
    '256',
    '00',
    'g',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 18 }), (pieces) => {
      const text = pieces.join('');
      const ours = address.parseIpAddress(text);
      if (ours) t.deepEqual([...ours.bytes], ipaddr.parse(withHexTail(text)).toByteArray());
      else t.false(ipaddr.IPv4.isValidFourPartDecimal(text) || isStrictIpv6(text), text);
    }),
    { numRuns: 20_000 },
  );
});

/** What ipaddr.js accepts, less what it is too kind about. */
function isStrictIpv6(text: string): boolean {
  if (!ipaddr.IPv6.isValid(text) || text.includes('%')) return false;
  const tail = /[^:]*$/.exec(text)![0];
  if (tail.includes('.') && !ipaddr.IPv4.isValidFourPartDecimal(tail)) return false;
  return text.split(':').every((group) => group.includes('.') || group.length <= 4);
}

/** IPv6 text without a dotted tail: ipaddr.js takes `::1.2.3.4` for `::ffff:1.2.3.4`. */
function withHexTail(text: string): string {
  if (!text.includes(':')) return text;
  return text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets: string[]) => {
    const [a, b, c, d] = octets.map(Number) as [number, number, number, number];
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
}

const sorted = [
  '0.0.0.0',
  '10.0.0.9',
  '10.0.0.10',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:10.0.0.9',
  'fd00::',
  'ff02::1',
];

test('addresses are ordered by family, then by number', (t) => {
  const shuffled = sorted.toReversed().map((text) => address.parseIpAddress(text)!);
  shuffled.sort(address.compareIpAddresses);
  t.deepEqual(shuffled.map(address.formatIpAddress), sorted);
});

test('addresses are equal if family and number are', (t) => {
  for (const [index, left] of sorted.entries()) {
    for (const [other, right] of sorted.entries()) {
      const pair = [address.parseIpAddress(left)!, address.parseIpAddress(right)!] as const;
      t.is(address.equalIpAddresses(...pair), index === other);
    }
  }
  t.false(address.equalIpAddresses(address.parseIpAddress('10.0.0.9')!, address.parseIpAddress('::ffff:10.0.0.9')!));
});

test('a MAC address is read in either case and written in lower case', (t) => {
  const mac = address.parseMacAddress('02:00:5E:10:00:0a');
  t.deepEqual(mac, bytes('02005e10000a'));
  t.is(address.formatMacAddress(mac!), '02:00:5e:10:00:0a');
});

for (const text of [
  '',
  '02:00:5e:10:00',
  '02:00:5e:10:00:01:02',
  '2:0:5e:10:0:1',
  '02-00-5e-10-00-01',
  '02005e100001',
  'zz:00:5e:10:00:01',
]) {
  test(`"${text}" is no MAC address`, (t) => t.is(address.parseMacAddress(text), undefined));
}

const endpoints = test.macro<[text: string, host: string, port: number, defaultPort?: number]>({
  exec(t, text, host, port, defaultPort) {
    const endpoint = address.parseEndpoint(text, defaultPort);
    t.deepEqual(endpoint, { address: address.parseIpAddress(host)!, port });
    t.deepEqual(address.parseEndpoint(address.formatEndpoint(endpoint!)), endpoint);
  },
  title: (_, text, _host, port, defaultPort) =>
    `"${text}"${defaultPort === undefined ? '' : ` with default ${defaultPort}`} is an endpoint with port ${port}`,
});

test(endpoints, '192.0.2.1:4789', '192.0.2.1', 4789);
test(endpoints, '[2001:db8::1]:1', '2001:db8::1', 1);
test(endpoints, '192.0.2.1:65535', '192.0.2.1', 65_535, 4789);
test(endpoints, '192.0.2.1', '192.0.2.1', 4789, 4789);
test(endpoints, '2001:db8::1', '2001:db8::1', 4789, 4789);
test(endpoints, '2001:db8::1:7948', '2001:db8::1:7948', 4789, 4789);
test(endpoints, '[2001:db8::1]', '2001:db8::1', 4789, 4789);

const noEndpoints = test.macro<[text: string, defaultPort?: number]>({
  exec: (t, text, defaultPort) => t.is(address.parseEndpoint(text, defaultPort), undefined),
  title: (_, text, defaultPort) => `"${text}"${defaultPort === undefined ? '' : ' with a default'} is no endpoint`,
});

for (const text of ['192.0.2.1', '::1', '[::1]']) test(noEndpoints, text);
for (const text of [
  '',
  ':4789',
  '192.0.2.1:',
  '192.0.2.1:0',
  '192.0.2.1:65536',
  '192.0.2.1:047',
  '192.0.2.1:+1',
  'node-1:4789',
]) {
  test(noEndpoints, text, 4789);
}
for (const text of [
  '[192.0.2.1]:4789',
  '[::1]4789',
  '[::1',
  '::1]:4789',
  '[]:4789',
  '[::1]:',
  '192.0.2.1:1:2',
  '[::1]:123456',
]) {
  test(noEndpoints, text, 4789);
}

test('endpoints are written with brackets around IPv6', (t) => {
  t.is(address.formatEndpoint(address.parseEndpoint('[2001:DB8::1]:4789')!), '[2001:db8::1]:4789');
  t.is(address.formatEndpoint(address.parseEndpoint('192.0.2.1:4789')!), '192.0.2.1:4789');
});

test('endpoints are equal if address and port are', (t) => {
  const one = address.parseEndpoint('192.0.2.1:4789')!;
  t.true(address.equalEndpoints(one, address.parseEndpoint('192.0.2.1:4789')!));
  t.false(address.equalEndpoints(one, address.parseEndpoint('192.0.2.1:4790')!));
  t.false(address.equalEndpoints(one, address.parseEndpoint('192.0.2.2:4789')!));
});
