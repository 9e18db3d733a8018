/**
 * A Docker engine of a cluster's own, in namespaces of its own, for machines where none runs and no registry can be asked: its network,
 * processes, mounts, data and control groups are apart from those of any other engine, and go with it.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RequirementError } from '../../src/errors.ts';
import { endProcesses } from '../../src/lab/daemon-process.ts';
import { namespacePath } from '../../src/lab/lab-directory.ts';
import { processesInNamespaces } from '../../src/lab/process-identity.ts';
import { Background } from '../cluster/background.ts';
import { kubernetesPrograms, type Progress } from '../cluster/programs.ts';
import { writeWeftImage } from '../cluster/weft-image.ts';
import { killTasksOf, removeCgroups } from '../support/cgroups.ts';
import { unmountBelow } from '../support/mounts.ts';
import { runProgram } from '../support/program.ts';
import { until } from '../support/until.ts';
import { WEFT_IMAGE, type Engine, type NodeImage } from './engine.ts';
import { kindProgram } from './kind-program.ts';
import { LOCAL_IMAGES } from './node-image-contents.ts';
import { NODE_IMAGE, NODE_IMAGE_CHANGES, nodeImageArchive } from './node-image.ts';
import { kindDirectory } from './places.ts';

const INIT = join(import.meta.dirname, 'engine-init');
const RUNTIME = join(import.meta.dirname, 'runc-without-resource');

/** Its first process among those that run in the background. */
const ENGINE = 'engine';

/** On a busy machine. */
const START_DEADLINE_MS = 90_000;

/** Bit of CAP_SYS_RESOURCE in the set of capabilities (capabilities(7)). */
const CAP_SYS_RESOURCE = 24n;

/** The kubelets of kind's nodes write them for the whole machine. */
const SYSCTLS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

export class OwnEngine implements Engine {
  readonly #name: string;
  readonly #directory: string;
  readonly #programs: readonly string[];
  readonly #kubeconfig: string;

  private constructor(name: string, programs: readonly string[], kubeconfig: string) {
    this.#name = engineName(name);
    this.#directory = engineDirectory(name);
    this.#programs = programs;
    this.#kubeconfig = kubeconfig;
  }

  /** One that runs, or did. What it needs is built unless it is there. */
  static async open(name: string, kubeconfig: string, progress: Progress): Promise<OwnEngine> {
    const programs = [await kubernetesPrograms(progress), dirname(await kindProgram())];
    return new OwnEngine(name, programs, kubeconfig);
  }

