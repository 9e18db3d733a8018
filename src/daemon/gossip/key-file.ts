/** The file with the keys of a cluster: one key per line, in base64; the first is the one to seal with. */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { clusterKey, type ClusterKey } from '../../authentication/cluster-key.ts';
import { MAX_KEYS } from '../../authentication/key-ring.ts';
import { KEY_BYTES } from '../../env/cipher.ts';
import { ConfigError } from '../../errors.ts';
import { nodeCipher } from '../../linux/node-cipher.ts';

export interface KeyFile {
  /** At least one; the first is the primary. */
  readonly keys: readonly ClusterKey[];
  /** Of the keys, in their order: another one tells that the file has changed. */
  readonly fingerprint: string;
}

/** Rights that nobody but the owner may have (chmod(1)): whoever reads the file can take part in gossip. */
const OTHERS = 0o077;

const CONFIG_PATH = 'gossip.keyFile';

/** A new key, as a line of a key file. */
export function generateKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}

/** The key in a line; `undefined` if there is none. */
export function parseKey(line: string): ClusterKey | undefined {
  // Node's decoder takes anything; this is 32 bytes and nothing else.
  if (!/^[A-Za-z0-9+/]{43}=$/.test(line)) return undefined;
  return clusterKey(nodeCipher, Buffer.from(line, 'base64'));
}

/** @throws ConfigError if it cannot be read, if others can read it, or if it is not a list of keys. No message has a key in it. */
export function readKeyFile(path: string): KeyFile {
  const lines = readPrivate(path)
    .split('\n')
    .map((line, index) => ({ text: line.trim(), number: index + 1 }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'));
  const keys = lines.map(({ text, number }) => {
    const key = parseKey(text);
    if (key === undefined) throw wrong(path, `line ${number} is not ${KEY_BYTES} bytes in base64`);
    return key;
  });
  if (keys.length === 0) throw wrong(path, 'has no key: make one with "weft key generate"');
  if (keys.length > MAX_KEYS) throw wrong(path, `has ${keys.length} keys, and at most ${MAX_KEYS} can be held`);
  const twice = keys.find(({ id }, index) => keys.findIndex((other) => other.id === id) !== index);
  if (twice !== undefined) throw wrong(path, `has the key with id ${twice.id} twice`);
  const hash = createHash('sha256');
  for (const { bytes } of keys) hash.update(bytes);
  return { keys, fingerprint: hash.digest('hex') };
}

function readPrivate(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const stats = fstatSync(file);
    if ((stats.mode & OTHERS) !== 0) {
      const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
      throw wrong(path, `is open to others (mode ${mode}): chmod 600 ${path}`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw wrong(path, `cannot be read (${code})`);
    throw wrong(path, 'is not there: copy it from another node, or make the first with "weft key generate"');
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function wrong(path: string, problem: string): ConfigError {
  return new ConfigError(CONFIG_PATH, `${path} ${problem}`, { file: path });
}
