import test from 'ava';
import { IpProtocol } from '../../src/wire/ip.ts';
import * as ipv6 from '../../src/wire/ipv6.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';
import { goldenPacket } from '../support/golden-frames.ts';

const source = 'fd000007 00000000 00000000 00000001';
const destination = 'fd000007 00000000 00000000 00000002';
const golden = `6b9f3684 0028 06 40 ${source} ${destination}`;

test('a header is written field by field', (t) => {
  const addresses = bytes(`a5 ${source} ${destination}`);
  const header = encoded(ipv6.IPV6_HEADER_LENGTH, (buffer, at) =>
    ipv6.encodeIpv6(0xb9, 0xf3684, 40, IpProtocol.tcp, 64, addresses, 1, addresses, 17, buffer, at),
  );
  t.deepEqual(header, bytes(golden));
});

const fields = test.macro<[read: (bytes: Uint8Array, at: number) => number, value: number]>({
  exec: (t, read, value) => t.is(read(bytes(`ff ${golden}`), 1), value),
  title: (name) => `${name} is read`,
});

test('the version', fields, ipv6.readIpv6Version, 6);
test('the traffic class', fields, ipv6.readIpv6TrafficClass, 0xb9);
test('the flow label', fields, ipv6.readIpv6FlowLabel, 0xf3684);
test('the payload length', fields, ipv6.readIpv6PayloadLength, 40);
test('the next header', fields, ipv6.readIpv6NextHeader, IpProtocol.tcp);
test('the hop limit', fields, ipv6.readIpv6HopLimit, 64);

test('addresses lie where the offsets say', (t) => {
  const header = bytes(golden);
  t.is(header[ipv6.IPV6_SOURCE_OFFSET + 15], 1);
  t.is(header[ipv6.IPV6_DESTINATION_OFFSET + 15], 2);
});

test('setting the traffic class leaves the rest alone', (t) => {
  const buffer = bytes(`ff ${golden} ff`);
  const before = buffer.slice();
  ipv6.writeIpv6TrafficClass(buffer, 1, 0x03);
  t.is(ipv6.readIpv6TrafficClass(buffer, 1), 0x03);
  before.set([0x60, (before[2]! & 0x0f) | 0x30], 1);
  t.deepEqual(buffer, before);
});

test('setting the payload length leaves the rest alone', (t) => {
  const buffer = bytes(`ff ${golden} ff`);
  ipv6.writeIpv6PayloadLength(buffer, 1, 0xabcd);
  t.deepEqual(buffer, bytes(`ff 6b9f3684 abcd 06 40 ${source} ${destination} ff`));
});

test("the kernel's packet claims the length that it has", (t) => {
  const packet = goldenPacket('ipv6-tcp-data');
  t.is(ipv6.readIpv6Version(packet, 0), 6);
  t.is(ipv6.readIpv6PayloadLength(packet, 0), packet.length - ipv6.IPV6_HEADER_LENGTH);
});
