import test from 'ava';
import { parseNftTraceEvents } from '../../src/linux/nft-trace-message.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { bytes } from '../support/bytes.ts';

/** Linux 6.18: a rule of table inet t, chain c, handle 5, that drops; the network header is four bytes long here. */
const message = bytes(
  [
    '54000000 110a 0000 00000000 00000000', // nlmsghdr: 80 bytes, NFT_MSG_TRACE
    '01 00 0000', // nfgenmsg: NFPROTO_INET
    '0800 0600 0000002a', // NFTA_TRACE_ID
    '0800 0400 00000003', // NFTA_TRACE_TYPE: a rule
    '0600 0100 7400 0000', // NFTA_TRACE_TABLE
    '0600 0200 6300 0000', // NFTA_TRACE_CHAIN
    '0c00 0300 0000000000000005', // NFTA_TRACE_RULE_HANDLE
    '0c00 0580 0800 0100 00000000', // NFTA_TRACE_VERDICT, nested: NF_DROP
    '0800 0800 45000054', // NFTA_TRACE_NETWORK_HEADER
  ].join(' '),
);

test('a message tells the rule, and what it did', (t) => {
  t.deepEqual(parseNftTraceEvents(message, message.length), [
    {
      id: 42,
      table: 'inet t',
      chain: 'c',
      type: 'rule',
      handle: 5,
      verdict: 'drop',
      target: '',
      headers: bytes('45000054'),
    },
  ]);
});

test('messages about something else, and parts of messages, are none', (t) => {
  const other = message.slice();
  other[5] = 0x0b;
  t.deepEqual(parseNftTraceEvents(other, other.length), []);
  for (let length = 0; length < message.length; length++) t.deepEqual(parseNftTraceEvents(message, length), []);
});

test('whatever is in a message, reading it ends, and throws nothing', (t) => {
  const random = new SeededRandom(7);
  for (let round = 0; round < 20_000; round++) {
    const broken = message.slice();
    for (let change = 0; change < 3; change++) broken[16 + random.below(broken.length - 16)] = random.below(256);
    parseNftTraceEvents(broken, broken.length);
  }
  t.pass();
});
