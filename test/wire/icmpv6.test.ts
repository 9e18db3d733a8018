import test from 'ava';
import * as icmpv6 from '../../src/wire/icmpv6.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';
import { goldenPacket } from '../support/golden-frames.ts';

test('"packet too big" is written field by field', (t) => {
  const header = encoded(icmpv6.ICMPV6_HEADER_LENGTH, (buffer, at) =>
    icmpv6.encodeIcmpv6(icmpv6.Icmpv6Type.packetTooBig, 0, 1430, buffer, at),
  );
  t.deepEqual(header, bytes('02 00 0000 00000596'));
});

test('a header is read field by field', (t) => {
  const header = bytes('ff 01 04 abcd 80000596');
  t.is(icmpv6.readIcmpv6Type(header, 1), icmpv6.Icmpv6Type.destinationUnreachable);
  t.is(icmpv6.readIcmpv6Code(header, 1), icmpv6.Icmpv6UnreachableCode.port);
  t.is(icmpv6.readIcmpv6Checksum(header, 1), 0xabcd);
  t.is(icmpv6.readIcmpv6Rest(header, 1), 0x8000_0596);
});

const kernels = test.macro<[name: string, at: number]>({
  exec(t, name, at) {
    const packet = goldenPacket(name);
    const lengthBytes = packet.length - at;
    t.true(icmpv6.verifyIcmpv6Checksum(packet, 0, at, lengthBytes));
    const again = packet.slice().fill(0xff, at + 2, at + 4);
    t.false(icmpv6.verifyIcmpv6Checksum(again, 0, at, lengthBytes));
    icmpv6.writeIcmpv6Checksum(again, 0, at, lengthBytes);
    t.deepEqual(again, packet);
  },
  title: (_, name) => `the kernel's checksum of ${name} is found right, and made`,
});

test(kernels, 'ipv6-icmpv6-echo-request', 40);
test(kernels, 'ipv6-icmpv6-echo-reply', 40);
test(kernels, 'ipv6-icmpv6-port-unreachable', 40);
test(kernels, 'ipv6-icmpv6-neighbor-solicitation', 40);
test(kernels, 'ipv6-hop-by-hop-options', 48);

const errors = test.macro<[type: number, isError: boolean]>({
  exec: (t, type, isError) => t.is(icmpv6.isIcmpv6Error(type), isError),
  title: (_, type, isError) => `type ${type} is ${isError ? 'an error' : 'no error'}`,
});

test(errors, icmpv6.Icmpv6Type.destinationUnreachable, true);
test(errors, icmpv6.Icmpv6Type.packetTooBig, true);
test(errors, 127, true);
test(errors, icmpv6.Icmpv6Type.echoRequest, false);
test(errors, icmpv6.Icmpv6Type.redirect, false);
