import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { dropReasons } from '../../src/dataplane/drop-reason.ts';
import { dropReasonsDocument } from '../../src/explain/drop-reasons-document.ts';

const committed = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'drop-reasons.md'), 'utf8');

test('docs/drop-reasons.md is what the sources say (else: scripts/document)', (t) => {
  t.is(committed, dropReasonsDocument());
});

for (const { name, direction } of dropReasons) {
  test(`${name} has a section, in the part of ${direction}`, (t) => {
    const at = committed.indexOf(`\n### ${name}\n`);
    t.true(at > 0);
    t.is(committed.lastIndexOf(`(${direction})`, at) > committed.lastIndexOf('\n## ', at), true);
  });
}
