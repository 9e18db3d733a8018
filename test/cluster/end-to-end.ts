/** Kubernetes' own end-to-end tests against a cluster. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { agnhostImages } from './agnhost-image.ts';
import type { Cluster } from './cluster.ts';
import { endToEndTests, type Progress } from './programs.ts';

/** What conformance asks of a network. */
export const CONFORMANCE = String.raw`\[sig-network\].*\[Conformance\]`;

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

/**
 * Runs the tests whose names match, with this process's output, and leaves a report in JUnit's format in the cluster's directory. Programs and
 * images are built unless they are there.
 *
 * @param focus regular expression of Go.
 * @returns the exit code of the tests.
 */
export async function runEndToEndTests(cluster: Cluster, focus: string, progress: Progress): Promise<number> {
  const program = await endToEndTests(progress);
  const images = await agnhostImages(progress);
  progress('images');
  for (const node of cluster.nodes) for (const image of images) await node.loadImage(image);
  const report = join(cluster.directory, 'e2e');
  mkdirSync(report, { recursive: true });
  const registries = join(report, 'registries.yaml');
  const places = Object.fromEntries(REGISTRIES.map((name) => [name, 'localhost']));
  writeFileSync(registries, stringify({ ...places, invalidRegistry: 'invalid.localhost' }));
  const [command = '', ...args] = cluster.api.inside([
    program,
    '--provider=skeleton',
    `--kubeconfig=${cluster.api.credentials.kubeconfig('admin')}`,
    `--kubectl-path=${join(cluster.api.programs, 'kubectl')}`,
    `--ginkgo.focus=${focus}`,
    '--ginkgo.no-color',
    '--ginkgo.succinct',
    '--allowed-not-ready-nodes=0',
    '--system-pods-startup-timeout=10s',
    `--report-dir=${report}`,
    '--disable-log-dump=true',
  ]);
  progress(`tests: ${focus}`);
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, KUBE_TEST_REPO_LIST: registries } });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
