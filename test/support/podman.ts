/** A podman of a test's own, with CNI as its network, in the network namespace of a node of a lab. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUSYBOX_IMAGE, writeBusyboxImage } from './busybox-image.ts';
import { killTasksOf, removeCgroups } from './cgroups.ts';
import { unmountBelow } from './mounts.ts';
import { runProgram, type ProgramResult } from './program.ts';
import type { TestLab } from './test-lab.ts';

export interface PodmanOptions {
  readonly lab: TestLab;
  readonly node: string;
  /** Folder of the CNI plugins. */
  readonly plugins: string;
  /** The network that containers are put into: a conflist. */
  readonly conflist: { readonly name: string };
}

export class Podman {
  readonly #options: PodmanOptions;
  readonly #directory: string;
  readonly #cgroup: string;

  private constructor(options: PodmanOptions) {
    this.#options = options;
    this.#directory = mkdtempSync(join(tmpdir(), `weft-podman-${options.lab.name}-`));
    this.#cgroup = `weft-podman-${options.lab.name}`;
  }

  /** Whoever called it calls {@link remove}, whatever happens. */
  static async prepare(options: PodmanOptions): Promise<Podman> {
    const podman = new Podman(options);
    try {
      mkdirSync(join(podman.#directory, 'net.d'));
      writeFileSync(
        join(podman.#directory, `net.d/10-${options.conflist.name}.conflist`),
        JSON.stringify(options.conflist),
      );
      writeFileSync(join(podman.#directory, 'containers.conf'), podman.#config());
      (await podman.run('load', '--input', await writeBusyboxImage(podman.#directory))).succeeded();
      return podman;
    } catch (error) {
      await podman.remove();
      throw error;
    }
  }

  /** `podman ARGS`, whatever its exit code. */
  async run(...args: readonly string[]): Promise<ProgramResult> {
    const { lab, node } = this.#options;
    const inside = (path: string): string => join(this.#directory, path);
    const options = ['--storage-driver', 'overlay', '--cgroup-manager', 'cgroupfs'];
    const places = ['--root', inside('root'), '--runroot', inside('run'), '--tmpdir', inside('tmp')];
    const podman = lab.inside(node, ['podman', ...options, ...places, ...args]);
    return await runProgram(['env', `CONTAINERS_CONF=${inside('containers.conf')}`, ...podman]);
  }

  /** Starts a container of the test's image. @returns its id. */
  async start(name: string, options: readonly string[], ...command: readonly string[]): Promise<string> {
    const fixed = ['--pull=never', '--cgroup-parent', this.#cgroup, '--name', name];
    const args = ['run', '-d', ...fixed, ...options, BUSYBOX_IMAGE, ...command];
    return (await this.run(...args)).succeeded().trim();
  }

  async remove(): Promise<void> {
    await this.run('rm', '--all', '--force', '--time', '0');
    await killTasksOf(this.#cgroup);
    removeCgroups(this.#cgroup);
    await unmountBelow(this.#directory);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #config(): string {
    const { plugins, conflist } = this.#options;
    return `[network]
network_backend = "cni"
cni_plugin_dirs = [${JSON.stringify(plugins)}]
network_config_dir = ${JSON.stringify(join(this.#directory, 'net.d'))}
default_network = ${JSON.stringify(conflist.name)}
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
# Those of the host may be more than a test is allowed.
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
`;
  }
}
