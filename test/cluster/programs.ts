/**
 * Programs of Kubernetes, compiled from its Go module: nobody packages them for Debian, and there may be no way to an image registry.
 *
 * Chosen: one Go module for all of them, with the versions that Kubernetes itself was tested with. Instead of: `go install` for each.
 * Because: Kubernetes' module names its own parts by directories of its repository, which no other module can do; and what one program
 * has compiled, the next one has, too.
 */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { GO_PROGRAMS, hasGo } from '../support/go-programs.ts';
import { runProgram } from '../support/program.ts';

/** Of all programs. Kubernetes 1.35 and later want cgroup v2 and containerd 2. */
export const KUBERNETES_VERSION = '1.34.4';

/**
 * The newest that is content with the modules that Kubernetes has: so nearly all of it is compiled already. Later ones want others, and as
 * much would be compiled again.
 */
export const COREDNS_VERSION = '1.12.0';

/** As the module of this Kubernetes has it. */
export const ETCD_VERSION = '3.6.4';

/** One field that it sets, and that is the default, is gone from the client library of this Kubernetes. */
const COREDNS_CHANGE = { file: 'plugin/kubernetes/object/informer.go', without: /^\s*RetryOnError: +false,\n/m };

/** Programs that the executable is, depending on the name that it is started by. */
const PROGRAMS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubelet', 'kubectl'];

const SOURCES = join(import.meta.dirname, 'programs');

/** Programs of which only the main package is here. */
const MAIN_PACKAGES = ['kubernetes', 'pause', 'coredns'];

/** Told how far it is: `compiling kubernetes: 210 of 1500 packages`. */
export type Progress = (text: string) => void;

/** What can be built: its name, the package, what has to be said to whom waits for it. */
interface Target {
  readonly name: string;
  /** Of Kubernetes, or one of `programs/`, which begins with a dot. */
  readonly package: string;
  readonly isTest?: true;
  /** On two free processors, when nothing was compiled before. */
  readonly expected: string;
}

const targets = {
  kubernetes: { name: 'kubernetes', package: './kubernetes', expected: '5 to 10 minutes on two processors, once' },
  pause: { name: 'pause', package: './pause', expected: 'a few seconds' },
  coredns: { name: 'coredns', package: './coredns', expected: 'half a minute, once' },
  kubeadm: { name: 'kubeadm', package: 'k8s.io/kubernetes/cmd/kubeadm', expected: 'half a minute, once' },
  etcd: { name: 'etcd', package: 'go.etcd.io/etcd/server/v3', expected: 'a minute, once' },
  agnhost: { name: 'agnhost', package: 'k8s.io/kubernetes/test/images/agnhost', expected: 'half a minute, once' },
  outOfOrder: {
    name: 'regression-issue-74839',
    package: 'k8s.io/kubernetes/test/images/regression-issue-74839',
    expected: 'a few seconds',
  },
  e2e: { name: 'e2e.test', package: 'k8s.io/kubernetes/test/e2e', isTest: true, expected: '3 to 5 minutes, once' },
} as const satisfies Readonly<Record<string, Target>>;

/** Directory with `kube-apiserver`, `kubelet`, `kubectl` and so on, which are built unless they are there. @throws Error as {@link build} */
export async function kubernetesPrograms(progress: Progress): Promise<string> {
  const file = await build(targets.kubernetes, progress);
  return join(file, '..');
}

/** The program that holds the namespaces of a pod. @throws Error as {@link build} */
export async function pauseProgram(progress: Progress): Promise<string> {
  return await build(targets.pause, progress);
}

/** The program that answers for the names of services. @throws Error as {@link build} */
export async function corednsProgram(progress: Progress): Promise<string> {
  return await build(targets.coredns, progress);
}

/** What kind makes a cluster with. @throws Error as {@link build} */
export async function kubeadmProgram(progress: Progress): Promise<string> {
  return await build(targets.kubeadm, progress);
}

