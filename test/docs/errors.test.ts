import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '..', '..');
// Tables are padded to equal widths.
const documented = readFileSync(join(root, 'docs', 'errors.md'), 'utf8').replaceAll(/ {2,}/g, ' ');

/** Codes that the sources raise by name. */
function raisedCodes(): string[] {
  const sources = globSync('src/**/*.ts', { cwd: root }).map((file) => readFileSync(join(root, file), 'utf8'));
  const raised = /new (?:Weft|Conflict|NotFound|Exhausted|Requirement)Error\(\s*'([a-z0-9-]+)'/g;
  return [...new Set(sources.flatMap((text) => [...text.matchAll(raised)].map(([, code]) => code!)))].sort();
}

for (const code of raisedCodes()) {
  test(`docs/errors.md explains ${code}`, (t) => t.true(documented.includes(`| \`${code}\` |`)));
}
