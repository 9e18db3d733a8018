/** src/README.md, the map of the house: what it names is there, and what is there is on it. */
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '..', '..');
const source = join(root, 'src');
const text = readFileSync(join(source, 'README.md'), 'utf8');

/** Paths and globs: with a slash, or the name of a file. Commands and devices are no paths. */
const paths = [...text.matchAll(/`([\w.*-]*\/[\w./*-]*|[\w*-]+\.(?:ts|md|json))`/g)].map(([, path]) => path!);

test('it names paths', (t) => {
  t.true(paths.length > 100);
});

for (const path of new Set(paths)) {
  test(`${path} is there`, (t) => {
    t.true([source, root].some((directory) => globSync(path.replace(/\/$/, ''), { cwd: directory }).length > 0));
  });
}

/** The entries of the map that begins with `first`, in its order. */
function mapFrom(first: string): string[] {
  const start = text.indexOf(`\`\`\`text\n${first} `);
  const block = text.slice(start, text.indexOf('\n```\n', start)).split('\n').slice(1);
  return block.map((line) => line.split(' ')[0]!.replace(/\/$/, ''));
}

function foldersOf(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
}

test('every room is on the map', (t) => {
  t.deepEqual(mapFrom('errors.ts').toSorted(), [...foldersOf(source), 'errors.ts'].toSorted());
});

test('every room of daemon/ is on its map', (t) => {
  t.deepEqual(mapFrom('config/').toSorted(), foldersOf(join(source, 'daemon')).toSorted());
});
