/** What Kubernetes asks of every network of pods, by its own tests: on weft, installed by its manifests. */
import { join } from 'node:path';
import test from 'ava';
import { Cluster } from '../cluster/cluster.ts';
import { chooseTests } from '../cluster/end-to-end-choice.ts';
import { lastTestReport, runEndToEndTests } from '../cluster/end-to-end.ts';
import { runsSlowTests, slowTest } from '../support/slow-test.ts';
import { uniqueLabName } from '../support/test-lab.ts';

/** Compiling everything, where nobody has done it. */
const COMPILE_DEADLINE_MS = 40 * 60_000;

/** Eight minutes on two free processors. */
const TESTS_DEADLINE_MS = 60 * 60_000;

/** As many as this version of Kubernetes has. */
const CONFORMANCE_TESTS = 45;

let cluster: Cluster;

test.before(async (t) => {
  if (!runsSlowTests) return;
  t.timeout(COMPILE_DEADLINE_MS);
  cluster = await Cluster.up({ name: uniqueLabName(), nodes: 2, podNetwork: 'weft' });
});

test.after.always(async () => {
  await cluster?.down();
});

slowTest(`all ${CONFORMANCE_TESTS} tests of conformance pass`, async (t) => {
  t.timeout(TESTS_DEADLINE_MS);
  const log = join(cluster.directory, 'e2e.log');
  await runEndToEndTests(cluster.tested, { ...chooseTests('conformance'), log }, () => {});
  const { cases } = lastTestReport(cluster.directory);
  const failed = cases.filter(({ outcome }) => outcome === 'failed');
  t.deepEqual(
    failed.map(({ name, said }) => `${name}: ${said}`),
    [],
  );
  const passed = cases.filter(({ outcome }) => outcome === 'passed');
  t.true(passed.length >= CONFORMANCE_TESTS, `${passed.length} passed`);
});
