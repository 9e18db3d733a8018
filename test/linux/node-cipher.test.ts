import test from 'ava';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import { bytes } from '../support/bytes.ts';

test('derives what RFC 5869 says in test case 1, which asks for ten bytes more', (t) => {
  const key = bytes('0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b');
  const derived = nodeCipher.deriveKey(key, bytes('000102030405060708090a0b0c'), bytes('f0f1f2f3f4f5f6f7f8f9'));
  t.deepEqual(derived, bytes('3cb25f25faacd57a90434f64d0362f2a 2d2d0a90cf1a5a4c5db02d56ecc4c5bf'));
});

// "The Galois/Counter Mode of Operation", McGrew and Viega, appendix B, test case 16.
const key = bytes('feffe9928665731c6d6a8f9467308308 feffe9928665731c6d6a8f9467308308');
const nonce = bytes('cafebabefacedbaddecaf888');
const associated = bytes('feedfacedeadbeeffeedfacedeadbeef abaddad2');
const plain = bytes(
  'd9313225f88406e5a55909c5aff5269a 86a7a9531534f7da2e4c303d8a318a72 1c3c0c95956809532fcf0e2449a6b525 b16aedf5aa0de657ba637b39',
);
const sealed = bytes(
  '522dc1f099567d07f47f37a32a84427d 643a8cdcbfe5c0c97598a2bd2555d1aa 8cb08e48590dbb3da7b08b1056828838 c5f61e6393ba7a0abcc9f662 76fc6ece0f4e1768cddf8853bb2d551b',
);

test('seals as GCM test case 16 says', (t) => {
  t.deepEqual(nodeCipher.seal(key, nonce, associated, plain), sealed);
});

test('opens what it sealed', (t) => {
  t.deepEqual(Uint8Array.from(nodeCipher.open(key, nonce, associated, sealed)!), plain);
});

for (const [name, changed] of [
  ['another key', [key.with(0, 0), nonce, associated, sealed]],
  ['another nonce', [key, nonce.with(11, 0), associated, sealed]],
  ['other associated data', [key, nonce, associated.with(0, 0), sealed]],
  ['another ciphertext', [key, nonce, associated, sealed.with(0, 0)]],
  ['another tag', [key, nonce, associated, sealed.with(75, 0)]],
  ['a shorter tag', [key, nonce, associated, sealed.slice(0, -12)]],
  ['less than a tag', [key, nonce, associated, sealed.slice(0, 15)]],
  ['nothing', [key, nonce, associated, new Uint8Array(0)]],
] as [string, Parameters<typeof nodeCipher.open>][]) {
  test(`opens nothing with ${name}`, (t) => {
    t.is(nodeCipher.open(...changed), undefined);
  });
}
