/** What others ask of those who enforce network policies, by their own tests: on weft, installed by its manifests. */
import test from 'ava';
import { Cluster } from '../cluster/cluster.ts';
import { lastCyclonus, lastPolicyApiTests, runCyclonus, runPolicyApiTests } from '../cluster/policy-suites.ts';
import type { PolicyTest } from '../cluster/policy-report.ts';
import { runsSlowTests, slowTest } from '../support/slow-test.ts';
import { uniqueLabName } from '../support/test-lab.ts';

/** Compiling everything, where nobody has done it. */
const COMPILE_DEADLINE_MS = 40 * 60_000;

/** A quarter of an hour each, on two free processors. */
const TESTS_DEADLINE_MS = 60 * 60_000;

/** Cases of cyclonus, in 3 minutes: policies that are stacked, changed and deleted, and pods and namespaces that change. `CYCLONUS=all` runs all. */
const TAGS = process.env['CYCLONUS'] === 'all' ? [] : ['action', 'conflict', 'upstream-e2e'];

/** As many as those have. */
const LEAST_CASES = 35;

/** Parts of the conformance tests of this version of network-policy-api. */
const LEAST_PARTS = 100;

let cluster: Cluster;

test.before(async (t) => {
  if (!runsSlowTests) return;
  t.timeout(COMPILE_DEADLINE_MS);
  cluster = await Cluster.up({ name: uniqueLabName(), nodes: 3, podNetwork: 'weft' });
});

test.after.always(async () => {
  await cluster?.down();
});

slowTest('cyclonus finds nothing that its policies do not say', async (t) => {
  t.timeout(TESTS_DEADLINE_MS);
  await runCyclonus(cluster.tested, TAGS, () => {});
  const { tests } = lastCyclonus(cluster.directory);
  t.deepEqual(othersThanPassed(tests), []);
  t.true(tests.length >= LEAST_CASES, `${tests.length} cases`);
});

slowTest('the conformance tests of network-policy-api pass', async (t) => {
  t.timeout(TESTS_DEADLINE_MS);
  await runPolicyApiTests(cluster.policyTested, () => {});
  const { tests } = lastPolicyApiTests(cluster.directory);
  t.deepEqual(othersThanPassed(tests), []);
  t.true(tests.length >= LEAST_PARTS, `${tests.length} parts`);
});

function othersThanPassed(tests: readonly PolicyTest[]): string[] {
  return tests.flatMap(({ name, outcome }) => (outcome === 'passed' ? [] : [`${name}: ${outcome}`]));
}
