import test from 'ava';
import { NftChanges } from '../../../src/daemon/audit/nft-changes.ts';
import type { KernelChange } from '../../../src/linux/kernel-change.ts';

const PORT = 7;

const table = (set?: string, name = 'inet weft'): KernelChange => {
  return { kind: 'table', table: name, isElementAdded: false, ...(set !== undefined && { set }), port: PORT };
};
const end = (generation: number): KernelChange => {
  return { kind: 'transaction', generation, pid: PORT, name: 'nft', port: PORT };
};

/** One that knows all changes from generation 10 on. */
function listening(): NftChanges {
  const changes = new NftChanges(['inet weft']);
  changes.hear([end(10)], true);
  return changes;
}

function known(changes: NftChanges, since: number, until: number): string[] | undefined {
  const titles = changes.othersChanged(since, until);
  return titles && [...titles];
}

test('before anything was heard, nothing is known', (t) => {
  const changes = new NftChanges(['inet weft']);
  t.is(known(changes, 10, 11), undefined);
  // Its beginning may have come before one listened.
  changes.hear([end(11)], true);
  t.is(known(changes, 10, 11), undefined);
  t.deepEqual(known(changes, 11, 11), []);
});

test('what others do to tables of ours is told with its table or set, what they do to theirs is not', (t) => {
  const changes = listening();
  changes.hear([table(), end(11), table('node4'), end(12)], true);
  changes.hear([table(undefined, 'ip nat'), end(13)], true);
  t.deepEqual(known(changes, 10, 13), ['inet weft', 'inet weft node4']);
  t.deepEqual(known(changes, 11, 13), ['inet weft node4']);
  t.deepEqual(known(changes, 12, 13), []);
});

test('what was not heard yet is not known, unless it can be heard now', (t) => {
  const changes = listening();
  t.is(known(changes, 10, 11), undefined);
  changes.hearBy(() => changes.hear([table(), end(11)], true));
  t.deepEqual(known(changes, 10, 11), ['inet weft']);
});

test('a transaction of which the end is heard later is told then', (t) => {
  const changes = listening();
  changes.hear([table()], true);
  t.is(known(changes, 10, 11), undefined);
  changes.hear([end(11)], true);
  t.deepEqual(known(changes, 10, 11), ['inet weft']);
});

test('where a transaction is missing, nothing is known of the time before', (t) => {
  const changes = listening();
  changes.hear([table(), end(11), end(13)], true);
  t.is(known(changes, 10, 13), undefined);
  t.is(known(changes, 12, 13), undefined);
  t.deepEqual(known(changes, 13, 13), []);
});

test('where there was no room for all that happened, nothing is known of it', (t) => {
  const changes = listening();
  changes.hear([end(11)], false);
  t.is(known(changes, 10, 11), undefined);
  changes.hear([end(12)], true);
  t.is(known(changes, 11, 12), undefined);
  changes.hear([table(), end(13)], true);
  t.deepEqual(known(changes, 12, 13), ['inet weft']);
});

test('sets of whatever names are not remembered without end, and what happened is', (t) => {
  const changes = listening();
  for (let index = 0; index < 1_000; index++) changes.hear([table(`s${index}`), end(11 + index)], true);
  t.true(changes.othersChanged(10, 1_010)!.size < 100);
  t.deepEqual(known(changes, 1_009, 1_010), ['inet weft']);
});
