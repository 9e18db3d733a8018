/** A node of a cluster: namespaces, in which containerd, kubelet and kube-proxy run as on a machine of its own. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { namespacePath } from '../../src/lab/lab-directory.ts';
import type { NodePlan } from '../../src/lab/topology.ts';
import { bareAddress } from '../../src/lab/topology.ts';
import { processesInNamespaces } from '../../src/lab/process-identity.ts';
import { killTasksOf } from '../support/cgroups.ts';
import { runProgram, type ProgramResult } from '../support/program.ts';
import { until } from '../support/until.ts';
import { Background, childrenOf } from './background.ts';
import { makeCgroup } from './cgroup.ts';
import type { Credentials } from './credentials.ts';
import { containerdConfiguration, kubeletConfiguration, proxyConfiguration } from './node-configuration.ts';

const INIT = join(import.meta.dirname, 'node-init');

/** Name of its first process among those that run in the background. */
const KEEPER = 'namespaces';

/** On a busy machine. */
const START_DEADLINE_MS = 60_000;

export class ClusterNode {
  readonly plan: NodePlan;
  readonly background: Background;
  /** What it writes. */
  readonly directory: string;
  readonly #credentials: Credentials;
  readonly #programs: string;

  /** @param directory of the cluster. @param programs directory of kubelet and kube-proxy. */
  constructor(plan: NodePlan, directory: string, credentials: Credentials, programs: string) {
    this.plan = plan;
    this.directory = join(directory, plan.name);
    this.background = new Background(join(this.directory, 'programs'));
    this.#credentials = credentials;
    this.#programs = programs;
  }

  get name(): string {
    return this.plan.name;
  }

  /** Underlay addresses, IPv4 first. */
  get addresses(): string[] {
    return this.plan.underlayAddresses.map(bareAddress);
  }

  /** Name of its control group, the same in each hierarchy. */
  get cgroup(): string {
    return cgroupOf(this.plan);
  }

  /** Makes the namespaces, and starts containerd with images, from archives. */
  async start(images: readonly string[]): Promise<void> {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    rmSync(join(this.directory, 'ready'), { force: true });
    makeCgroup(this.cgroup);
    await this.#forward();
    // By nsenter, not `ip netns exec`: that mounts another /sys, in which there are no cgroups.
    const namespaces = ['unshare', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child'];
    const enter = ['nsenter', `--net=${namespacePath(this.plan.netns)}`, '--'];
    this.background.start(KEEPER, [...enter, ...namespaces, INIT, this.name, this.directory]);
    await until(
      `node ${this.name} has its namespaces`,
      () => {
        this.background.mustRun(KEEPER);
        return existsSync(join(this.directory, 'ready'));
      },
      START_DEADLINE_MS,
    );
    await this.startContainerd();
    for (const image of images) await this.loadImage(image);
  }

  async startContainerd(): Promise<void> {
    const file = join(this.directory, 'containerd.toml');
    writeFileSync(file, containerdConfiguration());
    this.run('containerd', ['containerd', '--config', file]);
    await until(
      `containerd of ${this.name} answers`,
      async () => {
        this.background.mustRun('containerd');
        return (await this.try('ctr', 'version')).exitCode === 0;
      },
      START_DEADLINE_MS,
    );
  }

  /** Gives containerd an image, from an archive. */
  async loadImage(archive: string): Promise<void> {
    await this.exec('ctr', '-n', 'k8s.io', 'images', 'import', archive);
  }

  /**
   * Starts the kubelet, which registers the node when the API server answers.
   *
   * @param settings of its configuration, beside the usual ones.
   * @param name of the Node object.
   */
  startKubelet(settings: object = {}, name = this.name): void {
    const file = join(this.directory, 'kubelet.yaml');
    writeFileSync(file, kubeletConfiguration(this.#credentials.authority, this.cgroup, settings));
    const kubeconfig = this.#credentials.kubeconfig(name);
    // Each a zone of its own: what is spread over zones, and prefers its own, has some.
    const zone = ['--node-labels', `topology.kubernetes.io/zone=${this.name}`];
    const identity = ['--hostname-override', name, '--node-ip', this.addresses.join(','), ...zone];
    this.run('kubelet', [join(this.#programs, 'kubelet'), '--config', file, '--kubeconfig', kubeconfig, ...identity]);
  }

  /** @param name of the Node object */
  startProxy(name = this.name): void {
    const file = join(this.directory, 'kube-proxy.yaml');
    writeFileSync(file, proxyConfiguration(name, this.#credentials.kubeconfig('proxy')));
    this.run('kube-proxy', [join(this.#programs, 'kube-proxy'), '--config', file]);
  }

  /** Ends everything in the node at once, as when its power fails; its devices and rules stay. {@link start} starts it again. */
  async kill(): Promise<void> {
    const { names } = this.background;
    await this.background.end('SIGKILL', ...names);
    await killTasksOf(this.cgroup);
    // What was mounted in the node goes with its last process.
    await until(
      `node ${this.name} has ended`,
      () => processesInNamespaces([namespacePath(this.plan.netns)]).length === 0,
    );
  }

  /** Starts a program in the node that goes on until it ends, or the node does. */
  run(name: string, argv: readonly string[]): void {
    this.background.start(name, this.inside(argv));
  }

  /** Runs a command in the node, from `/`, whatever the exit code. */
  async try(...argv: readonly string[]): Promise<ProgramResult> {
    return await runProgram(this.inside(argv));
  }

  /** As {@link try}, and it has to succeed. Gives what it printed. */
  async exec(...argv: readonly string[]): Promise<string> {
    return (await this.try(...argv)).succeeded();
  }

  /** A command in the node, as arguments of a process. @throws Error unless the node runs. */
  inside(argv: readonly string[]): string[] {
    return ['nsenter', '-t', `${this.#firstProcess()}`, '-m', '-u', '-i', '-n', '-p', '--', ...argv];
  }

  /** A command of the machine in a network namespace of the node, as arguments of a process. Signals for that process are for the command. */
  inNetwork(netns: string, argv: readonly string[]): string[] {
    // A link that leads back to the root would lead to that of the machine.
    const path = netns.replace(/^\/var\/run\//, '/run/');
    return ['nsenter', `--net=/proc/${this.#firstProcess()}/root${path}`, '--', ...argv];
  }

  /** Number of the process that is the first one in the node, as it is seen from outside. */
  #firstProcess(): number {
    const keeper = this.background.process(KEEPER);
    if (keeper === undefined) throw new Error(`node ${this.name} does not run`);
    const [first] = childrenOf(keeper);
    if (first === undefined) throw new Error(`node ${this.name} does not run`);
    return first.pid;
  }

  /** Lets packets pass from one device of the node to another, as Kubernetes asks of nodes. */
  async #forward(): Promise<void> {
    const settings = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.rp_filter=0'];
    const command = ['nsenter', `--net=${namespacePath(this.plan.netns)}`, '--', 'sysctl', '-qw', ...settings];
    (await runProgram(command)).succeeded();
  }
}

/** Name of the control group of a node. */
export function cgroupOf({ netns }: NodePlan): string {
  return `weft-${netns}`;
}

/** Names of programs that were started in nodes, as they are on disk. */
export function nodesOnDisk(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => existsSync(join(directory, name, 'programs')));
}
