import test from 'ava';
import { summarizePacket } from '../../src/capture/packet-summary.ts';
import { bytes } from '../support/bytes.ts';

const ipv4 = (protocol: string, total: string) => `4500 ${total} 0001 4000 40 ${protocol} 0000 0af40102 0af40202`;
const syn = '9d88 0050 00000001 00000000 5002 faf0 0000 0000';
const ipv6Echo = '60000000 0008 3a 40 fd00 0010 0244 0001 0000 0000 0000 0002 fd00 0010 0244 0002 0000 0000 0000 0002';

const summary = test.macro<[hex: string, text: string, mayBeTunnel?: boolean]>({
  exec: (t, hex, text, mayBeTunnel) => t.is(summarizePacket(bytes(hex), mayBeTunnel), text),
  title: (name) => `${name} in one line`,
});

test(
  'a SYN',
  summary,
  `${ipv4('06', '0028')} ${syn}`,
  '10.244.1.2.40328 > 10.244.2.2.80: tcp [S] seq 1 win 64240 length 0, 40 bytes',
);
test(
  'a datagram',
  summary,
  `${ipv4('11', '001c')} 1234 0035 0008 0000`,
  '10.244.1.2.4660 > 10.244.2.2.53: udp length 0, 28 bytes',
);
test(
  'an echo',
  summary,
  `${ipv6Echo} 8000 0000 0007 0001`,
  'fd00:10:244:1::2 > fd00:10:244:2::2: icmp echo request id 7 seq 1, 48 bytes',
);
test(
  'what is in a VXLAN datagram',
  summary,
  `4500 0000 0001 4000 40 11 0000 c6120001 c6120002 8000 12b5 0000 0000 0800000000002a00 020000000002 020000000001 0800 ${ipv4('06', '0028')} ${syn}`,
  '10.244.1.2.40328 > 10.244.2.2.80: tcp [S] seq 1 win 64240 length 0, 40 bytes',
  true,
);
test('a header that was cut off', summary, ipv4('06', '0028'), '10.244.1.2 > 10.244.2.2: protocol 6, 40 bytes');
test('what is no packet', summary, '00 11', 'no IP packet, 2 bytes');
test('nothing', summary, '', 'no IP packet, 0 bytes');

test('a packet cut anywhere is described', (t) => {
  const packet = bytes(`${ipv4('06', '0028')} ${syn}`);
  for (let length = 0; length <= packet.length; length++) {
    t.notThrows(() => summarizePacket(packet.subarray(0, length), true));
  }
});
