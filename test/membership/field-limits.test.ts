import test from 'ava';
import { checkFieldLimits, type FieldLimits } from '../../src/membership/field-limits.ts';
import { bytes } from '../support/bytes.ts';

const limits: FieldLimits = {
  1: { maxCount: 1, maxBytes: 4 },
  2: { maxCount: 2, maxBytes: 8, fields: { 1: { maxCount: 1, maxBytes: 2 } } },
  3: { maxCount: 1, maxBytes: 0 },
};

const outcome = test.macro({
  exec: (t, hex: string, expected: string) => {
    const message = bytes(hex);
    t.is(checkFieldLimits(message, 0, message.length, limits), expected as 'ok');
  },
  title: (name, _hex: string, expected: string) => `${name}: ${expected}`,
});

test('nothing', outcome, '', 'ok');
test('a string as long as it may be', outcome, '0a04 61626364', 'ok');
test('a longer string', outcome, '0a05 6162636465', 'limit-exceeded');
test('a field twice that is not repeated', outcome, '0a00 0a00', 'limit-exceeded');
test('a repeated field', outcome, '1200 1200', 'ok');
test('a repeated field too often', outcome, '1200 1200 1200', 'limit-exceeded');
test('a message inside', outcome, '1204 0a02 6161', 'ok');
test('a longer string inside', outcome, '1205 0a03 616161', 'limit-exceeded');
test('a message inside that ends early', outcome, '1203 0a02 61', 'malformed');
test('a number', outcome, '18 ffffffff0f', 'ok');
test('a number of ten bytes', outcome, '18 ffffffffffffffffff01', 'ok');
test('a number of eleven bytes', outcome, '18 ffffffffffffffffffff01', 'malformed');
test('a number that is cut off', outcome, '18 ff', 'malformed');
test('a length beyond the end', outcome, '0a04 6162', 'malformed');
test('a length of gigabytes', outcome, '0a ffffffff0f', 'malformed');
test('field number 0', outcome, '02 00', 'malformed');
test('a group', outcome, '0b 0c', 'malformed');
test('an unknown field', outcome, '9206 00', 'ok');
test('unknown 32 and 64 bit fields', outcome, '25 00000000 21 0000000000000000', 'ok');
test('33 unknown fields', outcome, '2000'.repeat(33), 'limit-exceeded');
