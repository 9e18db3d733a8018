import test from 'ava';
import * as fc from 'fast-check';
import {
  finishChecksum,
  foldChecksum,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '../../src/wire/checksum.ts';
import { IpProtocol } from '../../src/wire/ip.ts';
import { readU16 } from '../../src/wire/octets.ts';
import * as tcp from '../../src/wire/tcp.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';
import { goldenPacket } from '../support/golden-frames.ts';

const golden = '94d8 1388 84b6c2d0 f2df75fe 50 18 003f e6e8 0000';

test('a header is written field by field', (t) => {
  const header = encoded(tcp.TCP_MIN_HEADER_LENGTH, (buffer, at) =>
    tcp.encodeTcp(0x94d8, 5000, 0x84b6_c2d0, 0xf2df_75fe, tcp.TcpFlag.psh | tcp.TcpFlag.ack, 63, 0xe6e8, buffer, at),
  );
  t.deepEqual(header, bytes(golden));
});

const fields = test.macro<[read: (bytes: Uint8Array, at: number) => number, value: number]>({
  exec: (t, read, value) => t.is(read(bytes(`ff ${golden}`), 1), value),
  title: (name) => `${name} is read`,
});

test('the source port', fields, tcp.readTcpSourcePort, 0x94d8);
test('the destination port', fields, tcp.readTcpDestinationPort, 5000);
test('the sequence number', fields, tcp.readTcpSequence, 0x84b6_c2d0);
test('the acknowledgment number', fields, tcp.readTcpAcknowledgment, 0xf2df_75fe);
test('the header length', fields, tcp.readTcpHeaderLength, 20);
test('the flags', fields, tcp.readTcpFlags, 0x18);
test('the window', fields, tcp.readTcpWindow, 63);
test('the checksum', fields, tcp.readTcpChecksum, 0xe6e8);

test('the acknowledgment lies where its offset says', (t) => {
  t.is(readU16(bytes(golden), tcp.TCP_ACKNOWLEDGMENT_OFFSET), 0xf2df);
});

test('setting sequence, flags and checksum leaves the rest alone', (t) => {
  const buffer = bytes(`ff ${golden} ff`);
  tcp.writeTcpSequence(buffer, 1, 0xffff_ffff + 3);
  tcp.writeTcpFlags(buffer, 1, tcp.TcpFlag.cwr | tcp.TcpFlag.fin);
  tcp.writeTcpChecksum(buffer, 1, 0x1234);
  t.deepEqual(buffer, bytes('ff 94d8 1388 00000002 f2df75fe 50 81 003f 1234 0000 ff'));
});

/** A SYN whose options are these, padded by the caller to words. */
function synWith(options: string): Uint8Array {
  const words = 5 + bytes(options).length / 4;
  return bytes(`ff 94d8 1388 00000000 00000000 ${words.toString(16)}0 02 ffff 0000 0000 ${options} 0204 ffff`);
}

const mss = test.macro<[options: string, at: number]>({
  exec(t, options, at) {
    t.is(tcp.findTcpMss(synWith(options), 1), at === -1 ? -1 : 1 + tcp.TCP_OPTIONS_OFFSET + at);
  },
  title: (name, _options, at) => (at === -1 ? `${name}: no MSS` : `${name}: MSS at ${at}`),
});

test('no options', mss, '', -1);
test('the option alone', mss, '0204 05b4', 2);
test('the option after padding', mss, '01 0204 05b4 01 01 01', 3);
test('the option after others', mss, '0402 0303 0a 01 0204 05b4 0000', 8);
test('the option after the end of options', mss, '00 000000 0204 05b4', -1);
test('the option with a length of 3', mss, '0203 0501', -1);
test('an option of length 0', mss, '0300 0000 0204 05b4', -1);
test('an option of length 1', mss, '0301 0000 0204 05b4', -1);
test('an option that runs out of the header', mss, '0109 0000', -1);
test('a kind without its length', mss, '01 01 01 02', -1);
test('the option cut off by the header', mss, '01 01 0204', -1);

test('the MSS of a kernel is found', (t) => {
  const syn4 = goldenPacket('ipv4-tcp-syn');
  t.is(readU16(syn4, tcp.findTcpMss(syn4, 20)), 1460);
  const syn6 = goldenPacket('ipv6-tcp-syn');
  t.is(readU16(syn6, tcp.findTcpMss(syn6, 40)), 1440);
  t.is(tcp.findTcpMss(goldenPacket('ipv4-tcp-data'), 20), -1);
});

test('the MSS of random options lies in the header', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 255 })), { minLength: 40, maxLength: 40 }),
      (options) => {
        const header = Uint8Array.from([...bytes(golden), ...options]);
        header[12] = 0xf0;
        const at = tcp.findTcpMss(header, 0);
        t.true(at === -1 || (at >= 22 && at + 2 <= tcp.TCP_MAX_HEADER_LENGTH));
      },
    ),
  );
});

const kernels = test.macro<[name: string, tcpAt: number]>({
  exec(t, name, tcpAt) {
    const packet = goldenPacket(name);
    const lengthBytes = packet.length - tcpAt;
    const pseudo = tcpAt === 20 ? pseudoHeaderSum4 : pseudoHeaderSum6;
    const initial = pseudo(packet, 0, IpProtocol.tcp, lengthBytes);
    t.is(foldChecksum(onesComplementSum(packet, tcpAt, lengthBytes, initial)), 0xffff);
    const checksum = tcp.readTcpChecksum(packet, tcpAt);
    tcp.writeTcpChecksum(packet, tcpAt, 0);
    t.is(finishChecksum(onesComplementSum(packet, tcpAt, lengthBytes, initial)), checksum);
  },
  title: (_, name) => `the kernel's checksum of ${name} is found right, and made`,
});

for (const kind of ['syn', 'syn-ack', 'ack', 'data', 'fin']) {
  test(kernels, `ipv4-tcp-${kind}`, 20);
  test(kernels, `ipv6-tcp-${kind}`, 40);
}
