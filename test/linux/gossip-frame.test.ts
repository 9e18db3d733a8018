import test from 'ava';
import { encodeFrame, FrameReader } from '../../src/linux/gossip-frame.ts';
import { bytes } from '../support/bytes.ts';

test('a frame is its length and its message', (t) => {
  t.deepEqual(encodeFrame(bytes('616263')), bytes('00000003 616263'));
});

for (const pieceBytes of [1, 2, 5, 100]) {
  test(`a frame in pieces of ${pieceBytes} comes whole, and what follows is dropped`, (t) => {
    const budget = { leftBytes: 1_000 };
    const reader = new FrameReader(100, budget);
    const message = Uint8Array.from({ length: 77 }, (_, index) => index);
    const stream = Uint8Array.from([...encodeFrame(message), 1, 2, 3]);
    const outcomes = [];
    for (let at = 0; at < stream.length; at += pieceBytes)
      outcomes.push(reader.push(stream.subarray(at, at + pieceBytes)));
    t.deepEqual(
      outcomes.find((outcome) => outcome !== 'incomplete'),
      message,
    );
    reader.release();
    t.is(budget.leftBytes, 1_000);
  });
}

test('a frame longer than it may be is refused by its length alone', (t) => {
  t.is(new FrameReader(100, { leftBytes: 1_000 }).push(bytes('00000065')), 'too-long');
});

for (const firstBytes of [1, 60, 70, 90]) {
  test(`a frame within the limit fits a budget as large, also if its first piece has ${firstBytes} bytes`, (t) => {
    const frame = encodeFrame(new Uint8Array(1_000));
    const reader = new FrameReader(1_000, { leftBytes: frame.length });
    let outcome = reader.push(frame.subarray(0, firstBytes));
    for (let at = firstBytes; at < frame.length; at += 10) outcome = reader.push(frame.subarray(at, at + 10));
    t.deepEqual(outcome, new Uint8Array(1_000));
  });
}

test('a promise takes no memory, and what comes stays within the budget', (t) => {
  const budget = { leftBytes: 1_000 };
  const reader = new FrameReader(1_000_000, budget);
  t.is(reader.push(bytes('000f4240')), 'incomplete');
  t.true(budget.leftBytes >= 990);
  let outcome: unknown;
  for (let piece = 0; piece < 20 && outcome !== 'too-long'; piece++) outcome = reader.push(new Uint8Array(100));
  t.is(outcome, 'too-long');
  t.true(budget.leftBytes >= 0);
});

test('an empty message is one', (t) => {
  t.deepEqual(new FrameReader(100, { leftBytes: 1_000 }).push(bytes('00000000')), new Uint8Array(0));
});
