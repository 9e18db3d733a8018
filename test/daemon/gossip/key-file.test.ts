import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { generateKey, parseKey, readKeyFile } from '../../../src/daemon/gossip/key-file.ts';
import { ConfigError } from '../../../src/errors.ts';
import { keyOf } from '../../support/cluster-keys.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-keys-'));
test.after.always(() => rmSync(directory, { recursive: true }));

const line = (number: number): string => Buffer.alloc(32, number).toString('base64');

let files = 0;

function keyFile(content: string, mode = 0o600): string {
  const path = join(directory, `${files++}.key`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

test('a generated key is one, and another each time', (t) => {
  t.truthy(parseKey(generateKey()));
  t.not(generateKey(), generateKey());
});

test('keys stand one per line, between empty lines and comments, the primary first', (t) => {
  const { keys } = readKeyFile(keyFile(`# of May\n${line(2)}\n\n  ${line(1)}\r\n`));
  t.deepEqual(
    keys.map(({ id }) => id),
    [keyOf(2).id, keyOf(1).id],
  );
});

test('the fingerprint tells other keys and another order, not other comments', (t) => {
  const [first, commented, turned] = [
    `${line(1)}\n${line(2)}`,
    `${line(1)}\n# two\n${line(2)}\n`,
    `${line(2)}\n${line(1)}`,
  ].map((content) => readKeyFile(keyFile(content)).fingerprint);
  t.is(first, commented);
  t.not(first, turned);
});

const refuses = test.macro<[content: string, mode: number, problem: RegExp]>({
  exec(t, content, mode, problem) {
    const error = t.throws(() => readKeyFile(keyFile(content, mode)), { instanceOf: ConfigError });
    t.regex(error.message, problem);
    t.false(content.split('\n').some((text) => text !== '' && error.message.includes(text)));
  },
  title: (name) => `refuses ${name}`,
});

test(
  'a file that the group can read',
  refuses,
  line(1),
  0o640,
  /^gossip\.keyFile: .* is open to others \(mode 0640\): chmod 600/,
);
test('a file that everybody can read', refuses, line(1), 0o604, /is open to others \(mode 0604\)/);
test('a file that everybody can write', refuses, line(1), 0o602, /is open to others/);
test('an empty file', refuses, '\n', 0o600, /has no key: make one with "weft key generate"/);
test('what is not base64', refuses, `${line(1)}\npassword\n`, 0o600, /line 2 is not 32 bytes in base64/);
test('a key that is too short', refuses, 'c2VjcmV0', 0o600, /line 1 is not 32 bytes/);
test(
  'a key that stands there twice',
  refuses,
  `${line(1)}\n${line(1)}`,
  0o600,
  /has the key with id [0-9a-f]{16} twice/,
);
test('too many keys', refuses, [1, 2, 3, 4, 5, 6, 7, 8, 9].map(line).join('\n'), 0o600, /has 9 keys, and at most 8/);

test('a file that is not there is asked for', (t) => {
  const error = t.throws(() => readKeyFile(join(directory, 'none')), { instanceOf: ConfigError });
  t.regex(error.message, /none is not there: copy it from another node, or make the first with "weft key generate"$/);
});

test('a directory is no key file', (t) => {
  const error = t.throws(() => readKeyFile(directory), { instanceOf: ConfigError });
  t.regex(error.message, /is open to others|cannot be read \(EISDIR\)/);
});
