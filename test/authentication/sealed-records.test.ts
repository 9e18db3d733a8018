import test from 'ava';
import { openRecords, RECORD_BYTES, sealedLength, sealRecords } from '../../src/authentication/sealed-records.ts';
import { TAG_BYTES } from '../../src/env/cipher.ts';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const key = new Uint8Array(32).fill(7);
const associated = Uint8Array.of(1, 2, 3);
const HEAD = 5;
const SEALED_RECORD = RECORD_BYTES + TAG_BYTES;

function sealed(lengthBytes: number): { plain: Uint8Array; bytes: Uint8Array } {
  const plain = new SeededRandom(lengthBytes).bytes(lengthBytes);
  const bytes = new Uint8Array(HEAD + sealedLength(lengthBytes));
  sealRecords(nodeCipher, key, associated, plain, bytes, HEAD);
  return { plain, bytes };
}

function open(bytes: Uint8Array): Uint8Array | undefined {
  return openRecords(nodeCipher, key, associated, bytes, HEAD);
}

const comesBack = test.macro<[number]>({
  exec(t, lengthBytes) {
    const { plain, bytes } = sealed(lengthBytes);
    t.deepEqual([...open(bytes)!], [...plain]);
  },
  title: (name, lengthBytes) => `${name ?? lengthBytes} bytes come back`,
});

for (const lengthBytes of [0, 1, RECORD_BYTES - 1, RECORD_BYTES, RECORD_BYTES + 1, 3 * RECORD_BYTES]) {
  test(comesBack, lengthBytes);
}

const damages: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  'cut off within a record': (bytes) => bytes.slice(0, -1),
  'without its last record': (bytes) => bytes.slice(0, HEAD + 2 * SEALED_RECORD),
  'without its first record': (bytes) =>
    Uint8Array.from([...bytes.slice(0, HEAD), ...bytes.slice(HEAD + SEALED_RECORD)]),
  'with a byte more': (bytes) => Uint8Array.from([...bytes, 0]),
  'with its last record twice': (bytes) => Uint8Array.from([...bytes, ...bytes.slice(HEAD + 2 * SEALED_RECORD)]),
  'with two records exchanged': (bytes) =>
    Uint8Array.from([
      ...bytes.slice(0, HEAD),
      ...bytes.slice(HEAD + SEALED_RECORD, HEAD + 2 * SEALED_RECORD),
      ...bytes.slice(HEAD, HEAD + SEALED_RECORD),
      ...bytes.slice(HEAD + 2 * SEALED_RECORD),
    ]),
  'with a bit flipped': (bytes) => bytes.with(HEAD + SEALED_RECORD, bytes[HEAD + SEALED_RECORD]! ^ 1),
  'with nothing left': (bytes) => bytes.slice(0, HEAD),
};

for (const [name, damage] of Object.entries(damages)) {
  test(`a message ${name} is noticed`, (t) => {
    const { bytes } = sealed(2 * RECORD_BYTES + 100);
    t.is(open(damage(bytes)), undefined);
  });
}

test('a message of whole records that lost its last one is noticed, too', (t) => {
  const { bytes } = sealed(2 * RECORD_BYTES);
  t.is(open(bytes.slice(0, HEAD + SEALED_RECORD)), undefined);
});

test('other associated data open nothing', (t) => {
  const { bytes } = sealed(10);
  t.is(openRecords(nodeCipher, key, Uint8Array.of(1, 2, 4), bytes, HEAD), undefined);
});
