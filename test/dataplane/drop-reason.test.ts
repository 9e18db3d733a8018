import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  DropReason,
  dropReasonNumbers,
  dropReasons,
  entryOf,
  FIRST_INGRESS_REASON,
} from '../../src/dataplane/drop-reason.ts';

const dataplane = join(import.meta.dirname, '..', '..', 'src', 'dataplane');

/** What gives reasons, and not what lists them. */
const sources = globSync('*.ts', { cwd: dataplane })
  .filter((file) => !file.endsWith('drop-reason.ts') && !file.endsWith('drop-reasons.ts'))
  .map((file) => readFileSync(join(dataplane, file), 'utf8'));

test('every reason stands in the list at its number, under its own name', (t) => {
  const names = Object.entries(DropReason).map(([key, reason]) => [reason, kebab(key)]);
  t.deepEqual(
    names,
    dropReasons.map((entry, index) => [dropReasonNumbers[index]!, entry.name]),
  );
});

test('the numbers of one direction have room for more, and are none of the other', (t) => {
  for (const [index, { direction }] of dropReasons.entries())
    t.is(dropReasonNumbers[index]! >= FIRST_INGRESS_REASON, direction === 'ingress');
  t.is(new Set(dropReasonNumbers).size, dropReasons.length);
  t.is(entryOf(FIRST_INGRESS_REASON)?.name, 'vxlan-truncated');
  t.is(entryOf(FIRST_INGRESS_REASON - 1), undefined);
});

test('no name is used twice', (t) => {
  t.is(new Set(dropReasons.map((entry) => entry.name)).size, dropReasons.length);
});

for (const key of Object.keys(DropReason)) {
  test(`some packet is dropped as ${kebab(key)}`, (t) => {
    t.true(sources.some((code) => new RegExp(`\\bDropReason\\.${key}\\b`).test(code)));
  });
}

/** Same words for one thing are meant; a reason that is told apart from another says what is different about it. */
test('no two reasons of one direction mean the same', (t) => {
  const meanings = dropReasons.map(({ direction, meaning }) => `${direction}: ${meaning}`);
  t.deepEqual(
    meanings.filter((meaning, index) => meanings.indexOf(meaning) !== index),
    [],
  );
});

function kebab(camelCase: string): string {
  return camelCase.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