/** The etcd that Kubernetes' own module has, which kubeadm knows how to start: Debian's is too old for it. @throws Error as {@link build} */
export async function etcdOfKubernetes(progress: Progress): Promise<string> {
  return await build(targets.etcd, progress);
}

/** The program of Kubernetes' test images. @throws Error as {@link build} */
export async function agnhostProgram(progress: Progress): Promise<string> {
  return await build(targets.agnhost, progress);
}

/** A server of Kubernetes' tests that sends packets out of order. @throws Error as {@link build} */
export async function outOfOrderProgram(progress: Progress): Promise<string> {
  return await build(targets.outOfOrder, progress);
}

/** Kubernetes' own end-to-end tests. @throws Error as {@link build} */
export async function endToEndTests(progress: Progress): Promise<string> {
  return await build(targets.e2e, progress);
}

/** Where Go keeps the sources of Kubernetes, which has files that are not compiled, such as certificates of test images. */
export async function kubernetesSources(): Promise<string> {
  return await sourcesOf(`k8s.io/kubernetes@v${KUBERNETES_VERSION}`);
}

/** Where Go keeps the sources of a module: `sigs.k8s.io/kind@v0.30.0`. @throws Error if Go is missing, or the module cannot be had. */
export async function sourcesOf(module: string): Promise<string> {
  mkdirSync(GO_PROGRAMS, { recursive: true });
  const output = await go(['mod', 'download', '-json', module], GO_PROGRAMS);
  return (JSON.parse(output) as { readonly Dir: string }).Dir;
}

/**
 * The path of a program, which is built unless it is there. Of several that build, all but one wait.
 *
 * @throws Error if Go is missing, or it cannot be built.
 */
async function build(target: Target, progress: Progress): Promise<string> {
  const directory = join(GO_PROGRAMS, `kubernetes-${KUBERNETES_VERSION}-${recipe()}`);
  const file = join(directory, target.name);
  if (existsSync(file)) return file;
  if (!hasGo())
    throw new Error(`Go is missing, which Kubernetes is compiled with: 1.24 or later, from https://go.dev/dl`);
  mkdirSync(directory, { recursive: true });
  const lock = await holdLock(join(directory, 'lock'), () =>
    progress(`waiting for ${target.name}, which is being compiled`),
  );
  try {
    if (existsSync(file)) return file;
    await makeModule(directory);
    if (target.name === 'coredns') await changeCoreDns(directory);
    await compile(target, directory, progress);
  } finally {
    lock.release();
  }
  return file;
}

/** Changes with everything that a program depends on, but for Go itself. */
function recipe(): string {
  const hash = createHash('sha256').update(JSON.stringify([COMPILER, linkerFlags(), moduleText('')]));
  for (const name of MAIN_PACKAGES) hash.update(readFileSync(join(SOURCES, name, 'main.go')));
  return hash.digest('hex').slice(0, 8);
}

/** No debugging information is made, to drop it afterwards. */
export const COMPILER = ['-trimpath', '-gcflags=all=-dwarf=false'];

