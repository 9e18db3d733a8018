import test from 'ava';
import { parseAnswer } from '../../src/linux/nft-netlink.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { bytes } from '../support/bytes.ts';
import { joined } from '../support/overlay-node.ts';

/** nlmsghdr of a new table (0a00), nfgenmsg of inet, and its name: "weft". */
const table = bytes('20000000 000a 0200 00000000 00000000  01000000  0900 0100 77656674 00000000');
const interrupted = bytes('20000000 000a 1200 00000000 00000000  01000000  0900 0100 77656674 00000000');
const done = bytes('14000000 0300 0200 00000000 00000000  00000000');
const refusal = bytes('24000000 0200 0000 00000000 00000000  feffffff 00000000000000000000000000000000');

test('an answer in several messages is read up to its end', (t) => {
  const answer = parseAnswer(joined([table, table, done, table]))!;
  t.is(answer.items.length, 2);
  t.deepEqual([...answer.items[0]!], [[1, bytes('7765667400')]]);
  t.like(answer, { isEnd: true, isInterrupted: false });
});

test('one whose end has not come says so', (t) => {
  t.like(parseAnswer(table), { isEnd: false });
});

test('that something was changed meanwhile is said with any message', (t) => {
  t.like(parseAnswer(joined([interrupted, done])), { isEnd: true, isInterrupted: true });
});

test('a refusal is no answer', (t) => {
  t.is(parseAnswer(joined([table, refusal])), undefined);
});

test('garbage throws nothing', (t) => {
  const random = new SeededRandom(1);
  for (let run = 0; run < 5_000; run++) {
    const garbage = joined([table, random.bytes(random.below(100))]);
    garbage[random.below(garbage.length)] = random.below(256);
    t.notThrows(() => parseAnswer(garbage));
  }
});