  /** Starts it, and waits until it answers. Whoever called it calls {@link removeOwnEngine}, whatever happens. @throws Error with the end of its log */
  async start(): Promise<void> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.#directory, 'sysctls.json'), JSON.stringify(sysctls()));
    writeFileSync(join(this.#directory, 'engine.json'), JSON.stringify(this.#configuration()));
    (await runProgram(['ip', 'netns', 'add', this.#name])).succeeded();
    const namespaces = ['unshare', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child'];
    const background = new Background(join(this.#directory, 'programs'));
    background.start(ENGINE, [...this.#enter(), ...namespaces, INIT, this.#directory]);
    await until(
      'the engine answers',
      async () => {
        background.mustRun(ENGINE);
        return existsSync(this.#socket) && (await runProgram(this.command('docker', 'version'))).exitCode === 0;
      },
      START_DEADLINE_MS,
    );
  }

  command(...argv: readonly string[]): string[] {
    const environment = [
      `DOCKER_HOST=unix://${this.#socket}`,
      `DOCKER_CONFIG=${this.#directory}`,
      `KUBECONFIG=${this.#kubeconfig}`,
      `PATH=${[...this.#programs, process.env['PATH'] ?? ''].join(':')}`,
    ];
    return [...this.#enter(), 'env', ...environment, ...argv];
  }

  async nodeImage(progress: Progress): Promise<NodeImage> {
    const archive = await nodeImageArchive(progress);
    progress('giving the engine the image of the nodes');
    const changes = NODE_IMAGE_CHANGES.flatMap((change) => ['--change', change]);
    (await runProgram(this.command('docker', 'import', ...changes, archive, NODE_IMAGE))).succeeded();
    return { name: NODE_IMAGE, images: LOCAL_IMAGES };
  }

  async weftImage(directory: string, progress: Progress): Promise<string> {
    progress('building the image of weft');
    const archive = await writeWeftImage(directory, WEFT_IMAGE);
    // As where it is built by the engine: for containers outside of the cluster.
    (await runProgram(this.command('docker', 'load', '--input', archive))).succeeded();
    return archive;
  }

  get #socket(): string {
    return join(this.#directory, 'docker.sock');
  }

  /** By nsenter, not `ip netns exec`: that mounts another /sys, in which there are no cgroups. */
  #enter(): string[] {
    return ['nsenter', `--net=${namespacePath(this.#name)}`, '--'];
  }

  #configuration(): object {
    return {
      hosts: [`unix://${this.#socket}`],
      group: 'root',
      'data-root': join(this.#directory, 'data'),
      'exec-root': '/run/docker',
      pidfile: '/run/docker.pid',
      'storage-driver': 'overlay2',
      'cgroup-parent': `/${this.#name}`,
      'exec-opts': ['native.cgroupdriver=cgroupfs'],
      'default-cgroupns-mode': 'private',
      'oom-score-adjust': 0,
      // Nobody outside is asked.
      dns: ['127.0.0.1'],
      ...(hasResourceRight() ? {} : { runtimes: { lower: { path: RUNTIME } }, 'default-runtime': 'lower' }),
    };
  }
}

/** What was there of an engine, and is gone. */
export interface EngineRemoval {
  readonly processes: number;
}

/** Ends it with all that it runs, and removes what is left but for its files. Nothing there is no error. */
export async function removeOwnEngine(name: string): Promise<EngineRemoval> {
  const [engine, directory] = [engineName(name), engineDirectory(name)];
  const namespaces = [engine].filter((netns) => existsSync(namespacePath(netns)));
  const background = new Background(join(directory, 'programs'));
  const started = background.names.flatMap((one) => background.process(one) ?? []);
  const inside = processesInNamespaces(namespaces.map(namespacePath));
  const processes = new Map([...started, ...inside].map((one) => [one.pid, one]));
  // Containers end with the first process of their namespaces, which ends with the engine.
  await endProcesses([...processes.values()], 'SIGKILL');
  await killTasksOf(engine);
  removeCgroups(engine);
  for (const netns of namespaces) (await runProgram(['ip', 'netns', 'delete', netns])).succeeded();
  await unmountBelow(directory);
  restoreSysctls(join(directory, 'sysctls.json'));
  rmSync(directory, { recursive: true, force: true });
  return { processes: processes.size };
}

/** Also of its network namespace, and of its control groups. */
function engineName(name: string): string {
  return `weft-kind-${name}`;
}

function engineDirectory(name: string): string {
  return join(kindDirectory(name), 'engine');
}

function hasResourceRight(): boolean {
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

function sysctls(): Record<string, string> {
  const there = SYSCTLS.filter((name) => existsSync(join('/proc/sys', name)));
  return Object.fromEntries(there.map((name) => [name, readFileSync(join('/proc/sys', name), 'utf8').trim()]));
}

function restoreSysctls(file: string): void {
  if (!existsSync(file)) return;
  const before = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, string>>;
  for (const [name, value] of Object.entries(before)) {
    const path = join('/proc/sys', name);
    if (readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, value);
  }
}

/** @throws RequirementError unless an engine can be started here */
export async function checkOwnEngine(): Promise<void> {
  if (process.geteuid?.() !== 0)
    throw new RequirementError(
      'not-root',
      "an engine of the cluster's own needs root, to make namespaces: run it with sudo",
    );
  for (const program of ['dockerd', 'docker', 'containerd', 'mmdebstrap']) {
    if ((await runProgram(['sh', '-c', `command -v ${program}`])).exitCode === 0) continue;
    throw new RequirementError('program-missing', `${program} is missing, which an engine of the cluster's own needs`);
  }
}
