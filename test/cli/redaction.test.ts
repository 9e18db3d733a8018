import test from 'ava';
import { Redaction, REMOVED } from '../../src/cli/redaction.ts';

const key = Uint8Array.from({ length: 32 }, (_, index) => 7 * index + 5);
const text = {
  base64: Buffer.from(key).toString('base64'),
  base64url: Buffer.from(key).toString('base64url'),
  hex: Buffer.from(key).toString('hex'),
};

const removes = test.macro<[string, string]>({
  exec(t, before, after) {
    const redaction = new Redaction([key]);
    t.is(redaction.apply(before), after);
    t.true(redaction.count > 0);
  },
  title: (name) => `removes ${name}`,
});

test('a key of the key file', removes, `key ${text.base64}\n`, `key ${REMOVED}\n`);
test('a key without its padding', removes, `key ${text.base64.slice(0, -1)}.`, `key ${REMOVED}.`);
test('a key for URLs', removes, `?key=${text.base64url}&a=b`, `?key=${REMOVED}&a=b`);
test('a key in hexadecimal', removes, `0x${text.hex}`, `0x${REMOVED}`);
test('a key in capital hexadecimal', removes, text.hex.toUpperCase(), REMOVED);
test('a key twice', removes, `${text.base64} ${text.base64}`, `${REMOVED} ${REMOVED}`);
test('what looks like a key', removes, `# old: ${'A'.repeat(43)}= (Ann)`, `# old: ${REMOVED} (Ann)`);
test('a password', removes, 'password: hunter2\nport: 1', `password: ${REMOVED}\nport: 1`);
test('a token in JSON', removes, '{"api_token": "a b", "x": 1}', `{"api_token": ${REMOVED}, "x": 1}`);
test('a secret of a command line', removes, 'run --secret=abc --port 1', `run --secret=${REMOVED} --port 1`);
test(
  'a private key',
  removes,
  'a\n-----BEGIN EC PRIVATE KEY-----\nMHcC\nAQEE\n-----END EC PRIVATE KEY-----\nb',
  `a\n${REMOVED}\nb`,
);
test('a private key that was cut off', removes, 'a\n-----BEGIN PRIVATE KEY-----\nMHcC', `a\n${REMOVED}`);

for (const kept of [
  'identity 9d0c2a9be07d4d5fb1a0c3d2e4f50618',
  'digest 3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b',
  'fd00:10:244:1::2 lladdr 02:00:00:00:00:01',
  'gossip:\n  keyFile: /etc/weft/gossip.key\n',
  '{"id": "e6c702ef5d50b342", "primary": true}',
  'weft_gossip_refused_messages_total{reason="not-authenticated"} 0',
  'tokens and secrets',
]) {
  test(`leaves ${kept.split('\n')[0]}`, (t) => {
    const redaction = new Redaction([key]);
    t.is(redaction.apply(kept), kept);
    t.is(redaction.count, 0);
  });
}
