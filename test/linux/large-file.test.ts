import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { piecesOf, replaceLargeFile } from '../../src/linux/large-file.ts';

let directory = '';

test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'weft-large-file-'));
});

test.after.always(() => rmSync(directory, { recursive: true, force: true }));

function* failing(): Generator<string, void> {
  yield 'x'.repeat(100_000);
  throw new Error('no more');
}

test('texts are put together into pieces of some length', (t) => {
  t.deepEqual([...piecesOf(['ab', 'c', 'defgh', 'i'], 3)], ['abc', 'defgh', 'i']);
  t.deepEqual([...piecesOf([], 3)], []);
});

test('other work is done between the pieces', async (t) => {
  const path = join(directory, 'deep', 'many.json');
  let turns = 0;
  const ending = new AbortController();
  const count = async (): Promise<void> => {
    for (; !ending.signal.aborted; turns++) await setImmediate();
  };
  const counting = count();
  await replaceLargeFile(
    path,
    Array.from({ length: 20 }, () => 'x'.repeat(65_536)),
  );
  ending.abort();
  await counting;
  t.true(turns >= 20, String(turns));
  t.is(readFileSync(path, 'utf8').length, 20 * 65_536);
  t.is(statSync(path).mode & 0o777, 0o600);
});

test('what fails leaves the file as it was, and nothing beside it', async (t) => {
  const path = join(directory, 'failing', 'one.json');
  await replaceLargeFile(path, ['{}']);
  await t.throwsAsync(replaceLargeFile(path, failing()), { message: 'no more' });
  t.is(readFileSync(path, 'utf8'), '{}');
  t.deepEqual(readdirSync(join(directory, 'failing')), ['one.json']);
  t.true(existsSync(path));
});
