/** Foreign tests of network policies against a cluster. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../support/program.ts';
import { until } from '../support/until.ts';
import type { TestedCluster } from './end-to-end.ts';
import type { PolicyResults } from './policy-document.ts';
import { policyImage } from './policy-image.ts';
import { cyclonusProgram, policyApiDefinition, policyApiTests } from './policy-programs.ts';
import { readCyclonusReport, readGoTests, type PolicyTest } from './policy-report.ts';
import { kubernetesPrograms, type Progress } from './programs.ts';

/** For a change to reach every node: weft takes a tenth of it on a free machine. What comes later is asked about again. */
const SETTLE_SECONDS = 1;

/** How often cyclonus asks once more, if something came out otherwise: questions wait for two seconds, which is not long on a busy machine. */
const RETRIES = 3;

const POD_DEADLINE_SECONDS = 300;

/** A daemon looks every half minute whether they are installed by now. */
const DEFINITION_DEADLINE_MS = 180_000;

/** A cluster whose pod network is weft. */
export interface PolicyCluster extends TestedCluster {
  /** Whether the daemons of all nodes watch what has this name in the API. */
  allWatch(resource: string): Promise<boolean>;
}

/**
 * Runs cyclonus: policies of every kind one after the other, and after each who reaches whom among nine pods, by TCP, UDP and SCTP at two ports.
 *
 * @param tags of its cases; all of them if there is none.
 * @returns its exit code; what failed is in {@link lastCyclonus}.
 */
export async function runCyclonus(
  cluster: TestedCluster,
  tags: readonly string[],
  progress: Progress,
): Promise<number> {
  const program = await cyclonusProgram(progress);
  const files = await prepare(cluster, 'cyclonus', progress);
  return await run(cluster, files.log, [
    program,
    'generate',
    ...(tags.length === 0 ? [] : [`--include=${tags.join(',')}`]),
    // It leaves a third of its cases out, unless it is told not to.
    '--exclude=',
    // It would have a pod that may not begin not reach itself. Policies never keep a pod from itself, says Kubernetes.
    '--ignore-loopback',
    `--retries=${RETRIES}`,
    `--perturbation-wait-seconds=${SETTLE_SECONDS}`,
    `--pod-creation-timeout-seconds=${POD_DEADLINE_SECONDS}`,
    '--cleanup-namespaces',
    `--junit-results-file=${files.report}`,
  ]);
}

/** Runs the conformance tests of network-policy-api, those of fields that are not standard as well. @returns as {@link runCyclonus} */
export async function runPolicyApiTests(cluster: PolicyCluster, progress: Progress): Promise<number> {
  const program = await policyApiTests(progress);
  const kubectl = [join(await kubernetesPrograms(progress), 'kubectl'), '--kubeconfig', cluster.kubeconfig];
  const files = await prepare(cluster, 'policy-api', progress);
  const definition = await policyApiDefinition('experimental');
  (await runProgram(cluster.inside([...kubectl, 'apply', '--server-side', '-f', definition]))).succeeded();
  await until(
    'all nodes watch ClusterNetworkPolicies',
    async () => await cluster.allWatch('clusternetworkpolicies'),
    DEFINITION_DEADLINE_MS,
  );
  return await run(cluster, files.report, [
    program,
    '-test.run=^TestConformance$',
    '-test.v',
    '-test.timeout=2h',
    '-all-features',
  ]);
}

/** @param directory of the cluster. @throws Error if cyclonus was not run to its end. */
export function lastCyclonus(directory: string): PolicyResults {
  return lastResults(directory, 'cyclonus', readCyclonusReport);
}

/** As {@link lastCyclonus}. */
export function lastPolicyApiTests(directory: string): PolicyResults {
  return lastResults(directory, 'policy-api', readGoTests);
}

function filesOf(directory: string, suite: string): { readonly report: string; readonly log: string } {
  return { report: join(directory, 'policy', `${suite}.report`), log: join(directory, 'policy', `${suite}.log`) };
}

function lastResults(directory: string, suite: string, read: (report: string) => PolicyTest[]): PolicyResults {
  const { report } = filesOf(directory, suite);
  if (!existsSync(report)) throw new Error(`${suite} has not been run to its end here: there is no ${report}`);
  return { tests: read(readFileSync(report, 'utf8')), date: statSync(report).mtime.toISOString().slice(0, 10) };
}

/** Gives nodes the image, and removes what is left of the last run. */
async function prepare(cluster: TestedCluster, suite: string, progress: Progress) {
  const image = await policyImage(progress);
  progress('images');
  await cluster.loadArchive(image);
  const files = filesOf(cluster.directory, suite);
  mkdirSync(join(files.log, '..'), { recursive: true });
  for (const file of Object.values(files)) rmSync(file, { force: true });
  progress(`${suite}: see ${cluster.directory}/policy`);
  return files;
}

/** Runs a program, with all that it prints in a file. */
async function run(cluster: TestedCluster, file: string, argv: readonly string[]): Promise<number> {
  const [command = '', ...args] = cluster.inside(argv);
  const output = openSync(file, 'w', 0o600);
  try {
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
    const child = spawn(command, args, { stdio: ['ignore', output, output], env });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    closeSync(output);
  }
}
