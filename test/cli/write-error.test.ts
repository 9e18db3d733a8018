import { openSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { explainWriteError } from '../../src/cli/write-error.ts';

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('a full file system is no bug: the message says what to do', (t) => {
  const explained = explainWriteError(errorOf(() => writeFileSync('/dev/full', 'text')));
  t.is(explained?.code, 'write-failed');
  t.is(
    explained?.message,
    'cannot write a file: its file system is full (ENOSPC): make room there; df -h and df -i say where',
  );
});

test('where the file is known, it is named', (t) => {
  const error = Object.assign(new Error('EROFS'), { code: 'EROFS', path: '/mnt/a', syscall: 'open' });
  t.regex(explainWriteError(error)?.message ?? '', /^cannot write \/mnt\/a: its file system is read-only/);
});

test('other errors are left to others', (t) => {
  t.is(explainWriteError(errorOf(() => openSync('/nowhere/a', 'r'))), undefined);
  t.is(explainWriteError(new Error('ENOSPC')), undefined);
  t.is(explainWriteError(undefined), undefined);
});
