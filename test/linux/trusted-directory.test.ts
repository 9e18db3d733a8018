import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { trustedDirectory } from '../../src/linux/trusted-directory.ts';

/** Only root gives files away. */
const testAsRoot = process.geteuid!() === 0 ? test : test.skip;

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-trusted-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

function refuses(t: ExecutionContext, path: string, message: RegExp): void {
  t.regex(t.throws(() => trustedDirectory(path, true), { code: 'directory-unsafe' }).message, message);
}

test('what is missing is made, for everybody to read, only if that is wanted', (t) => {
  const path = join(directory(t), 'cni', 'bin');
  t.is(trustedDirectory(path, false), undefined);
  t.is(trustedDirectory(path, true), path);
  t.is(statSync(path).mode & 0o777, 0o755);
});

test('a directory below one like /tmp will do, and one like it will not', (t) => {
  const path = directory(t);
  chmodSync(path, 0o1777);
  refuses(t, path, /everybody may write it: chmod go-w/);
  t.is(trustedDirectory(join(path, 'bin'), true), join(path, 'bin'));
});

test('the directory on the way that everybody may write is named', (t) => {
  const open = join(directory(t), 'open');
  mkdirSync(join(open, 'bin'), { recursive: true });
  chmodSync(open, 0o757);
  refuses(t, join(open, 'bin'), new RegExp(`^${open} is no place .* everybody may write it: chmod go-w ${open}$`));
});

testAsRoot('a directory that a group other than root, or another user, can change is refused', (t) => {
  const path = join(directory(t), 'bin');
  mkdirSync(path);
  chmodSync(path, 0o775);
  t.is(trustedDirectory(path, false), path);
  chownSync(path, 0, 12_345);
  refuses(t, path, /group 12345 may write it/);
  chmodSync(path, 0o755);
  chownSync(path, 12_345, 0);
  refuses(t, path, /user 12345 owns it/);
});

test('a link of our own is followed, also through "..", and what it leads to is looked at as well', (t) => {
  const path = directory(t);
  mkdirSync(join(path, 'real', 'bin'), { recursive: true });
  symlinkSync('../real', join(path, 'real', 'link'));
  t.is(trustedDirectory(join(path, 'real', 'link', 'bin'), false), join(path, 'real', 'bin'));
  chmodSync(join(path, 'real'), 0o777);
  symlinkSync(join(path, 'real'), join(path, 'way'));
  refuses(t, join(path, 'way', 'bin'), /real is no place/);
});

testAsRoot('a link that another user planted is not followed', (t) => {
  const path = directory(t);
  mkdirSync(join(path, 'real'));
  symlinkSync('real', join(path, 'planted'));
  t.is(trustedDirectory(join(path, 'planted'), false), join(path, 'real'));
  // Of the link itself.
  lchownSync(join(path, 'planted'), 12_345, 12_345);
  refuses(t, join(path, 'planted'), /planted is no place .* user 12345 owns it/);
});

test('links in a circle, and files, are no directories', (t) => {
  const path = directory(t);
  symlinkSync('b', join(path, 'a'));
  symlinkSync('a', join(path, 'b'));
  refuses(t, join(path, 'a'), /lead in a circle/);
  writeFileSync(join(path, 'file'), '');
  refuses(t, join(path, 'file', 'bin'), /file is no place .* it is no directory/);
});