/** The kubelet registers the version that it was linked with, and tests compare it. */
function linkerFlags(): string {
  const [major, minor] = KUBERNETES_VERSION.split('.');
  const values = { gitVersion: `v${KUBERNETES_VERSION}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const packages = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'];
  const settings = packages.flatMap((name) =>
    Object.entries(values).map(([key, value]) => `-X ${name}.${key}=${value}`),
  );
  return ['-s -w', ...settings].join(' ');
}

/** A `go.mod` from that of Kubernetes: its parts are modules with versions, and no directories. */
function moduleText(original: string): string {
  return `${original
    .replace(/^module .*$/m, 'module weft.invalid/cluster')
    .replace(/=> \.\/staging\/src\/(k8s\.io\/[a-z-]+)/g, `=> $1 v${KUBERNETES_VERSION.replace(/^1/, '0')}`)}
require k8s.io/kubernetes v${KUBERNETES_VERSION}
require github.com/coredns/coredns v${COREDNS_VERSION}
// As Kubernetes has it: another one, and all that uses it, would be compiled twice.
replace github.com/davecgh/go-spew => github.com/davecgh/go-spew v1.1.1
`;
}

async function makeModule(directory: string): Promise<void> {
  const original = await kubernetesSources();
  writeFileSync(join(directory, 'go.mod'), moduleText(readFileSync(join(original, 'go.mod'), 'utf8')));
  writeFileSync(join(directory, 'go.sum'), readFileSync(join(original, 'go.sum')));
  for (const name of MAIN_PACKAGES) {
    mkdirSync(join(directory, 'source', name), { recursive: true });
    copyFileSync(join(SOURCES, name, 'main.go'), join(directory, 'source', name, 'main.go'));
  }
}

async function compile(target: Target, directory: string, progress: Progress): Promise<void> {
  const path = target.package.replace(/^\.\//, './source/');
  progress(`compiling ${target.name}: ${target.expected}`);
  const dependencies = await go(['list', '-deps', ...(target.isTest ? ['-test'] : []), path], directory);
  const total = dependencies.trim().split('\n').length;
  const parts = mkdtempSync(join(directory, 'build-'));
  try {
    const flags = ['-v', ...COMPILER, '-ldflags', linkerFlags(), '-o', join(parts, target.name), path];
    let done = 0;
    // Kubernetes has checked its tests: go vet would take as long again.
    await go([...(target.isTest ? ['test', '-c', '-vet=off'] : ['build']), ...flags], directory, () => {
      done++;
      progress(`compiling ${target.name}: ${done} of at most ${total} packages`);
    });
    if (target.name === 'kubernetes') for (const name of PROGRAMS) link(directory, name);
    renameSync(join(parts, target.name), join(directory, target.name));
  } finally {
    rmSync(parts, { recursive: true, force: true });
  }
}

/** Copies CoreDNS, which has to be changed, and has the module use the copy. */
async function changeCoreDns(directory: string): Promise<void> {
  const original = await sourcesOf(`github.com/coredns/coredns@v${COREDNS_VERSION}`);
  const copy = join(directory, 'source', 'coredns-module');
  rmSync(copy, { recursive: true, force: true });
  (await runProgram(['cp', '-r', '--no-preserve=mode', original, copy])).succeeded();
  const file = join(copy, COREDNS_CHANGE.file);
  writeFileSync(file, readFileSync(file, 'utf8').replace(COREDNS_CHANGE.without, ''));
  appendFileSync(join(directory, 'go.mod'), 'replace github.com/coredns/coredns => ./source/coredns-module\n');
}

function link(directory: string, name: string): void {
  rmSync(join(directory, name), { force: true });
  symlinkSync('kubernetes', join(directory, name));
}

/** Runs `go`. @param heard is told each line of its standard error. @throws Error with the end of what it said. */
export async function go(
  args: readonly string[],
  directory: string,
  heard: (line: string) => void = () => {},
): Promise<string> {
  const settings = { GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0', GOWORK: 'off' };
  const child = spawn('go', args, { cwd: directory, env: { ...process.env, ...settings } });
  const said: string[] = [];
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  createInterface(child.stderr).on('line', (line) => {
    said.push(line);
    heard(line);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return output;
  throw new Error(`go ${args.slice(0, 2).join(' ')} ended with ${code}: ${said.slice(-20).join('\n')}`);
}

/** A lock that is held. */
export interface Lock {
  readonly release: () => void;
}

/** Holds a lock on a file until it is released, or this process ends: flock(1) holds it as long as its standard input is open. */
export async function holdLock(file: string, whileWaiting: () => void): Promise<Lock> {
  const isFree = (await runProgram(['flock', '--nonblock', file, 'true'])).exitCode === 0;
  if (!isFree) whileWaiting();
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; read -r _'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'exit').then(() => Promise.reject(new Error('flock ended'))),
  ]);
  return { release: () => holder.stdin.end() };
}
