import test from 'ava';
import { foldChecksum, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../../src/wire/checksum.ts';
import { IpProtocol } from '../../src/wire/ip.ts';
import * as udp from '../../src/wire/udp.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';
import { goldenPacket } from '../support/golden-frames.ts';

const golden = 'abe2 1388 000d a767';

test('a header is written field by field', (t) => {
  const header = encoded(udp.UDP_HEADER_LENGTH, (buffer, at) => udp.encodeUdp(0xabe2, 5000, 13, 0xa767, buffer, at));
  t.deepEqual(header, bytes(golden));
});

const fields = test.macro<[read: (bytes: Uint8Array, at: number) => number, value: number]>({
  exec: (t, read, value) => t.is(read(bytes(`ff ${golden}`), 1), value),
  title: (name) => `${name} is read`,
});

test('the source port', fields, udp.readUdpSourcePort, 0xabe2);
test('the destination port', fields, udp.readUdpDestinationPort, 5000);
test('the length', fields, udp.readUdpLength, 13);
test('the checksum', fields, udp.readUdpChecksum, 0xa767);

test('setting length and checksum leaves the ports alone', (t) => {
  const buffer = bytes(`ff ${golden} ff`);
  udp.writeUdpLength(buffer, 1, 0x1234);
  udp.writeUdpChecksum(buffer, 1, 0x5678);
  t.deepEqual(buffer, bytes('ff abe2 1388 1234 5678 ff'));
});

test('a checksum that comes out as 0 is sent as 0xffff', (t) => {
  t.is(udp.finishUdpChecksum(0xffff), 0xffff);
  t.is(udp.finishUdpChecksum(0xfffe), 1);
  t.is(udp.finishUdpChecksum(0), 0xffff);
});

const kernels = test.macro<[name: string, udpAt: number]>({
  exec(t, name, udpAt) {
    const packet = goldenPacket(name);
    const lengthBytes = packet.length - udpAt;
    t.is(udp.readUdpLength(packet, udpAt), lengthBytes);
    const pseudo = udpAt === 20 ? pseudoHeaderSum4 : pseudoHeaderSum6;
    const initial = pseudo(packet, 0, IpProtocol.udp, lengthBytes);
    t.is(foldChecksum(onesComplementSum(packet, udpAt, lengthBytes, initial)), 0xffff);
    const checksum = udp.readUdpChecksum(packet, udpAt);
    udp.writeUdpChecksum(packet, udpAt, 0);
    t.is(udp.finishUdpChecksum(onesComplementSum(packet, udpAt, lengthBytes, initial)), checksum);
  },
  title: (_, name) => `the kernel's checksum of ${name} is found right, and made`,
});

test(kernels, 'ipv4-udp-odd', 20);
test(kernels, 'ipv4-udp-closed-port', 20);
test(kernels, 'ipv6-udp-odd', 40);
test(kernels, 'ipv6-udp-closed-port', 40);

test('a partial checksum is the folded sum of the pseudo-header', (t) => {
  const outerHeadersLength = 64;
  const packet = goldenPacket('vxlan-ipv4-udp-odd').slice(outerHeadersLength - 14);
  const lengthBytes = udp.readUdpLength(packet, 20);
  t.is(udp.readUdpChecksum(packet, 20), foldChecksum(pseudoHeaderSum4(packet, 0, IpProtocol.udp, lengthBytes)));
});
