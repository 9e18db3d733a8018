import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { WeftError } from '../../src/errors.ts';
import { FileLock } from '../../src/linux/file-lock.ts';

function place(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-lock-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return join(directory, 'lock');
}

test('one has the lock, until it gives it back', (t) => {
  const path = place(t);
  const [first, second] = [FileLock.open(path), FileLock.open(path)];
  t.true(first.take());
  t.true(first.take());
  t.false(second.take());
  first[Symbol.dispose]();
  t.true(second.take());
  second[Symbol.dispose]();
});

test('the lock of a process that is killed is free, also while a program that it started goes on', async (t) => {
  const path = place(t);
  const module = JSON.stringify(new URL('../../src/linux/file-lock.ts', import.meta.url).href);
  const script = `
    const { FileLock } = await import(${module});
    FileLock.open(${JSON.stringify(path)}).take();
    const { spawn } = await import('node:child_process');
    const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
    child.once('spawn', () => console.log(child.pid));
    setInterval(() => undefined, 60_000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => holder.kill('SIGKILL'));
  const [pid] = (await once(holder.stdout, 'data')) as [Buffer];
  t.teardown(() => process.kill(Number(pid.toString()), 'SIGKILL'));
  using lock = FileLock.open(path);
  t.false(lock.take());
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  t.true(lock.take());
});

test('a file that others may open is refused: they could lock it', (t) => {
  const path = place(t);
  writeFileSync(path, '');
  chmodSync(path, 0o644);
  const error = t.throws<WeftError>(() => FileLock.open(path));
  t.is(error.code, 'store-failed');
  t.regex(error.message, /others than this user may open it: remove it/);
});

test('a symbolic link is not followed', (t) => {
  const path = place(t);
  symlinkSync('/dev/null', path);
  t.is(t.throws<WeftError>(() => FileLock.open(path)).code, 'store-failed');
});
