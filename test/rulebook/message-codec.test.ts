import test from 'ava';
import { MAX_RULEBOOK_MESSAGE_BYTES, MAX_RULEBOOK_RUMOUR_BYTES } from '../../src/membership/limits.ts';
import { MAX_ENTRY_BYTES } from '../../src/rulebook/entry-codec.ts';
import {
  ENTRY_HASH_BYTES,
  MAX_BUCKETS,
  MAX_DELETIONS,
  MAX_HELD_OBJECTS,
  MAX_WANTED,
  MESSAGE_ENTRIES_BYTES,
  RUMOUR_ENTRIES_BYTES,
} from '../../src/rulebook/limits.ts';
import {
  encodeAnswer,
  encodeRequest,
  encodeRumour,
  parseAnswer,
  parseRequest,
  parseRumour,
} from '../../src/rulebook/message-codec.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { mutated } from '../support/mutation.ts';
import { entryOf } from '../support/rulebooks.ts';

const seed = Number(process.env['SEED'] ?? 1);
const digest = '0123456789abcdef';
const entries = [entryOf(1, 5).bytes, entryOf(2, 6, { object: undefined }).bytes];
const request = { buckets: new Uint8Array(4 * ENTRY_HASH_BYTES).fill(7), wanted: [digest], entries };
const answer = {
  digest,
  knowledge: 'seeks',
  differing: [0, 255],
  hashes: [digest, 'fedcba9876543210'],
  entries,
} as const;

test('messages come back as they were', (t) => {
  for (const version of [0, 1, 2 ** 48 - 1])
    t.deepEqual(parseRumour(encodeRumour({ version, digest, entries })), { version, digest, entries });
  t.deepEqual(parseRequest(encodeRequest(request)), request);
  t.deepEqual(parseRequest(encodeRequest({ wanted: [], entries })), { wanted: [], entries });
  t.deepEqual(parseAnswer(encodeAnswer(answer)), answer);
});

test('an answer that has nothing to say is one all the same', (t) => {
  const empty = { digest, knowledge: 'knows', differing: [], hashes: [], entries: [] } as const;
  t.true(encodeAnswer(empty).length > 0);
  t.deepEqual(parseAnswer(encodeAnswer(empty)), empty);
});

test('who says nothing of it knows what the cluster holds, and who says what is not known here does not', (t) => {
  const [silent, word] = (['knows', 'met'] as const).map((knowledge) => encodeAnswer({ ...answer, knowledge }));
  t.is(silent!.length, word!.length - 2);
  t.is(parseAnswer(silent!)?.knowledge, 'knows');
  t.is(parseAnswer(word!)?.knowledge, 'met');
  // Field 5, as a number.
  for (const [value, meaning] of [
    [1, 'seeks'],
    [2, 'met'],
    [3, 'seeks'],
    [127, 'seeks'],
  ] as const)
    t.is(parseAnswer(Uint8Array.of(...silent!, 5 << 3, value))?.knowledge, meaning);
});

test('the longest messages have room', (t) => {
  const hashes = Array.from({ length: MAX_HELD_OBJECTS + MAX_DELETIONS }, () => digest);
  const longest = [new Uint8Array(MAX_ENTRY_BYTES)];
  const differing = Array.from({ length: MAX_BUCKETS }, (_, index) => index);
  const asked = encodeRequest({ wanted: hashes.slice(0, MAX_WANTED), entries: longest });
  const told = encodeAnswer({ digest, knowledge: 'met', differing, hashes, entries: longest });
  t.not(parseRequest(asked), undefined);
  t.not(parseAnswer(told), undefined);
  t.true(MAX_ENTRY_BYTES > MESSAGE_ENTRIES_BYTES);
  const changed = [new Uint8Array(RUMOUR_ENTRIES_BYTES - 3)];
  t.not(parseRumour(encodeRumour({ version: 2 ** 48 - 1, digest, entries: changed })), undefined);
});

test('what is beyond its limits, or half of something, is refused', (t) => {
  t.is(parseRumour(new Uint8Array(0)), undefined);
  t.is(parseRumour(encodeRumour({ version: 1, digest: '0123', entries })), undefined);
  t.is(parseRumour(new Uint8Array(MAX_RULEBOOK_RUMOUR_BYTES + 1)), undefined);
  t.is(parseRequest(encodeRequest({ ...request, buckets: new Uint8Array(3 * ENTRY_HASH_BYTES) })), undefined);
  t.is(parseRequest(encodeRequest({ ...request, buckets: new Uint8Array(7) })), undefined);
  t.is(parseRequest(encodeRequest({ ...request, wanted: ['0123'] })), undefined);
  t.is(
    parseRequest(encodeRequest({ ...request, wanted: Array.from({ length: MAX_WANTED + 1 }, () => digest) })),
    undefined,
  );
  t.is(parseRequest(encodeRequest({ wanted: [], entries: [new Uint8Array(MAX_ENTRY_BYTES + 1)] })), undefined);
  t.is(parseAnswer(encodeAnswer({ ...answer, digest: '' })), undefined);
  t.is(parseAnswer(encodeAnswer({ ...answer, hashes: ['0123'] })), undefined);
  t.is(parseAnswer(new Uint8Array(MAX_RULEBOOK_MESSAGE_BYTES + 1)), undefined);
});

test(`damaged messages are refused, or are within their limits (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  let refused = 0;
  for (let turn = 0; turn < 20_000; turn++) {
    const asked = parseRequest(mutated(random, encodeRequest(request)));
    const told = parseAnswer(mutated(random, encodeAnswer(answer)));
    const rumour = parseRumour(mutated(random, encodeRumour({ version: 9, digest, entries })));
    refused += [asked, told, rumour].filter((one) => one === undefined).length;
    if (asked?.buckets !== undefined) t.true(asked.buckets.length <= MAX_BUCKETS * ENTRY_HASH_BYTES);
    if (told !== undefined) t.true(told.differing.every((index) => index < MAX_BUCKETS));
    if (rumour !== undefined) t.regex(rumour.digest, /^[0-9a-f]{16}$/);
  }
  t.true(refused > 1_000 && refused < 59_000, String(refused));
});
