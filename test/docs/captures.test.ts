import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { commentKeys } from '../../src/capture/comment.ts';
import { hooks } from '../../src/dataplane/hook.ts';

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'captures.md'), 'utf8');

/** Cells of the table under a heading, without its head. */
function rowsUnder(heading: string): string[][] {
  const from = text.indexOf(`\n${heading}\n`);
  const lines = text.slice(text.indexOf('\n|', from) + 1).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((line) => line.split('|').map((cell) => cell.trim()));
}

test('docs/captures.md has all hooks in their order, and what they show', (t) => {
  t.deepEqual(
    rowsUnder('## Hooks').map(([, name, shows]) => [name, shows]),
    hooks.map(({ name, shows }) => [`\`${name}\``, shows]),
  );
});

test('docs/captures.md has all keys of comments in their order', (t) => {
  t.deepEqual(
    rowsUnder('### Comments').map(([, key]) => key),
    commentKeys.map((key) => `\`${key}\``),
  );
});
