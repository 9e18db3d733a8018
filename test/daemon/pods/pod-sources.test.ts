/** The tables that bind pods to their addresses, while `nft` fails, in namespaces of this test. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { PodSourcesReport } from '../../support/pod-sources-script.ts';

const script = fileURLToPath(new URL('../../support/pod-sources-script.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const rootTest = isRoot ? test : test.skip;

let seen: PodSourcesReport = {};

test.before(() => {
  if (!isRoot) return;
  seen = JSON.parse(
    execFileSync('unshare', ['--net', '--mount', '--', process.execPath, script], { encoding: 'utf8' }),
  ) as PodSourcesReport;
});

rootTest('where the kernel never could, pods are not bound, and a notice says so', (t) => {
  t.is(seen['a pod where it never could be bound'], undefined);
  t.deepEqual(seen['notices where it never could be bound'], ['source-check-unavailable']);
});

rootTest('where the tables are, a pod is bound without a program', (t) => {
  t.is(seen['a pod without nft, where the tables are'], undefined);
  t.true(seen['bound without nft']);
});

rootTest('while nft fails, no pod is let in unbound', (t) => {
  t.is(seen['a pod while nft fails'], 'command-failed');
  t.is(seen['another while nft fails'], 'command-failed');
  t.deepEqual(seen['notices while nft fails'], ['source-check-unavailable']);
});

rootTest('when nft works again, the next one has all of them bound', (t) => {
  t.is(seen['a pod when nft works again'], undefined);
  t.deepEqual(seen['bound when nft works again'], [true, true, false]);
  t.deepEqual(seen['notices when nft works again'], []);
});

rootTest('that there are no prefixes is found out once more before it is said', (t) => {
  t.is(seen['prefixes where there are none'], 'allow-source-unsupported');
  t.is(seen['prefixes when nft works again'], undefined);
});

rootTest('what cannot be looked at is not called gone', (t) => {
  t.is(seen['looked at while nft fails'], 'command-failed');
  t.deepEqual(seen['looked at when nft works again'], []);
  t.is(seen['refused while nft fails'], 'command-failed');
});
