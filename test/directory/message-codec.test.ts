import test from 'ava';
import {
  encodeAnswer,
  encodeChange,
  encodeOffer,
  encodeRequest,
  parseAnswer,
  parseChange,
  parseRequest,
} from '../../src/directory/message-codec.ts';
import { MAX_WANTS } from '../../src/directory/limits.ts';
import { encodePod } from '../../src/directory/pod-codec.ts';
import { hashPod } from '../../src/directory/pod-set.ts';
import { weft } from '../../src/membership/generated/weft.js';
import { MAX_POD_ANSWER_BYTES, MAX_POD_CHANGE_BYTES, MAX_POD_REQUEST_BYTES } from '../../src/membership/limits.ts';
import { podVersionToBytes } from '../../src/membership/pod-version.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { identityOf } from '../support/announcements.ts';
import { podOf } from '../support/directories.ts';
import { mutated } from '../support/mutation.ts';

const seed = Number(process.env['SEED'] ?? 1);
const digest = '0123456789abcdef';
const pods = [podOf(1, 'a'), podOf(1, 'b', 3)].map(encodePod);
const change = {
  identity: identityOf(1),
  base: 5,
  version: 1_700_000_000_123,
  digest,
  removed: [hashPod(pods[0]!)],
  added: [pods[1]!],
};
const wants = [
  { identity: identityOf(1), version: 2 ** 48 - 1, digest, from: 0 },
  { identity: identityOf(2), version: 1, digest, from: 17 },
];
const answer = {
  parts: [
    { identity: identityOf(1), version: 9, digest, count: 2, from: 0, pods },
    { identity: identityOf(2), version: 9, digest, count: 0, from: 0, pods: [] },
    { identity: identityOf(3), version: 9, digest, count: 40, from: 38, pods },
  ],
  lacking: [identityOf(4)],
};

test('messages come back as they were', (t) => {
  t.deepEqual(parseChange(encodeChange(change)), change);
  const offer = { identity: identityOf(1), base: 9, version: 9, digest, removed: [], added: [] };
  t.deepEqual(parseChange(encodeOffer(identityOf(1), { version: 9, digest })), offer);
  t.deepEqual(parseRequest(encodeRequest(wants)), wants);
  t.deepEqual(parseAnswer(encodeAnswer(answer)), answer);
});

const identity = new Uint8Array(16);
const version = podVersionToBytes(9);
const eight = new Uint8Array(8);

test('a change that goes back, leads nowhere with pods, or has half a hash, is refused', (t) => {
  t.is(parseChange(encodeChange({ ...change, base: change.version })), undefined);
  t.is(parseChange(encodeChange({ ...change, base: change.version, removed: [] })), undefined);
  t.is(parseChange(encodeChange({ ...change, base: change.version, added: [] })), undefined);
  t.is(parseChange(encodeChange({ ...change, base: change.version + 1 })), undefined);
  t.is(parseChange(encodeChange({ ...change, removed: [new Uint8Array(7)] })), undefined);
  t.is(parseChange(new Uint8Array(0)), undefined);
  t.is(parseChange(new Uint8Array(MAX_POD_CHANGE_BYTES + 1)), undefined);
});

test('version 0 and versions above the limit are refused', (t) => {
  for (const bytes of [
    new Uint8Array(8),
    new Uint8Array(8).fill(0xff),
    podVersionToBytes(2 ** 48),
    new Uint8Array(7),
  ]) {
    t.is(
      parseRequest(weft.v1.PodRequest.encode({ wants: [{ identity, version: bytes, digest: eight }] }).finish()),
      undefined,
    );
  }
});

test('a request that names a node twice, or more than there may be, is refused', (t) => {
  t.is(parseRequest(encodeRequest([wants[0]!, wants[0]!])), undefined);
  const many = Array.from({ length: MAX_WANTS + 1 }, (_, at) => ({ ...wants[0]!, identity: identityOf(at) }));
  t.is(parseRequest(encodeRequest(many.slice(1)))?.length, MAX_WANTS);
  t.is(parseRequest(encodeRequest(many)), undefined);
  t.is(parseRequest(new Uint8Array(MAX_POD_REQUEST_BYTES + 1)), undefined);
});

const part = { identity, version, digest: eight, count: 2, pods };
for (const [title, parts] of [
  ['names a node twice', [part, part]],
  ['has more pods than it says', [{ ...part, count: 1 }]],
  ['begins behind its end', [{ ...part, from: 1 }]],
  ['says that there are more than a node may have', [{ ...part, count: 5_000 }]],
  ['has no digest', [{ ...part, digest: new Uint8Array(0) }]],
] as const) {
  test(`an answer that ${title} is refused`, (t) => {
    t.is(parseAnswer(weft.v1.PodAnswer.encode({ parts: [...parts], lacking: [] }).finish()), undefined);
  });
}

test('an answer that has and lacks the pods of a node, or is too long, is refused', (t) => {
  t.is(parseAnswer(encodeAnswer({ ...answer, lacking: [identityOf(1)] })), undefined);
  t.is(parseAnswer(new Uint8Array(MAX_POD_ANSWER_BYTES + 1)), undefined);
});

test(`damaged messages are refused or read, and never throw (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 5_000; round++) {
    parseChange(mutated(random, encodeChange(change)));
    parseRequest(mutated(random, encodeRequest(wants)));
    parseAnswer(mutated(random, encodeAnswer(answer)));
  }
  t.pass();
});
