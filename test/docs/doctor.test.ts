import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { catalogue } from '../../src/doctor/catalogue.ts';
import { lostNodeFinds } from '../../src/doctor/lost-node.ts';

// Tables are padded to equal widths.
const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'doctor.md'), 'utf8').replaceAll(/ {2,}/g, ' ');

for (const [name, { subject }] of Object.entries(catalogue)) {
  test(`the check ${name} is documented`, (t) => t.true(text.includes(`| \`${name}\` | ${subject} |`)));
}

for (const finds of [...Object.values(catalogue).map((check) => check.finds), lostNodeFinds]) {
  for (const [id, { severity, title, cause }] of Object.entries(finds)) {
    test(`the finding ${id} is documented in its own words`, (t) =>
      t.true(text.includes(`| \`${id}\` | ${severity} | ${title} | ${cause} |`)));
  }
}
