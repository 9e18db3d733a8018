import test from 'ava';
import type { Cipher } from '../../src/env/cipher.ts';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import { quickCipher } from '../../src/sim/quick-cipher.ts';

const ciphers: Readonly<Record<string, Cipher>> = { 'the quick double': quickCipher, 'AES-256-GCM': nodeCipher };
const salt = Uint8Array.of(1, 2, 3);
const info = Uint8Array.of(4);
const nonce = new Uint8Array(12);
const plain = Uint8Array.from({ length: 100 }, (_, index) => index);

for (const [name, cipher] of Object.entries(ciphers)) {
  const key = cipher.deriveKey(new Uint8Array(32), salt, info);

  test(`${name} opens what it sealed, 16 bytes longer`, (t) => {
    const sealed = cipher.seal(key, nonce, salt, plain);
    t.is(sealed.length, plain.length + 16);
    t.deepEqual(Uint8Array.from(cipher.open(key, nonce, salt, sealed)!), plain);
  });

  test(`${name} opens nothing with another key, nonce or context, nothing changed and nothing short`, (t) => {
    const sealed = cipher.seal(key, nonce, salt, plain);
    const otherKey = cipher.deriveKey(new Uint8Array(32), salt, salt);
    t.is(otherKey.length, 32);
    t.is(cipher.open(otherKey, nonce, salt, sealed), undefined);
    t.is(cipher.open(key, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), salt, sealed), undefined);
    t.is(cipher.open(key, nonce, info, sealed), undefined);
    for (const at of [0, 50, 100, 115]) {
      const changed = Uint8Array.from(sealed);
      changed[at]! ^= 1;
      t.is(cipher.open(key, nonce, salt, changed), undefined);
    }
    t.is(cipher.open(key, nonce, salt, sealed.subarray(0, 15)), undefined);
  });
}
