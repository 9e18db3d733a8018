/**
 * Foreign tests of network policies, compiled from their Go modules: cyclonus, and the conformance tests of network-policy-api.
 *
 * Chosen: a copy of each module, built as its authors have it. Instead of: one Go module for all, as for Kubernetes' own programs. Because:
 * each wants another version of Kubernetes' client, and cyclonus has to be changed in two lines.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GO_PROGRAMS, hasGo } from '../support/go-programs.ts';
import { runProgram } from '../support/program.ts';
import { CYCLONUS_VERSION, POLICY_API_VERSION } from './policy-versions.ts';
import { COMPILER, go, holdLock, sourcesOf, type Progress } from './programs.ts';

/** A module, and the program that is built of it. */
interface Suite {
  readonly module: string;
  readonly version: string;
  /** Text that is put in another's place. */
  readonly changes: readonly { readonly file: string; readonly from: string; readonly to: string }[];
  readonly program: string;
  readonly package: string;
  /** Of `go`. */
  readonly command: readonly string[];
}

/** Of network-policy-api: its pods. */
const MANIFESTS = 'conformance/base/manifests.yaml';

/** Where its pods are that have to be kept from nodes, and none of those with the network of their node: there are two. */
const KEPT_FROM_NODES = 'n3';

const suites = {
  cyclonus: {
    module: 'github.com/mattfenwick/cyclonus',
    version: CYCLONUS_VERSION,
    changes: [
      // Its option is commented out. All questions of a pod are asked by one program in it then, and not by one `exec` each.
      {
        file: 'pkg/cli/generate.go',
        from: 'batchJobs := false // args.BatchJobs',
        to: 'batchJobs := true',
      },
      // It waits for more than half of the time, to ask the API no more than 5 times in a second.
      {
        file: 'pkg/kube/kubernetes.go',
        from: 'clientset, err := kubernetes.NewForConfig(kubeConfig)',
        to: 'kubeConfig.QPS = -1\n\tclientset, err := kubernetes.NewForConfig(kubeConfig)',
      },
    ],
    program: 'cyclonus',
    package: './cmd/cyclonus',
    command: ['build'],
  },
  policyApi: {
    module: 'sigs.k8s.io/network-policy-api',
    version: POLICY_API_VERSION,
    // A pod always reaches its own node, whatever policies say. Those that are kept from nodes have to be on another one.
    changes: [
      {
        file: MANIFESTS,
        from: '      containers:\n        - name: harry-potter-client\n',
        to: `      nodeSelector: {kubernetes.io/hostname: ${KEPT_FROM_NODES}}\n      containers:\n        - name: harry-potter-client\n`,
      },
      {
        file: MANIFESTS,
        from: '      hostNetwork: true\n',
        to: `      hostNetwork: true\n      affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: NotIn, values: [${KEPT_FROM_NODES}]}]}]}}}\n`,
      },
    ],
    program: 'conformance.test',
    package: './conformance',
    // Its authors have checked it.
    command: ['test', '-c', '-vet=off'],
  },
} as const satisfies Readonly<Record<string, Suite>>;

/** What asks in pods: see there. */
const PROBE = join(import.meta.dirname, 'programs/probe/main.go');

/** It is built unless it is there. @throws as {@link go} */
export async function cyclonusProgram(progress: Progress): Promise<string> {
  return await build(suites.cyclonus, progress);
}

/** The conformance tests of network-policy-api, as {@link cyclonusProgram}. */
export async function policyApiTests(progress: Progress): Promise<string> {
  return await build(suites.policyApi, progress);
}

/** What has to be in a cluster before there can be ClusterNetworkPolicies: all fields, or those that are standard. */
export async function policyApiDefinition(channel: 'experimental' | 'standard'): Promise<string> {
  const { module, version } = suites.policyApi;
  const sources = await sourcesOf(`${module}@v${version}`);
  return join(sources, 'config/crd', channel, 'policy.networking.k8s.io_clusternetworkpolicies.yaml');
}

/** What asks in pods of these tests. @throws as {@link go} */
export async function probeProgram(): Promise<string> {
  const recipe = createHash('sha256').update(readFileSync(PROBE)).digest('hex').slice(0, 8);
  const file = join(GO_PROGRAMS, `probe-${recipe}`);
  if (!existsSync(file)) await compile(file, ['build'], PROBE, dirname(PROBE));
  return file;
}

/** The program of a suite, which is built unless it is there. Of several that build, all but one wait. */
async function build(suite: Suite, progress: Progress): Promise<string> {
  const recipe = createHash('sha256').update(JSON.stringify(suite)).digest('hex').slice(0, 8);
  const directory = join(GO_PROGRAMS, `${suite.program}-${suite.version}-${recipe}`);
  const file = join(directory, suite.program);
  if (existsSync(file)) return file;
  if (!hasGo())
    throw new Error(`Go is missing, which ${suite.module} is compiled with: 1.26 or later, from https://go.dev/dl`);
  mkdirSync(directory, { recursive: true });
  const lock = await holdLock(join(directory, 'lock'), () =>
    progress(`waiting for ${suite.program}, which is being compiled`),
  );
  try {
    if (existsSync(file)) return file;
    progress(`compiling ${suite.program}: 2 minutes, once`);
    const copy = await copyOf(suite, directory);
    await compile(file, suite.command, suite.package, copy);
    rmSync(copy, { recursive: true });
  } finally {
    lock.release();
  }
  return file;
}

async function copyOf({ module, version, changes }: Suite, directory: string): Promise<string> {
  const copy = join(directory, 'source');
  rmSync(copy, { recursive: true, force: true });
  const original = await sourcesOf(`${module}@v${version}`);
  (await runProgram(['cp', '-r', '--no-preserve=mode', original, copy])).succeeded();
  for (const { file, from, to } of changes) {
    const path = join(copy, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${module} ${version}: ${file} has no ${from}`);
    writeFileSync(path, text.replace(from, to));
  }
  return copy;
}

/** A program is whole before it is in its place. */
async function compile(file: string, command: readonly string[], source: string, directory: string): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}-${process.pid}`;
  await go([...command, ...COMPILER, '-ldflags', '-s -w', '-o', draft, source], directory);
  renameSync(draft, file);
}
