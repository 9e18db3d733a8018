import test from 'ava';
import * as fc from 'fast-check';
import * as octets from '../../src/wire/octets.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';

type Read = (bytes: Uint8Array, at: number) => number;
type Write = (bytes: Uint8Array, at: number, value: number) => void;

const integer = test.macro<[hex: string, value: number, read: Read, write: Write]>({
  exec(t, hex, value, read, write) {
    const golden = bytes(hex);
    t.is(read(bytes(`a5 ${hex} a5`), 1), value);
    t.deepEqual(
      encoded(golden.length, (buffer, at) => write(buffer, at, value)),
      golden,
    );
  },
  title: (name, hex, value) => `${name} reads and writes ${hex} as ${value}`,
});

test('a 16-bit integer', integer, '12 34', 0x1234, octets.readU16, octets.writeU16);
test('the largest 16-bit integer', integer, 'ff ff', 0xffff, octets.readU16, octets.writeU16);
test('a little-endian 16-bit integer', integer, '34 12', 0x1234, octets.readU16le, octets.writeU16le);
test('the largest little-endian 16-bit integer', integer, 'ff ff', 0xffff, octets.readU16le, octets.writeU16le);
test('a 24-bit integer', integer, '12 34 56', 0x12_34_56, octets.readU24, octets.writeU24);
test('the largest 24-bit integer', integer, 'ff ff ff', 0xff_ff_ff, octets.readU24, octets.writeU24);
test('a 32-bit integer', integer, '12 34 56 78', 0x12_34_56_78, octets.readU32, octets.writeU32);
test('a 32-bit integer that is no sign', integer, '80 00 00 01', 0x80_00_00_01, octets.readU32, octets.writeU32);
test('the largest 32-bit integer', integer, 'ff ff ff ff', 0xff_ff_ff_ff, octets.readU32, octets.writeU32);
test('a little-endian 32-bit integer', integer, '78 56 34 12', 0x12_34_56_78, octets.readU32le, octets.writeU32le);
test(
  'the largest little-endian 32-bit integer',
  integer,
  'ff ff ff ff',
  0xff_ff_ff_ff,
  octets.readU32le,
  octets.writeU32le,
);

test('a 32-bit integer beyond its range wraps', (t) => {
  t.deepEqual(
    encoded(4, (buffer, at) => octets.writeU32(buffer, at, 0xff_ff_ff_ff + 3)),
    bytes('00 00 00 02'),
  );
});

test('integers agree with DataView', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 12 }), fc.nat(), (memory, seed) => {
      const at = seed % (memory.length - 3);
      const view = new DataView(memory.buffer, memory.byteOffset);
      t.is(octets.readU16(memory, at), view.getUint16(at));
      t.is(octets.readU16le(memory, at), view.getUint16(at, true));
      t.is(octets.readU24(memory, at), view.getUint32(at) >>> 8);
      t.is(octets.readU32(memory, at), view.getUint32(at));
      t.is(octets.readU32le(memory, at), view.getUint32(at, true));
    }),
  );
});

test('a copy moves the octets asked for and no other', (t) => {
  t.deepEqual(
    encoded(3, (buffer, at) => octets.copyOctets(bytes('01 02 03 04 05'), 1, buffer, at, 3)),
    bytes('02 03 04'),
  );
});

test('runs are compared within their length only', (t) => {
  const left = bytes('00 01 02 03');
  const right = bytes('01 02 04');
  t.true(octets.equalOctets(left, 1, right, 0, 2));
  t.false(octets.equalOctets(left, 1, right, 0, 3));
  t.true(octets.equalOctets(left, 0, right, 0, 0));
});

test('byte strings are equal if their length and each of their octets is', (t) => {
  t.true(octets.equalBytes(bytes(''), bytes('')));
  t.true(octets.equalBytes(bytes('01 02'), bytes('01 02')));
  t.false(octets.equalBytes(bytes('01 02'), bytes('00 02')));
  t.false(octets.equalBytes(bytes('01 02'), bytes('01 02 03')));
});
