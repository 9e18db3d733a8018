/** A containerd of a test's own, in the network namespace of a node of a lab: what a kubelet would have there. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeBusyboxImage, BUSYBOX_IMAGE } from './busybox-image.ts';
import { killTasksOf, removeCgroups } from './cgroups.ts';
import { CriClient, type SandboxConfig } from './cri-client.ts';
import { unmountBelow } from './mounts.ts';
import { runProgram, type Program } from './program.ts';
import type { TestLab } from './test-lab.ts';
import { until } from './until.ts';

const CNI_NOTES = '/var/lib/cni/results';

/** Containerd starts within a second or two, on a machine that has the time. */
const START_DEADLINE_MS = 60_000;

export interface ContainerdOptions {
  readonly lab: TestLab;
  readonly node: string;
  /** Folders of the CNI plugins. Containerd takes one; the others are linked into it. */
  readonly plugins: string;
  /** The network that pods are put into: a conflist. */
  readonly conflist: object;
}

export class Containerd {
  readonly node: string;
  readonly cri: CriClient;
  readonly #options: ContainerdOptions;
  readonly #directory: string;
  readonly #cgroup: string;
  #program: Program | undefined;

  private constructor(options: ContainerdOptions) {
    this.#options = options;
    this.node = options.node;
    this.#directory = mkdtempSync(join(tmpdir(), `weft-${options.lab.name}-${options.node}-`));
    this.#cgroup = `weft-${options.lab.name}-${options.node}`;
    this.cri = new CriClient(this.socket);
  }

  get socket(): string {
    return join(this.#directory, 'containerd.sock');
  }

  /** Whoever called it calls {@link remove}, whatever happens. */
  static async start(options: ContainerdOptions): Promise<Containerd> {
    const runtime = new Containerd(options);
    try {
      mkdirSync(join(runtime.#directory, 'net.d'));
      writeFileSync(join(runtime.#directory, 'net.d/10-weft.conflist'), JSON.stringify(options.conflist));
      writeFileSync(join(runtime.#directory, 'config.toml'), runtime.#config());
      await runtime.#run();
      const image = await writeBusyboxImage(runtime.#directory);
      await runtime.#ctr('-n', 'k8s.io', 'images', 'import', image);
      await until(
        `containerd of ${runtime.node} has read its network`,
        async () => (await runtime.cri.networkReady()) === true,
        START_DEADLINE_MS,
      );
      return runtime;
    } catch (error) {
      await runtime.remove();
      throw error;
    }
  }

  /** Ends containerd alone, by SIGKILL, and starts it again: containers go on meanwhile. */
  async restart(): Promise<void> {
    await this.#program?.end('SIGKILL');
    await this.#run();
  }

  /** Ends containerd and all containers at once, as a node does that goes down, and starts containerd again. */
  async crash(): Promise<void> {
    await this.#program?.end('SIGKILL');
    for (const id of shimsOf(this.socket)) process.kill(id, 'SIGKILL');
    await killTasksOf(this.#cgroup);
    await this.#run();
  }

  /** What a sandbox of a pod is to be. Each one has an id of its own. */
  pod(name: string, more: Partial<SandboxConfig> = {}): SandboxConfig {
    const uid = `${name}-${Math.random().toString(36).slice(2)}`;
    return { name, namespace: 'default', uid, cgroupParent: `/${this.#cgroup}`, ...more };
  }

  /** A container of the test's image in a sandbox. @returns its id. */
  async container(sandbox: string, pod: SandboxConfig, name: string, ...command: readonly string[]): Promise<string> {
    return await this.cri.runContainer(sandbox, pod, name, BUSYBOX_IMAGE, command);
  }

  /** Ends all containers, then containerd, and removes what both leave behind. */
  async remove(): Promise<void> {
    this.cri.close();
    await killTasksOf(this.#cgroup);
    // Its shims are its children no longer; they end with what they look after.
    await this.#program?.end('SIGKILL').catch(() => undefined);
    for (const id of shimsOf(this.socket)) process.kill(id, 'SIGKILL');
    await unmountBelow(this.#directory);
    removeCgroups(this.#cgroup);
    forgetNetworksOf(this.cri.sandboxes);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #run(): Promise<void> {
    const { lab, node } = this.#options;
    // By nsenter, not `ip netns exec`: that mounts another /sys, in which runc finds no cgroups.
    this.#program = lab.background(node, 'containerd', '--config', join(this.#directory, 'config.toml'));
    await until(
      `containerd of ${node} answers`,
      async () => {
        const { child, stderr } = this.#program!;
        if (child.exitCode !== null) throw new Error(`containerd ended: ${stderr.slice(-2_000)}`);
        return (await runProgram(['ctr', '-a', this.socket, 'version'])).exitCode === 0;
      },
      START_DEADLINE_MS,
    );
    await until(
      `the CRI of ${node} answers`,
      async () =>
        this.cri.networkReady().then(
          () => true,
          () => false,
        ),
      START_DEADLINE_MS,
    );
  }

  async #ctr(...args: readonly string[]): Promise<void> {
    (await runProgram(['ctr', '-a', this.socket, ...args])).succeeded();
  }

  #config(): string {
    const inside = (path: string): string => JSON.stringify(join(this.#directory, path));
    const cri = 'plugins."io.containerd.grpc.v1.cri"';
    return `version = 2
root = ${inside('root')}
state = ${inside('state')}
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = ${JSON.stringify(this.socket)}
[${cri}]
  sandbox_image = ${JSON.stringify(BUSYBOX_IMAGE)}
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true
[${cri}.cni]
  bin_dir = ${JSON.stringify(this.#options.plugins)}
  conf_dir = ${inside('net.d')}
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
[plugins."io.containerd.internal.v1.opt"]
  path = ${inside('opt')}
`;
  }
}

/** Removes what the runtime's CNI library noted of the networks of these sandboxes: where it does that, no configuration says. */
function forgetNetworksOf(sandboxes: readonly string[]): void {
  const notes = existsSync(CNI_NOTES) ? readdirSync(CNI_NOTES) : [];
  for (const note of notes)
    if (sandboxes.some((sandbox) => note.includes(sandbox))) rmSync(join(CNI_NOTES, note), { force: true });
}

/** Process ids of the shims of a containerd: one for each sandbox. */
function shimsOf(socket: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').includes(socket) ? [Number(entry)] : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}
