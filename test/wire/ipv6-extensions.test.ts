import test from 'ava';
import * as fc from 'fast-check';
import { IpProtocol } from '../../src/wire/ip.ts';
import {
  encodeIpv6Fragment,
  findIpv6UpperLayer,
  IPV6_FRAGMENT_HEADER_LENGTH,
  isUpperLayerFragment,
  MAX_IPV6_EXTENSIONS,
  readIpv6FragmentOffset,
  upperLayerOffset,
  upperLayerProtocol,
} from '../../src/wire/ipv6-extensions.ts';
import { bytes } from '../support/bytes.ts';
import { goldenPacket } from '../support/golden-frames.ts';

/** A packet whose first next header is `next`, followed by `rest`. */
function packet(next: string, rest: string): Uint8Array {
  return bytes(`60000000 0000 ${next} 40 ${'00'.repeat(32)} ${rest}`);
}

function find(next: string, rest: string): number {
  const whole = packet(next, rest);
  return findIpv6UpperLayer(Uint8Array.from([0xff, ...whole]), 1, whole.length);
}

const carries = test.macro<[next: string, rest: string, protocol: number, offset: number, isFragment?: boolean]>({
  exec(t, next, rest, protocol, offset, isFragment = false) {
    const found = find(next, rest);
    t.is(upperLayerProtocol(found), protocol);
    t.is(upperLayerOffset(found), offset);
    t.is(isUpperLayerFragment(found), isFragment);
  },
  title: (name, _next, _rest, protocol, offset) => `${name}: protocol ${protocol} at ${offset}`,
});

const fragmentHeaders = test.macro<[offset: number, hasMore: boolean, octets: string]>({
  exec(t, offset, hasMore, octets) {
    const written = new Uint8Array(1 + IPV6_FRAGMENT_HEADER_LENGTH).fill(0xff);
    encodeIpv6Fragment(IpProtocol.udp, offset, hasMore, 0x89ab_cdef, written, 1);
    t.deepEqual(written, bytes(`ff ${octets}`));
    t.is(readIpv6FragmentOffset(written, 1 + IPV6_FRAGMENT_HEADER_LENGTH), offset);
  },
  title: (name) => `the header of ${name} is written, and its offset read`,
});

test('a first fragment', fragmentHeaders, 0, true, '11 00 0001 89abcdef');
test('a fragment in the middle', fragmentHeaders, 1232, true, '11 00 04d1 89abcdef');
test('a last fragment', fragmentHeaders, 65_528, false, '11 00 fff8 89abcdef');

test('no extension', carries, '11', '', IpProtocol.udp, 40);
test('a protocol that nobody knows', carries, 'fd', '', 0xfd, 40);
test('hop-by-hop options', carries, '00', '11 00 050200000100', IpProtocol.udp, 48);
test('destination options of 16 bytes', carries, '3c', `06 01 ${'00'.repeat(14)}`, IpProtocol.tcp, 56);
test('a routing header that was used up', carries, '2b', '06 00 04 00 00000000', IpProtocol.tcp, 48);
test('a routing header with segments left', carries, '2b', '06 00 04 01 00000000', IpProtocol.routing, 40);
test('an authentication header', carries, '33', `06 04 ${'00'.repeat(22)}`, IpProtocol.tcp, 64);
test('mobility', carries, '87', '3b 00 000000000000', IpProtocol.noNextHeader, 48);
test('host identity', carries, '8b', '3b 00 000000000000', IpProtocol.noNextHeader, 48);
test('shim6', carries, '8c', '06 00 000000000000', IpProtocol.tcp, 48);
test('an encrypted payload', carries, '32', '00000001 00000002', IpProtocol.encapsulatingSecurityPayload, 40);
test('no next header', carries, '3b', '', IpProtocol.noNextHeader, 40);
test('a first fragment', carries, '2c', '11 00 0001 00000007', IpProtocol.udp, 48, true);
test('a later fragment', carries, '2c', '11 00 0598 00000007', IpProtocol.udp, 48, true);
test('a whole packet with a fragment header', carries, '2c', '11 00 0000 00000007', IpProtocol.udp, 48);
test('reserved bits of a fragment header', carries, '2c', '11 ff 0006 00000007', IpProtocol.udp, 48);
test('a fragment of options', carries, '2c', '3c 00 0001 00000007 11 00', IpProtocol.destinationOptions, 48, true);
test('a chain', carries, '00', '2b 00 000000000000 3c 00 0400 00000000 06 00 000000000000', IpProtocol.tcp, 64);

const malformed = test.macro<[next: string, rest: string]>({
  exec: (t, next, rest) => t.is(find(next, rest), -1),
  title: (name) => `${name} is malformed`,
});

test('an extension that is not there', malformed, '00', '');
test('an extension cut off after 7 bytes', malformed, '3c', '06 00 0000000000');
test('an extension longer than the packet', malformed, '3c', '06 01 000000000000');
test('a fragment header cut off', malformed, '2c', '11 00 0001 000000');
test('an authentication header longer than the packet', malformed, '33', '06 04 000000000000');
test('hop-by-hop options that are not first', malformed, '3c', '00 00 000000000000 06 00 000000000000');
test('more extensions than the limit', malformed, '3c', '3c 00 000000000000'.repeat(MAX_IPV6_EXTENSIONS + 1));

test('as many extensions as the limit are followed', (t) => {
  const chain = '3c 00 000000000000'.repeat(MAX_IPV6_EXTENSIONS - 1);
  const found = find('3c', `${chain} 06 00 000000000000`);
  t.is(upperLayerProtocol(found), IpProtocol.tcp);
  t.is(upperLayerOffset(found), 40 + MAX_IPV6_EXTENSIONS * 8);
});

const kernels = test.macro<[name: string, protocol: number, offset: number, isFragment: boolean]>({
  exec(t, name, protocol, offset, isFragment) {
    const whole = goldenPacket(name);
    const found = findIpv6UpperLayer(whole, 0, whole.length);
    t.is(upperLayerProtocol(found), protocol);
    t.is(upperLayerOffset(found), offset);
    t.is(isUpperLayerFragment(found), isFragment);
  },
  title: (_, name) => `the kernel's ${name} is walked`,
});

test(kernels, 'ipv6-tcp-data', IpProtocol.tcp, 40, false);
test(kernels, 'ipv6-last-fragment', IpProtocol.udp, 48, true);
test(kernels, 'ipv6-hop-by-hop-options', IpProtocol.icmpv6, 48, false);

test('a walk over random bytes ends inside the packet', (t) => {
  const extensions = [0, 43, 44, 51, 60, 135, 139, 140, 6, 17];
  fc.assert(
    fc.property(
      fc.constantFrom(...extensions),
      fc.array(fc.oneof(fc.constantFrom(...extensions), fc.nat({ max: 3 }), fc.nat({ max: 255 })), { maxLength: 120 }),
      (next, rest) => {
        const whole = Uint8Array.from([...packet(next.toString(16).padStart(2, '0'), ''), ...rest]);
        const found = findIpv6UpperLayer(whole, 0, whole.length);
        t.true(found === -1 || (upperLayerOffset(found) >= 40 && upperLayerOffset(found) <= whole.length));
      },
    ),
  );
});
