import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { WeftError } from '../../src/errors.ts';
import { FileStore } from '../../src/linux/file-store.ts';

function place(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-store-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return join(directory, 'state', 'pods.json');
}

test('a store without a file is empty', (t) => {
  t.is(new FileStore(place(t)).load(), undefined);
});

test('what was saved is loaded by the next run', (t) => {
  const path = place(t);
  new FileStore(path).save({ pods: [{ name: 'ä' }] });
  t.deepEqual(new FileStore(path).load(), { pods: [{ name: 'ä' }] });
});

test('a save replaces the file whole, and leaves nothing beside it', (t) => {
  const path = place(t);
  const store = new FileStore(path);
  store.save({ long: 'x'.repeat(10_000) });
  store.save({ short: true });
  t.deepEqual(store.load(), { short: true });
  t.false(existsSync(`${path}.tmp`));
});

test('file and directory are for their owner alone', (t) => {
  const path = place(t);
  new FileStore(path).save({});
  t.is(statSync(path).mode & 0o777, 0o600);
  t.is(statSync(join(path, '..')).mode & 0o777, 0o700);
});

test('a crash while writing leaves the old document, and does not disturb the next save', (t) => {
  const path = place(t);
  const store = new FileStore(path);
  store.save({ generation: 1 });
  writeFileSync(`${path}.tmp`, '{ "generation": ');
  t.deepEqual(store.load(), { generation: 1 });
  store.save({ generation: 2 });
  t.deepEqual(store.load(), { generation: 2 });
});

for (const text of ['', '{', '{"a": 1', 'null null']) {
  test(`a file of ${JSON.stringify(text)} is corrupt, named and not touched`, (t) => {
    const path = place(t);
    const store = new FileStore(path);
    store.save({});
    writeFileSync(path, text);
    const error = t.throws(() => store.load(), { instanceOf: WeftError });
    t.is(error.code, 'store-corrupt');
    t.true(error.message.startsWith(`${path} cannot be read`));
    t.is(readFileSync(path, 'utf8'), text);
  });
}

test('a document that cannot be saved is said by name', (t) => {
  const path = place(t);
  new FileStore(path).save({});
  const error = t.throws(() => new FileStore(join(path, 'below-a-file.json')).save({}), { instanceOf: WeftError });
  t.is(error.code, 'store-failed');
});
