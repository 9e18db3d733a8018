import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Journal } from '../../src/ipam/journal.ts';
import { JournalDirectory } from '../../src/linux/journal-directory.ts';

function place(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-journal-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return join(directory, 'state');
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

test('nothing is made before there is something to store; then it is for its owner alone', (t) => {
  const path = place(t);
  const journal = new Journal(new JournalDirectory(path), 'pods.journal');
  t.is(journal.load(), undefined);
  t.false(existsSync(path));
  journal.rewrite(['all']);
  t.is(statSync(path).mode & 0o777, 0o700);
  t.is(statSync(join(path, 'pods.journal')).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(path), ['pods.journal']);
});

test.serial('what was written is read, each character one byte, and no file stays open', (t) => {
  const path = place(t);
  const before = openFiles();
  const journal = new Journal(new JournalDirectory(path), 'pods.journal');
  journal.rewrite([{ name: 'ä' }]);
  journal.append('one');
  t.true(journal.canAppend());
  t.is(journal.lengthBytes, statSync(join(path, 'pods.journal')).size);
  t.regex(readFileSync(join(path, 'pods.journal'), 'latin1'), /\\u00e4/);
  t.deepEqual(new Journal(new JournalDirectory(path), 'pods.journal').load(), [{ name: 'ä' }, 'one']);
  t.is(openFiles(), before);
});

test.serial('where a write fails, no file stays open either', (t) => {
  const path = place(t);
  const before = openFiles();
  const disk = new JournalDirectory(path);
  disk.create('a', 'text');
  disk.sync('a');
  symlinkSync('/dev/full', join(path, 'full'));
  t.throws(() => disk.append('full', 'more'), { code: 'ENOSPC' });
  t.throws(() => disk.create('full', 'more'), { code: 'ENOSPC' });
  t.throws(() => disk.truncate('full', 3), { code: 'EINVAL' });
  t.is(openFiles(), before);
});

test('a file that is gone is not made again by a line', (t) => {
  const path = place(t);
  const disk = new JournalDirectory(path);
  disk.create('a', 'text');
  disk.sync('a');
  disk.remove('a');
  disk.remove('a');
  t.throws(() => disk.append('a', 'more'), { code: 'ENOENT' });
  t.is(disk.read('a'), undefined);
  t.is(disk.look('a'), undefined);
});

test('the end of a file is cut off', (t) => {
  const disk = new JournalDirectory(place(t));
  disk.create('a', 'abcdef');
  disk.truncate('a', 3);
  disk.sync('a');
  disk.append('a', 'x');
  disk.sync('a');
  t.is(disk.read('a'), 'abcx');
});

test('a file in place of another one is told from it', (t) => {
  const disk = new JournalDirectory(place(t));
  disk.create('a', 'text');
  disk.sync('a');
  const before = disk.look('a');
  disk.create('b', 'text');
  disk.sync('b');
  disk.rename('b', 'a');
  disk.syncDirectory();
  t.is(disk.look('a')?.lengthBytes, before?.lengthBytes);
  t.not(disk.look('a')?.identity, before?.identity);
});
