import test from 'ava';
import { listenMessage, parseLoggedPackets, tellMessage } from '../../src/linux/packet-log-message.ts';
import { bytes } from '../support/bytes.ts';

/** Linux 6.18: the seventh packet that rules logged, an echo request of which 40 bytes were to be copied. */
const loggedPacket = bytes(
  [
    'c4000000000400000000000000000000', // nlmsghdr: 196 bytes, NFULNL_MSG_PACKET
    '020012b5', // nfgenmsg: AF_INET, group 4789
    '0800 0100 08000100', // NFULA_PACKET_HDR
    '2200 0a00 776566742d706f6c696379207230313233343536373839616263646566000000', // NFULA_PREFIX
    '0800 0400 00000001', // NFULA_IFINDEX_INDEV
    '1000 0800 000600000000000000000000', // NFULA_HWADDR
    '0600 0f00 03040000', // NFULA_HWTYPE
    '0600 1100 000e0000', // NFULA_HWLEN
    '1200 1000 00000000000000000000000008000000', // NFULA_HWHEADER
    '1400 0300 000000006b0fa5190000000000051517', // NFULA_TIMESTAMP
    '0800 0c00 00000007', // NFULA_SEQ
    '2c00 0900 45000054e05d400040015c457f0000017f0000050800014429c3000119a50f6b00000000e0140500', // NFULA_PAYLOAD
  ].join(' '),
);

const wish = { group: 4_789, copiedBytes: 256, delayMs: 50 };

test('a message tells the packet, who logged it, when, and its number', (t) => {
  t.deepEqual(parseLoggedPackets(loggedPacket, loggedPacket.length), [
    {
      prefix: 'weft-policy r0123456789abcdef',
      packet: bytes('45000054e05d400040015c457f0000017f0000050800014429c3000119a50f6b00000000e0140500'),
      timeNs: 1_796_187_417_333_079_000n,
      sequence: 7,
    },
  ]);
});

test('one read has several messages, those about something else are left out, and parts of messages', (t) => {
  const other = loggedPacket.slice();
  other[5] = 0x0a;
  const all = Uint8Array.of(...loggedPacket, ...other, ...loggedPacket);
  t.is(parseLoggedPackets(all, all.length).length, 2);
  t.is(parseLoggedPackets(all, all.length - 1).length, 1);
  for (let length = 0; length < loggedPacket.length; length++)
    t.deepEqual(parseLoggedPackets(loggedPacket, length), []);
});

test('what the kernel does not say is not known', (t) => {
  const bare = bytes('14000000 0004 0000 00000000 00000000 02 00 12b5');
  t.deepEqual(parseLoggedPackets(bare, bare.length), [
    { prefix: '', packet: new Uint8Array(), timeNs: undefined, sequence: undefined },
  ]);
});

test('who listens says to which group, and what is to be told', (t) => {
  const listens = '1c000000 0104 0500 00000000 00000000 00 00 12b5 0500 0100 01000000';
  const tells =
    '30000000 0104 0500 00000000 00000000 00 00 12b5 0a00 0200 00000100 02000000 0800 0400 00000005 0600 0600 00010000';
  t.deepEqual(listenMessage(wish), bytes(listens));
  t.deepEqual(tellMessage(wish), bytes(tells));
});
