import test from 'ava';
import * as fc from 'fast-check';
import { IpProtocol } from '../../src/wire/ip.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';
import { goldenFrames, goldenPacket } from '../support/golden-frames.ts';

// The header of the golden frame ipv4-tcp-syn.
const golden = '45 00 003c 1c9f 4000 40 06 83f5 c6120701 c6120702';

test('a header is written field by field, with its checksum', (t) => {
  const addresses = bytes('a5 c6120701 c6120702');
  const header = encoded(ipv4.IPV4_MIN_HEADER_LENGTH, (buffer, at) =>
    ipv4.encodeIpv4(
      0,
      60,
      0x1c9f,
      ipv4.Ipv4Flag.dontFragment,
      64,
      IpProtocol.tcp,
      addresses,
      1,
      addresses,
      5,
      buffer,
      at,
    ),
  );
  t.deepEqual(header, bytes(golden));
});

const fields = test.macro<
  [read: (bytes: Uint8Array, at: number) => number | boolean, hex: string, value: number | boolean]
>({
  exec: (t, read, hex, value) => t.is(read(bytes(`ff ${hex}`), 1), value),
  title: (name, _read, _hex, value) => `${name} is ${value}`,
});

test('the version', fields, ipv4.readIpv4Version, golden, 4);
test('the header length', fields, ipv4.readIpv4HeaderLength, golden, 20);
test('the largest header length', fields, ipv4.readIpv4HeaderLength, '4f', ipv4.IPV4_MAX_HEADER_LENGTH);
test('a header length too small', fields, ipv4.readIpv4HeaderLength, '44', 16);
test('the type of service', fields, ipv4.readIpv4TypeOfService, '45 b9', 0xb9);
test('the total length', fields, ipv4.readIpv4TotalLength, golden, 60);
test('the identification', fields, ipv4.readIpv4Identification, golden, 0x1c9f);
test('the time to live', fields, ipv4.readIpv4TimeToLive, golden, 64);
test('the protocol', fields, ipv4.readIpv4Protocol, golden, IpProtocol.tcp);
test('the header checksum', fields, ipv4.readIpv4HeaderChecksum, golden, 0x83f5);
test('DF of a packet that has it', fields, ipv4.isIpv4DontFragment, golden, true);
test('DF of a packet without flags', fields, ipv4.isIpv4DontFragment, '45 00 003c 1c9f 0000', false);
test('DF of a fragment', fields, ipv4.isIpv4DontFragment, '45 00 003c 1c9f 3fff', false);
test('MF of a first fragment', fields, ipv4.isIpv4MoreFragments, '45 00 003c 1c9f 2000', true);
test('MF of a last fragment', fields, ipv4.isIpv4MoreFragments, '45 00 003c 1c9f 00b9', false);
test('the fragment offset of a first fragment', fields, ipv4.readIpv4FragmentOffset, '45 00 003c 1c9f 2000', 0);
test('the fragment offset of a last fragment', fields, ipv4.readIpv4FragmentOffset, '45 00 003c 1c9f 00b9', 1480);
test('the largest fragment offset', fields, ipv4.readIpv4FragmentOffset, '45 00 003c 1c9f 3fff', 65_528);
test('"a fragment" of a first fragment', fields, ipv4.isIpv4Fragment, '45 00 003c 1c9f 2000', true);
test('"a fragment" of a last fragment', fields, ipv4.isIpv4Fragment, '45 00 003c 1c9f 0001', true);
test('"a fragment" of a whole packet', fields, ipv4.isIpv4Fragment, golden, false);
test('"a fragment" of a packet with the reserved bit', fields, ipv4.isIpv4Fragment, '45 00 003c 1c9f 8000', false);

test('addresses lie where the offsets say', (t) => {
  const header = bytes(golden);
  t.is(header[ipv4.IPV4_SOURCE_OFFSET + 3], 1);
  t.is(header[ipv4.IPV4_DESTINATION_OFFSET + 3], 2);
});

const setters = test.macro<[write: (bytes: Uint8Array, at: number) => void, hex: string]>({
  exec(t, write, hex) {
    const buffer = bytes(`ff ${golden} ff`);
    write(buffer, 1);
    t.deepEqual(buffer, bytes(`ff ${hex} ff`));
  },
  title: (name) => `setting ${name} leaves the rest alone`,
});

test(
  'the total length',
  setters,
  (buffer, at) => ipv4.writeIpv4TotalLength(buffer, at, 0xabcd),
  '45 00 abcd 1c9f 4000 40 06 83f5 c6120701 c6120702',
);
test(
  'the type of service, which the checksum follows,',
  setters,
  (buffer, at) => ipv4.writeIpv4TypeOfService(buffer, at, 0xbb),
  '45 bb 003c 1c9f 4000 40 06 833a c6120701 c6120702',
);
test(
  'the identification, which wraps,',
  setters,
  (buffer, at) => ipv4.writeIpv4Identification(buffer, at, 0x1_0002),
  '45 00 003c 0002 4000 40 06 83f5 c6120701 c6120702',
);
test(
  'the fragment word',
  setters,
  (buffer, at) => ipv4.writeIpv4Fragment(buffer, at, ipv4.Ipv4Flag.moreFragments, 1480),
  '45 00 003c 1c9f 20b9 40 06 83f5 c6120701 c6120702',
);
test(
  'the length of the header',
  setters,
  (buffer, at) => ipv4.writeIpv4HeaderLength(buffer, at, 60),
  '4f 00 003c 1c9f 4000 40 06 83f5 c6120701 c6120702',
);
test('the checksum, which was right,', setters, (buffer, at) => ipv4.writeIpv4HeaderChecksum(buffer, at), golden);

for (const name of goldenFrames.keys()) {
  if (!name.startsWith('ipv4-')) continue;
  test(`the kernel's header checksum of ${name} is found right, and made`, (t) => {
    const packet = goldenPacket(name);
    t.true(ipv4.verifyIpv4HeaderChecksum(packet, 0));
    const again = packet.slice();
    again.fill(0xff, 10, 12);
    ipv4.writeIpv4HeaderChecksum(again, 0);
    t.deepEqual(again, packet);
  });
}

test('one flipped bit anywhere in a header breaks its checksum', (t) => {
  // The first eight, version and header length, change what is summed; they are the caller's to check.
  for (let bit = 8; bit < ipv4.IPV4_MIN_HEADER_LENGTH * 8; bit++) {
    const header = bytes(golden);
    header[bit >>> 3] = header[bit >>> 3]! ^ (0x80 >>> (bit & 7));
    t.false(ipv4.verifyIpv4HeaderChecksum(header, 0), `bit ${bit}`);
  }
});

test('a checksum covers the options', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 60, maxLength: 60 }), fc.integer({ min: 5, max: 15 }), (header, words) => {
      header[0] = 0x40 | words;
      ipv4.writeIpv4HeaderChecksum(header, 0);
      t.true(ipv4.verifyIpv4HeaderChecksum(header, 0));
      const last = words * 4 - 1;
      header[last] = header[last]! ^ 1;
      t.false(ipv4.verifyIpv4HeaderChecksum(header, 0));
    }),
  );
});
