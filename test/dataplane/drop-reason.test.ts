import test from 'ava';
import { DropReason, dropReasons, nameOf } from '../../src/dataplane/drop-reason.ts';

test('every reason stands in the list at its number, under its own name', (t) => {
  const names = Object.entries(DropReason).map(([key, reason]) => [reason, kebab(key)]);
  t.deepEqual(
    names,
    dropReasons.map((entry, index) => [index, entry.name]),
  );
});

test('no name is used twice', (t) => {
  t.is(new Set(dropReasons.map((entry) => entry.name)).size, dropReasons.length);
});

test('there is no other', (t) => {
  t.false(dropReasons.some((entry) => /other|unknown-error|misc/.test(entry.name)));
});

test('a reason has a name', (t) => {
  t.is(nameOf(DropReason.noRoute), 'no-route');
});

for (const { name, meaning, cause, remedy } of dropReasons) {
  test(`${name} says what it means, why, and what to do`, (t) => {
    t.true([meaning, cause, remedy].every((text) => text.length > 10));
  });
}

function kebab(camelCase: string): string {
  return camelCase.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
