/** docs/names.md: what it says of outcomes is what the code says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { nameOutcomes } from '../../src/daemon/names/name-counters.ts';

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'names.md'), 'utf8');

test('every outcome of a question is documented in its own words, in the order of display', (t) => {
  const section = text.slice(text.indexOf('## What is counted'), text.indexOf('## When it does not work'));
  const rows = [...section.matchAll(/^\| `([a-z-]+)` +\| (.*?) +\|$/gm)].map(([, name, words]) => [name, words]);
  t.deepEqual(rows, Object.entries(nameOutcomes));
});
