/** Tables of nftables that weft owns, in a network namespace of this test: what is kept of them, and what is noticed. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { OwnedTablesReport } from '../support/nft-owned-tables-script.ts';

const script = fileURLToPath(new URL('../support/nft-owned-tables-script.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const rootTest = isRoot ? test : test.skip;

let seen: OwnedTablesReport = {};

test.before(() => {
  if (!isRoot) return;
  seen = JSON.parse(
    execFileSync('unshare', ['--net', '--', process.execPath, script], { encoding: 'utf8' }),
  ) as OwnedTablesReport;
});

const sees = test.macro<[string, unknown]>({
  exec: (t, step, wanted) => {
    t.true(step in seen, `the script did not come to "${step}"`);
    t.deepEqual(seen[step], wanted);
  },
  title: (name = '') => name,
});

rootTest('a table that was made is as it was left', sees, 'made', []);
rootTest('where nothing changed, nothing is listed', sees, 'made: programs', 0);
rootTest('counters, and what the kernel put into sets, go on when the table is made again', (t) => {
  const counts = seen['counted'] as readonly number[];
  t.is(counts.length, 2);
  t.true(counts.every((count) => count > 0));
  for (const step of ['made again', 'applied', 'restored', 'next daemon'])
    t.deepEqual(seen[`${step}: counts`], counts, step);
});
rootTest('counters are read without nft', (t) => {
  t.deepEqual(seen['counter of the table'], [['refused', (seen['counted'] as readonly number[])[0]]]);
  t.is(seen['counters of no table'], 'none');
});
rootTest('a table that is made again is the same', sees, 'made again: same table', true);
rootTest('a daemon that is started keeps the table of the one before', sees, 'next daemon: same table', true);
rootTest('where nothing differs, there is no transaction', sees, 'applied the same: transactions', 0);
rootTest('what differs is changed in one transaction', sees, 'applied: transactions', 1);
rootTest('elements that differ are changed', sees, 'applied: elements', ['198.18.0.2', '198.18.0.3']);
rootTest('rules that differ are changed', sees, 'applied: rules', true);
rootTest('after a change, the table is as it was left', sees, 'applied: inspected', []);

rootTest('elements are changed without a program', sees, 'changed: programs', 0);
rootTest('ranges among them are as they should be', (t) => {
  const seenRanges = seen['changed: ranges'] as readonly string[];
  t.is(seenRanges.length, 2);
  t.true(seenRanges[0]!.includes('{"addr":"10.0.1.0","len":25}'), seenRanges[0]);
  t.true(seenRanges[1]!.includes('"10.0.2.1"'), seenRanges[1]);
});
rootTest('what the kernel put into a set is forgotten, whether it was there or not', sees, 'changed: forgotten', []);
rootTest('after elements changed, the table is as it was left', sees, 'changed: inspected', []);
rootTest('where the kernel refuses a change, nft makes the table anew', (t) => {
  t.true((seen['refused: programs'] as number) > 0);
});
rootTest('a table that was made anew is as it was left', sees, 'refused: inspected', []);

const table = 'inet weft-test';
const set = `${table} node4`;
rootTest('rules that somebody flushed are found', sees, 'flushed', [{ kind: 'rules-changed', table }]);
rootTest('rules that were flushed are put back', sees, 'restored: inspected', []);
rootTest('another table of the same name is not taken for ours', (t) => {
  t.true((seen['replaced'] as readonly string[]).includes('rules-changed'));
});
rootTest('another table of the same name is replaced', sees, 'replaced: inspected', []);
rootTest('a chain of somebody else in our table is found', sees, 'a chain more', [{ kind: 'rules-changed', table }]);
rootTest('a change of elements does not hide it', sees, 'a chain more, after a change', [
  { kind: 'rules-changed', table },
]);
rootTest('the chain goes with the table that is made anew', sees, 'a chain more, restored', []);
rootTest('elements that are missing, or too many, are named', sees, 'elements', [
  { kind: 'element-missing', set, element: '198.18.0.9' },
  { kind: 'element-stale', set, element: '198.18.0.77' },
]);
rootTest(
  'a change that fails, as somebody changed the table, has it made',
  sees,
  'a change that fails is made good',
  [],
);
rootTest('what the kernel does not take is an error', sees, 'threw', true);
rootTest('what the kernel did not take, did nothing', sees, 'what the kernel does not take', []);
rootTest('a table that is gone is found', sees, 'deleted', [{ kind: 'table-missing', table }]);
rootTest('a change of a table that is gone makes it', sees, 'deleted, and changed', []);
rootTest('a table that is made for a change has all elements', sees, 'deleted, and changed: elements', [
  '198.18.0.1',
  '198.18.0.2',
  '198.18.0.4',
]);

const tampered = test.macro<[string]>({
  exec(t, what) {
    t.deepEqual(seen[`${what}: found, restored, inspected`], [true, true, []]);
    t.deepEqual(seen[`${what}: next daemon, inspected`], [true, []]);
  },
  title: (_, what) => `a table that somebody made ${what} is found and put right, also by the next daemon`,
});

for (const what of ['switched off', 'unhooked', 'hooked elsewhere', 'dropping', 'forgetful']) rootTest(tampered, what);
rootTest('a table that is switched off is removed like any other', sees, 'removed although switched off', [
  'inet weft-pods',
]);
rootTest('of drafts nothing is left', sees, 'drafts', false);
rootTest('rules that somebody put there while ours were made are not taken for ours', (t) => {
  t.deepEqual(seen['meanwhile, with a witness'], [[{ kind: 'rules-changed', table }], true]);
  t.deepEqual(seen['meanwhile, without'], [[], true]);
  t.deepEqual(seen['meanwhile applied, with a witness'], [[{ kind: 'rules-changed', table }], true]);
  t.deepEqual(seen['meanwhile applied, without'], [[], true]);
});
rootTest('what others changed elsewhere meanwhile is no difference', (t) => {
  t.deepEqual(seen['meanwhile elsewhere, with a witness'], []);
  t.deepEqual(seen['meanwhile elsewhere, without'], []);
});

rootTest('of many elements, those of others are no business of ours', sees, 'many: others changed what is theirs', []);
rootTest(
  'it is known that they are, and nothing is listed',
  sees,
  'many: programs where others changed what is theirs',
  0,
);
rootTest('of many elements, it is found that somebody deleted one', sees, 'many: somebody deleted one', [
  { kind: 'elements-changed', set },
]);
rootTest('many elements are put back', sees, 'many: restored', []);
rootTest('with many elements, rules are looked at as well', sees, 'many: somebody added a rule', [
  { kind: 'rules-changed', table },
]);
rootTest('what weft changes itself is no difference', sees, 'many: what weft changes is no difference', []);
rootTest('and nothing is listed for it', sees, 'many: programs where weft changed it', 0);
rootTest('without a witness, samples find in turn what is missing', (t) => {
  const element = 'wf0 . 10.0.0.0/24 . 02:00:00:00:00:01';
  const inBound = { kind: 'element-missing', set: `${table} bound`, element };
  const inNodes = { kind: 'element-missing', set, element: '10.1.0.70' };
  t.deepEqual(seen['many: samples'], [[inBound], [inNodes, inBound], [inBound]]);
});
rootTest('samples of what is there find nothing', sees, 'many: samples of what is there', []);
rootTest('after ten minutes one looks all the same', sees, 'many: programs after ten minutes', true);
rootTest('and finds nothing, where there is nothing', sees, 'many: after ten minutes', []);

rootTest('a revision that changes nothing starts no program', sees, 'revised nothing: programs', 0);
rootTest('elements of sets and maps are revised without a program', sees, 'revised elements: programs', 0);
rootTest(
  'elements that are revised so are not put into lines: they are remembered alone',
  sees,
  'revised elements: readings',
  4,
);
rootTest('after elements were revised, the table is as it was left', sees, 'revised elements: inspected', []);
rootTest('sets, chains and elements are revised in one transaction', sees, 'revised: transactions', 1);
rootTest('after a revision, the table is as it was left', sees, 'revised: inspected', []);
rootTest('a revision is done', sees, 'revised: listed', true);
rootTest(
  'what weft revised is not what somebody changed, who changed something else',
  sees,
  'revised, and something else changed by somebody',
  [],
);
rootTest(
  'nor is it, when somebody changes something else once more',
  sees,
  'revised, and something else changed twice',
  [],
);
rootTest('what somebody changed after a revision is not taken for ours', sees, 'revised, and flushed by somebody', [
  { kind: 'rules-changed', table },
]);
rootTest('what was revised, and is not listed yet, is as it was left', sees, 'revised, not listed yet', []);
rootTest(
  'what somebody changed of it is found, although as many rules are there',
  sees,
  'revised, not listed yet, and replaced by somebody',
  [{ kind: 'rules-changed', table }],
);
rootTest('rules that were revised and rest are as they were left', sees, 'revised, and listed', []);
rootTest(
  'they are known by then, also to who does not know what somebody changed',
  sees,
  'revised, listed, and replaced by somebody',
  [{ kind: 'rules-changed', table }],
);
rootTest(
  'rules that never rest are listed within a minute',
  sees,
  'revised all the time, listed, and replaced by somebody',
  [{ kind: 'rules-changed', table }],
);
rootTest('what was revised is put back', sees, 'revised, and restored', []);
rootTest(
  'a revision that fails, as somebody changed the table, has it made',
  sees,
  'a revision that fails is made good',
  [[], true],
);

rootTest('a map of addresses and ports is as it was left', sees, 'map: made', []);
rootTest('what an address stands for is changed without a program', sees, 'map: programs of a change', 0);
rootTest('after a change, the map is as it was left', sees, 'map: changed', []);
rootTest('and so it is where a table was applied', sees, 'map: applied', []);
rootTest('what somebody has an address stand for is found', sees, 'map: somebody changed it', true);
rootTest('and is put back', sees, 'map: restored', true);
