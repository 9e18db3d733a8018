import test from 'ava';
import * as fc from 'fast-check';
import {
  finishChecksum,
  foldChecksum,
  MAX_SUMMED_BYTES,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
  updateChecksum,
} from '../../src/wire/checksum.ts';
import { writeU16 } from '../../src/wire/octets.ts';
import { bytes } from '../support/bytes.ts';

/** The definition, one word at a time: obviously right, and slow. */
function slowChecksum(octets: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < octets.length; index += 2) {
    sum += octets[index]! * 256 + (octets[index + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

const sums = test.macro<[hex: string, sum: number]>({
  exec: (t, hex, sum) => t.is(foldChecksum(onesComplementSum(bytes(hex), 0, bytes(hex).length, 0)), sum),
  title: (name, _hex, sum) => `the sum of ${name} is 0x${sum.toString(16)}`,
});

test('the example of RFC 1071, section 3', sums, '0001 f203 f4f5 f6f7', 0xddf2);
test('nothing', sums, '', 0);
test('one byte, which is a high half', sums, 'ab', 0xab00);
test('three bytes', sums, '0102 03', 0x0402);
test('words that carry twice', sums, 'ffff ffff 0001', 0x0001);
test('a valid IPv4 header', sums, '4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7', 0xffff);

test('a fast sum equals the slow one at every alignment and length', (t) => {
  const memory = Uint8Array.from({ length: 400 }, (_, index) => (index * 151 + (index >>> 3)) & 0xff);
  for (let at = 0; at < 9; at++) {
    for (let length = 0; length <= 300; length++) {
      const expected = slowChecksum(memory.subarray(at, at + length));
      const actual = foldChecksum(onesComplementSum(memory, at, length, 0));
      if (actual !== expected) t.fail(`${length} bytes at ${at}: ${actual}, not ${expected}`);
    }
  }
  t.pass();
});

test('a fast sum is right in memory that begins or ends off a word', (t) => {
  const buffer = new ArrayBuffer(203);
  const whole = new Uint8Array(buffer).map((_, index) => (index * 89 + 7) & 0xff);
  new Uint8Array(buffer).set(whole);
  for (let offset = 0; offset < 5; offset++) {
    const part = new Uint8Array(buffer, offset);
    t.is(foldChecksum(onesComplementSum(part, 1, part.length - 1, 0)), slowChecksum(part.subarray(1)));
  }
});

test('a fast sum equals the slow one over random bytes', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.nat({ max: 7 }),
      fc.nat({ max: 0xffff }),
      (memory, at, initial) => {
        const length = Math.max(memory.length - at, 0);
        const word = new Uint8Array(2);
        writeU16(word, 0, initial);
        const expected = slowChecksum(Uint8Array.from([...word, ...memory.subarray(at, at + length)]));
        t.is(foldChecksum(onesComplementSum(memory, at, length, initial)), expected);
      },
    ),
  );
});

for (const length of [65_535, 65_536, MAX_SUMMED_BYTES - 1, MAX_SUMMED_BYTES]) {
  test(`${length} bytes of 0xff do not overflow`, (t) => {
    const memory = new Uint8Array(length + 1).fill(0xff);
    const expected = length % 2 === 0 ? 0xffff : 0xff00;
    t.is(foldChecksum(onesComplementSum(memory, 1, length, 0)), expected);
  });
}

test('the pieces of a message may be summed one after the other', (t) => {
  const memory = Uint8Array.from({ length: 501 }, (_, index) => (index * 37) & 0xff);
  const first = onesComplementSum(memory, 0, 100, 0);
  const both = onesComplementSum(memory, 100, 401, first);
  t.is(foldChecksum(both), slowChecksum(memory));
});

test('two mappings used in turn do not mix', (t) => {
  const left = new Uint8Array(200).fill(1);
  const right = new Uint8Array(200).fill(2);
  t.is(foldChecksum(onesComplementSum(left, 0, 200, 0)), 100 * 0x0101);
  t.is(foldChecksum(onesComplementSum(right, 0, 200, 0)), 100 * 0x0202);
  t.is(foldChecksum(onesComplementSum(left, 0, 200, 0)), 100 * 0x0101);
});

test('what is written between two sums counts', (t) => {
  const memory = new Uint8Array(100);
  t.is(onesComplementSum(memory, 0, 100, 0), 0);
  memory[50] = 1;
  t.is(onesComplementSum(memory, 0, 100, 0), 0x0100);
});

test('memory shared between threads is summed as well', (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(101)).fill(3);
  t.is(foldChecksum(onesComplementSum(shared, 1, 100, 0)), 50 * 0x0303);
});

test('a finished checksum is the complement of the folded sum', (t) => {
  t.is(finishChecksum(0), 0xffff);
  t.is(finishChecksum(0xffff), 0);
  t.is(finishChecksum(0x1_0000), 0xfffe);
  t.is(finishChecksum(0xffff_ffff), 0);
});

test('the IPv4 pseudo-header holds addresses, protocol and length', (t) => {
  const memory = bytes('a5 45000000 00000000 40110000 c6120701 c6120702 a5a5');
  t.is(foldChecksum(pseudoHeaderSum4(memory, 1, 17, 13)), slowChecksum(bytes('c6120701 c6120702 00 11 000d')));
});

test('the IPv6 pseudo-header holds addresses, protocol and length', (t) => {
  const addresses = 'fd000007000000000000000000000001 fd000007000000000000000000000002';
  const memory = bytes(`a5 60000000 0000 11 40 ${addresses} a5a5`);
  t.is(foldChecksum(pseudoHeaderSum6(memory, 1, 6, 70_000)), slowChecksum(bytes(`${addresses} 00011170 000000 06`)));
});

test('an updated checksum equals one that is computed anew', (t) => {
  const length = 40;
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: length, maxLength: length }),
      fc.nat({ max: length / 2 - 1 }),
      fc.nat({ max: 0xffff }),
      (message, word, after) => {
        // A message whose words are all zero is the one for which ones' complement has two right answers.
        message[0] = 1;
        const at = word === 0 ? 2 : word * 2;
        const before = message[at]! * 256 + message[at + 1]!;
        const checksum = finishChecksum(onesComplementSum(message, 0, length, 0));
        writeU16(message, at, after);
        t.is(updateChecksum(checksum, before, after), finishChecksum(onesComplementSum(message, 0, length, 0)));
      },
    ),
  );
});
