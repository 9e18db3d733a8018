import test from 'ava';
import { encodeEchoRequest, readEchoAnswer } from '../../src/wire/icmp-echo.ts';
import { bytes } from '../support/bytes.ts';

const IDENTIFIER = 0x77_65;
const ip4 = '45 00 0024 1234 4000 40 01 0000 c6120001 c6120002';
const ip6 = `60000000 0010 3a 40 fd00${'00'.repeat(13)}01 fd00${'00'.repeat(13)}02`;
const request4 = '08 00 0000 7765 0102';
const request6 = '80 00 0000 7765 0102';

test('a request has every byte of its header, its checksum, and zeros', (t) => {
  const buffer = new Uint8Array(12).fill(0xff);
  encodeEchoRequest(4, IDENTIFIER, 0x01_02, 10, buffer, 1);
  t.deepEqual(buffer, bytes('ff 08 00 7f98 7765 0102 0000 ff'));
});

test('the checksum of one of IPv6 is left to the kernel', (t) => {
  const buffer = new Uint8Array(8).fill(0xff);
  encodeEchoRequest(6, IDENTIFIER, 0x01_02, 8, buffer, 0);
  t.deepEqual(buffer, bytes('80 00 0000 7765 0102'));
});

test('sequence numbers go round', (t) => {
  const buffer = new Uint8Array(8);
  encodeEchoRequest(4, IDENTIFIER, 0x1_00_03, 8, buffer, 0);
  t.deepEqual(buffer.subarray(4), bytes('7765 0003'));
});

const answers = test.macro<[4 | 6, string, object]>({
  exec: (t, family, hex, expected) => t.deepEqual(readEchoAnswer(family, IDENTIFIER, bytes(hex), 0), expected as never),
  title: (name) => `${name} is an answer`,
});

test('an echo reply', answers, 4, '00 00 0000 7765 0102', { sequence: 0x01_02, error: undefined });
test('an echo reply of IPv6', answers, 6, '81 00 0000 7765 0102', { sequence: 0x01_02, error: undefined });
test('"host unreachable" about it', answers, 4, `03 01 0000 00000000 ${ip4} ${request4}`, {
  sequence: 0x01_02,
  error: { type: 3, code: 1, mtuBytes: 0 },
});
test('"fragmentation needed" about it', answers, 4, `03 04 0000 0000 0514 ${ip4} ${request4}`, {
  sequence: 0x01_02,
  error: { type: 3, code: 4, mtuBytes: 1300 },
});
test('"packet too big" about it', answers, 6, `02 00 0000 00000514 ${ip6} ${request6}`, {
  sequence: 0x01_02,
  error: { type: 2, code: 0, mtuBytes: 1300 },
});

const tellsNothing = test.macro<[4 | 6, string]>({
  exec: (t, family, hex) => t.is(readEchoAnswer(family, IDENTIFIER, bytes(hex), 0), undefined),
  title: (name) => `${name} tells us nothing`,
});

test('a reply to somebody else', tellsNothing, 4, '00 00 0000 7766 0102');
test('an echo request', tellsNothing, 4, request4);
test('an error about a packet of somebody else', tellsNothing, 4, `03 01 0000 00000000 ${ip4} 08 00 0000 7766 0102`);
test('an error about our reply', tellsNothing, 4, `03 01 0000 00000000 ${ip4} 00 00 0000 7765 0102`);
test('an error about UDP', tellsNothing, 4, `03 01 0000 00000000 ${ip4.replace('40 01', '40 11')} ${request4}`);
test('advice to take another way', tellsNothing, 4, `05 01 0000 c6120003 ${ip4} ${request4}`);
test('an error of the other family', tellsNothing, 6, `03 01 0000 00000000 ${ip4} ${request4}`);

test('what is cut anywhere tells nothing, and nothing is read beyond it', (t) => {
  const whole = bytes(`03 01 0000 00000000 ${ip4} ${request4}`);
  for (let length = 0; length < whole.length; length++) {
    t.is(readEchoAnswer(4, IDENTIFIER, whole.slice(0, length), 0), undefined);
  }
});
