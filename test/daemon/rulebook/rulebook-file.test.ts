import test from 'ava';
import { RulebookFile } from '../../../src/daemon/rulebook/rulebook-file.ts';
import type { PatientStore } from '../../../src/env/store.ts';
import { WeftError } from '../../../src/errors.ts';
import { entryOf } from '../../support/rulebooks.ts';
import { silentLogger } from '../../support/silent-logger.ts';

function storeOf(load: () => unknown): PatientStore & { readonly kept: unknown[] } {
  const kept: unknown[] = [];
  const keep = (document: unknown): void => void kept.push(document);
  return { kept, load, save: keep, keep, behind: undefined };
}

const entries = [entryOf(1, 5), entryOf(2, 6, { object: undefined })];

test('entries come back as they were stored', (t) => {
  const store = storeOf(() => undefined);
  const file = new RulebookFile(store, silentLogger);
  t.is(file.entries, undefined);
  t.false(file.isCorrupt);
  file.save(entries);
  t.deepEqual(
    new RulebookFile(
      storeOf(() => store.kept[0]),
      silentLogger,
    ).entries,
    entries,
  );
});

test('what waits is stored at the end, once', (t) => {
  const store = storeOf(() => undefined);
  const file = new RulebookFile(store, silentLogger);
  file.saveSoon(() => []);
  file.saveSoon(() => []);
  file.close(entries);
  file.close([]);
  t.is(store.kept.length, 1);
});

for (const [name, load] of [
  [
    'what is no JSON',
    (): never => {
      throw new WeftError('store-corrupt', 'no JSON');
    },
  ],
  ['another document', (): unknown => ({ entries: [7] })],
  ['a rulebook with an entry that is none', (): unknown => ({ entries: ['AQID'] })],
] as const) {
  test(`${name} is not taken for an empty rulebook`, (t) => {
    const file = new RulebookFile(storeOf(load), silentLogger);
    t.true(file.isCorrupt);
    t.is(file.entries, undefined);
  });
}
