import test from 'ava';
import * as icmp from '../../src/wire/icmp.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';
import { goldenPacket } from '../support/golden-frames.ts';

test('"fragmentation needed" is written field by field', (t) => {
  const { fragmentationNeeded } = icmp.IcmpUnreachableCode;
  const header = encoded(icmp.ICMP_HEADER_LENGTH, (buffer, at) =>
    icmp.encodeIcmp(icmp.IcmpType.destinationUnreachable, fragmentationNeeded, 1450, buffer, at),
  );
  t.deepEqual(header, bytes('03 04 0000 0000 05aa'));
});

test('a header is read field by field', (t) => {
  const header = bytes('ff 03 04 abcd 8000 05aa');
  t.is(icmp.readIcmpType(header, 1), icmp.IcmpType.destinationUnreachable);
  t.is(icmp.readIcmpCode(header, 1), icmp.IcmpUnreachableCode.fragmentationNeeded);
  t.is(icmp.readIcmpChecksum(header, 1), 0xabcd);
  t.is(icmp.readIcmpRest(header, 1), 0x8000_05aa);
});

for (const name of ['ipv4-icmp-echo-request', 'ipv4-icmp-echo-reply', 'ipv4-icmp-port-unreachable']) {
  test(`the kernel's checksum of ${name} is found right, and made`, (t) => {
    const packet = goldenPacket(name);
    const lengthBytes = packet.length - 20;
    t.true(icmp.verifyIcmpChecksum(packet, 20, lengthBytes));
    const again = packet.slice().fill(0xff, 22, 24);
    t.false(icmp.verifyIcmpChecksum(again, 20, lengthBytes));
    icmp.writeIcmpChecksum(again, 20, lengthBytes);
    t.deepEqual(again, packet);
  });
}

const errors = test.macro<[type: number, isError: boolean]>({
  exec: (t, type, isError) => t.is(icmp.isIcmpError(type), isError),
  title: (_, type, isError) => `type ${type} is ${isError ? 'an error' : 'no error'}`,
});

test(errors, icmp.IcmpType.echoReply, false);
test(errors, icmp.IcmpType.destinationUnreachable, true);
test(errors, icmp.IcmpType.sourceQuench, true);
test(errors, icmp.IcmpType.redirect, true);
test(errors, icmp.IcmpType.echoRequest, false);
test(errors, icmp.IcmpType.timeExceeded, true);
test(errors, icmp.IcmpType.parameterProblem, true);
test(errors, 13, false);
