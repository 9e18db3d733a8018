/** A cluster of kind on weft, from nothing to nothing: what `scripts/kind` does with an engine of its own, which asks no registry. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { chooseTests } from '../cluster/end-to-end-choice.ts';
import { lastTestReport, runEndToEndTests } from '../cluster/end-to-end.ts';
import { weft } from '../cluster/pod-network.ts';
import type { TestCase } from '../cluster/test-report.ts';
import { KindCluster, takeDown } from '../kind/kind-cluster.ts';
import { kindDirectory, type KindSpec } from '../kind/places.ts';
import { runProgram } from '../support/program.ts';
import { runsSlowTests, slowTest } from '../support/slow-test.ts';
import { uniqueLabName } from '../support/test-lab.ts';

/** All may have to be compiled first, and Debian to be unpacked. */
const DEADLINE_MS = 60 * 60_000;

const NODES = 3;

/** Of Kubernetes' own. */
const TESTS = 10;

const CGROUPS = '/sys/fs/cgroup';

/** Sysctls of the machine that the kubelets of kind's nodes write. */
const SYSCTLS = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'];

const spec: KindSpec = { name: uniqueLabName(), nodes: NODES, provider: 'docker', hasOwnEngine: true };

/** What there is of the cluster on the machine: namespaces, control groups, mounts, files, processes. */
async function traces(): Promise<string[]> {
  const { name } = spec;
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const groups = [CGROUPS, ...readdirSync(CGROUPS).map((entry) => join(CGROUPS, entry))].flatMap((place) => {
    const group = join(place, `weft-kind-${name}`);
    return existsSync(group) ? [group] : [];
  });
  const processes = (await runProgram(['ps', '-eo', 'args'])).succeeded().split('\n');
  return [
    ...readdirSync('/run/netns').filter((netns) => netns.includes(name)),
    ...groups,
    ...[...mounts, ...processes].filter((line) => line.includes(kindDirectory(name))),
    ...(existsSync(kindDirectory(name)) ? [kindDirectory(name)] : []),
  ];
}

const sysctls = (): string[] => SYSCTLS.map((name) => readFileSync(join('/proc/sys', name), 'utf8'));

interface CheckReport {
  readonly checks: readonly {
    readonly name: string;
    readonly family: number;
    readonly outcome: string;
    readonly detail: string;
  }[];
}

test.after.always(async () => {
  if (!runsSlowTests) return;
  await takeDown(spec.name);
});

slowTest(
  `kind makes a cluster of three nodes on weft, whose network is right by ${TESTS} of Kubernetes' own tests, too, and nothing of it is left`,
  async (t) => {
    t.timeout(DEADLINE_MS);
    const before = sysctls();
    const cluster = await KindCluster.up(spec);
    const ready = await cluster.exec('kubectl', 'get', 'nodes', '--no-headers');
    t.is(ready.match(/ Ready /g)?.length, NODES, ready);

    const check = ['kubernetes', 'check', '--json', '--timeout', '10m'];
    const { checks } = JSON.parse(await cluster.exec(...weft, ...check)) as CheckReport;
    const failed = checks.filter(({ outcome }) => outcome === 'failed');
    t.deepEqual(failed, []);
    // Both families, on one node and across, services, the node itself, names, and the largest packets.
    const passed = checks.filter(({ outcome }) => outcome === 'passed');
    t.true(passed.some(({ family }) => family === 4) && passed.some(({ family }) => family === 6));
    t.true(passed.length >= 12, JSON.stringify(checks));

    await runEndToEndTests(cluster, { ...chooseTests('ten'), log: join(cluster.directory, 'e2e.log') }, () => {});
    const { cases } = lastTestReport(cluster.directory);
    const having = (outcome: TestCase['outcome']) => cases.filter((one) => one.outcome === outcome);
    t.deepEqual(
      having('failed').map(({ name, said }) => `${name}: ${said}`),
      [],
    );
    t.is(having('passed').length, TESTS);

    t.true((await traces()).length > 0);
    await takeDown(spec.name);
    t.deepEqual(await traces(), []);
    t.deepEqual(sysctls(), before);
  },
);
