import { crc32 as zlib } from 'node:zlib';
import * as fc from 'fast-check';
import test from 'ava';
import { crc32 } from '../../src/wire/crc32.ts';

test('the check value of the catalogue of CRCs', (t) => {
  t.is(crc32('123456789'), 0xcb_f4_39_26);
  t.is(crc32(''), 0);
});

test('it is what zlib gives, also piece by piece', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
        const text = Buffer.from(bytes).toString('latin1');
        const [first, second] = [text.slice(0, at), text.slice(at)];
        return crc32(text) === zlib(bytes) && crc32(second, crc32(first)) === zlib(bytes);
      }),
    ),
  );
});
