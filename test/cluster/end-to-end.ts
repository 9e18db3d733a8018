/** Kubernetes' own end-to-end tests against a cluster. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { endToEndImages } from './end-to-end-images.ts';
import type { EndToEndChoice } from './end-to-end-choice.ts';
import { endToEndTests, kubernetesPrograms, type Progress } from './programs.ts';
import { readTestReport, type TestCase } from './test-report.ts';

/** Registries of the images that tests name; all of them are what the nodes have already. */
const REGISTRIES = [
  'gcAuthenticatedRegistry',
  'promoterE2eRegistry',
  'buildImageRegistry',
  'gcEtcdRegistry',
  'gcRegistry',
  'sigStorageRegistry',
  'privateRegistry',
  'cloudProviderGcpRegistry',
];

/** A cluster, as far as tests need one. */
export interface TestedCluster {
  /** Where the report is left. */
  readonly directory: string;
  /** Of somebody who may do everything, for programs that run as {@link inside} has them run. */
  readonly kubeconfig: string;
  /** A command in a network that reaches the API server and all nodes, as arguments of a process. */
  inside(argv: readonly string[]): string[];
  /** Gives all nodes an image. */
  loadArchive(archive: string): Promise<void>;
}

/** How tests are run. */
export interface EndToEndRun extends EndToEndChoice {
  /** For what they print; otherwise it is printed. */
  readonly log?: string;
}

/**
 * Runs tests, and leaves a report in JUnit's format in the cluster's directory, for {@link lastTestReport}. Programs and images are built
 * unless they are there.
 *
 * @returns the exit code of the tests.
 */
export async function runEndToEndTests(cluster: TestedCluster, run: EndToEndRun, progress: Progress): Promise<number> {
  const program = await endToEndTests(progress);
  const images = await endToEndImages(progress);
  progress('images');
  for (const image of images) await cluster.loadArchive(image);
  const directory = join(cluster.directory, 'e2e');
  mkdirSync(directory, { recursive: true });
  const registries = join(directory, 'registries.yaml');
  const places = Object.fromEntries(REGISTRIES.map((name) => [name, 'localhost']));
  writeFileSync(registries, stringify({ ...places, invalidRegistry: 'invalid.localhost' }));
  rmSync(reportFile(cluster.directory), { force: true });
  const [command = '', ...args] = cluster.inside([
    program,
    '--provider=skeleton',
    `--kubeconfig=${cluster.kubeconfig}`,
    `--kubectl-path=${join(await kubernetesPrograms(progress), 'kubectl')}`,
    `--ginkgo.focus=${run.focus}`,
    ...run.skip.map((pattern) => `--ginkgo.skip=${pattern}`),
    '--ginkgo.no-color',
    '--ginkgo.succinct',
    // Of all of them: its own limit is an hour.
    '--ginkgo.timeout=6h',
    '--allowed-not-ready-nodes=0',
    '--system-pods-startup-timeout=10s',
    `--report-dir=${directory}`,
    '--disable-log-dump=true',
  ]);
  progress(`tests: ${run.focus}`);
  const log = run.log === undefined ? undefined : openSync(run.log, 'a', 0o600);
  try {
    const child = spawn(command, args, {
      stdio: ['ignore', log ?? 'inherit', log ?? 'inherit'],
      env: { ...process.env, KUBE_TEST_REPO_LIST: registries },
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

/**
 * What became of each test of Kubernetes in the last run, and on which day that was.
 *
 * @param directory of the cluster.
 * @throws Error if there was none, or it was ended before it was done.
 */
export function lastTestReport(directory: string): { readonly cases: TestCase[]; readonly date: string } {
  const file = reportFile(directory);
  if (!existsSync(file)) throw new Error(`no test of Kubernetes has been run to its end here: there is no ${file}`);
  return {
    cases: readTestReport(readFileSync(file, 'utf8')),
    date: statSync(file).mtime.toISOString().slice(0, '2026-12-01'.length),
  };
}

/** As the tests call it. */
function reportFile(directory: string): string {
  return join(directory, 'e2e', 'junit_01.xml');
}
