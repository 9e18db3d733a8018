/** Kubernetes' own end-to-end tests against a cluster. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { endToEndImages } from './end-to-end-images.ts';
import type { EndToEndChoice } from './end-to-end-choice.ts';
import type { Cluster } from './cluster.ts';
import { endToEndTests, type Progress } from './programs.ts';
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
export async function runEndToEndTests(cluster: Cluster, run: EndToEndRun, progress: Progress): Promise<number> {
  const program = await endToEndTests(progress);
  const images = await endToEndImages(progress);
  progress('images');
  await Promise.all(cluster.nodes.map(async (node) => await loadImages(node, images)));
  const directory = join(cluster.directory, 'e2e');
  mkdirSync(directory, { recursive: true });
  const registries = join(directory, 'registries.yaml');
  const places = Object.fromEntries(REGISTRIES.map((name) => [name, 'localhost']));
  writeFileSync(registries, stringify({ ...places, invalidRegistry: 'invalid.localhost' }));
  rmSync(reportFile(cluster.directory), { force: true });
  const [command = '', ...args] = cluster.api.inside([
    program,
    '--provider=skeleton',
    `--kubeconfig=${cluster.api.credentials.kubeconfig('admin')}`,
    `--kubectl-path=${join(cluster.api.programs, 'kubectl')}`,
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

/** One after the other: nodes share the disk. */
async function loadImages(node: Cluster['nodes'][number], images: readonly string[]): Promise<void> {
  for (const image of images) await node.loadImage(image);
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
