/**
 * A whole Kubernetes cluster on this machine: etcd, a control plane, nodes with containerd, kubelet and kube-proxy, on an underlay like that
 * of a lab. The control plane is in the network of the first node, as in kind: it reaches pods as any node does.
 */
import { join } from 'node:path';
import { RequirementError } from '../../src/errors.ts';
import { namespacePath } from '../../src/lab/lab-directory.ts';
import { bareAddress, type LabPlan } from '../../src/lab/topology.ts';
import { underlayBatches } from '../../src/lab/underlay-links.ts';
import { runCommand } from '../../src/linux/command.ts';
import type { ProgramResult } from '../support/program.ts';
import { until } from '../support/until.ts';
import { ApiServer, USUAL_PORTS } from './api-server.ts';
import { Background } from './background.ts';
import { clusterDns } from './cluster-dns.ts';
import type { TestedCluster } from './end-to-end.ts';
import { startControllers } from './control-plane.ts';
import { forwardToHost } from './host-access.ts';
import { writeBaseImages } from './images.ts';
import { ClusterNode } from './node.ts';
import { installPodNetwork, weft } from './pod-network.ts';
import { clusterDirectory, createClusterDirectory, loadCluster, planCluster, type ClusterSpec } from './places.ts';
import type { PolicyCluster } from './policy-suites.ts';
import { kubernetesPrograms, type Progress } from './programs.ts';
import { takeDown } from './removal.ts';

/** On a busy machine; without one it is 10 to 15 seconds. */
const READY_DEADLINE_MS = 180_000;

export class Cluster {
  readonly spec: ClusterSpec;
  readonly directory: string;
  readonly plan: LabPlan;
  readonly api: ApiServer;
  readonly nodes: readonly ClusterNode[];
  readonly background: Background;

  private constructor(spec: ClusterSpec, programs: string) {
    this.spec = spec;
    this.plan = planCluster(spec);
    this.directory = clusterDirectory(spec.name);
    this.api = new ApiServer(apiServerPlan(this.plan, this.directory), programs);
    this.background = new Background(join(this.directory, 'control-plane'));
    this.nodes = this.plan.nodes.map(
      (node) => new ClusterNode(node, this.directory, this.api.credentials, this.api.programs),
    );
  }

  /** One that is up. @throws NotFoundError `cluster-not-found` */
  static async open(name: string): Promise<Cluster> {
    return new Cluster(loadCluster(name), await kubernetesPrograms(() => {}));
  }

  /**
   * Makes a cluster, and waits until its nodes are ready; without a pod network, until they have registered. What is not built yet is built,
   * which takes minutes. What fails half-way is taken down again.
   *
   * @param progress told each step as it begins.
   * @param interruption ends the attempt as an error does.
   * @throws ConflictError `cluster-exists`; RequirementError; Error with the end of a log.
   */
  static async up(
    spec: ClusterSpec,
    progress: Progress = () => {},
    interruption = new AbortController().signal,
  ): Promise<Cluster> {
    planCluster(spec);
    if (process.geteuid?.() !== 0)
      throw new RequirementError('not-root', 'a cluster needs root, to make namespaces: run it with sudo');
    const programs = await kubernetesPrograms(progress);
    createClusterDirectory(spec);
    const cluster = new Cluster(spec, programs);
    try {
      await cluster.#start(progress, interruption);
    } catch (error) {
      await takeDown(spec.name);
      throw error;
    }
    return cluster;
  }

  /** Removes it, with all that runs in it. */
  async down(): Promise<void> {
    await takeDown(this.spec.name);
  }

  node(name: string): ClusterNode {
    const node = this.nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}; there are ${this.plan.spec.nodes}, from n1 on`);
    return node;
  }

  /** `weft ARGS`, asked of the daemon of a node, which has to succeed. Gives what it printed. */
  async weft(node: string, ...args: readonly string[]): Promise<string> {
    return await this.node(node).exec(...weft, ...args);
  }

  /** As {@link weft}, whatever the exit code. */
  async tryWeft(node: string, ...args: readonly string[]): Promise<ProgramResult> {
    return await this.node(node).try(...weft, ...args);
  }

  /** What Kubernetes' own tests need of it: they run beside the API server. */
  get tested(): TestedCluster {
    return {
      directory: this.directory,
      kubeconfig: this.api.credentials.kubeconfig('admin'),
      inside: (argv) => this.api.inside(argv),
      loadArchive: async (archive) => {
        await Promise.all(this.nodes.map(async (node) => await node.loadImage(archive)));
      },
    };
  }

  /** What foreign tests of network policies need of it, if its pod network is weft. */
  get policyTested(): PolicyCluster {
    return {
      ...this.tested,
      // Status counts what is watched.
      allWatch: async (resource) => {
        const told = await Promise.all(this.nodes.map(async ({ name }) => await this.tryWeft(name, 'status')));
        return told.every(({ exitCode, stdout }) => exitCode === 0 && stdout.includes(resource));
      },
    };
  }

  /** For programs outside of the cluster. */
  get kubeconfig(): string {
    return join(this.directory, 'kubeconfig');
  }

  /** Whether all nodes say that they are ready. */
  async isReady(): Promise<boolean> {
    const { exitCode, stdout } = await this.api.try('get', 'nodes', '-o', 'json');
    if (exitCode !== 0) return false;
    const { items } = JSON.parse(stdout) as { readonly items: readonly NodeObject[] };
    const ready = items.filter(({ status }) => status.conditions?.some(isReady) === true);
    return ready.length === this.nodes.length;
  }

  async #start(progress: Progress, interruption: AbortSignal): Promise<void> {
    const { spec, plan, directory, nodes } = this;
    const images = await writeBaseImages(join(directory, 'images'), progress);
    progress(`underlay: ${nodes.length} nodes, a switch and the world`);
    await makeUnderlay(plan);
    interruption.throwIfAborted();
    progress('control plane and nodes');
    const started = await Promise.allSettled([
      ApiServer.start(apiServerPlan(plan, directory), progress),
      ...nodes.map(async (node) => await node.start(images)),
    ]);
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    interruption.throwIfAborted();
    startControllers(this.api, this.background, directory);
    await forwardToHost(this.api, this.background, directory, this.kubeconfig);
    for (const node of nodes) {
      node.startKubelet();
      node.startProxy();
    }
    await this.api.apply(clusterDns());
    progress('nodes register');
    if (spec.podNetwork === 'none') return;
    await installPodNetwork(spec.podNetwork, { directory, api: this.api, nodes, progress });
    interruption.throwIfAborted();
    progress('nodes become ready');
    await until('all nodes are ready', async () => await this.isReady(), READY_DEADLINE_MS);
    interruption.throwIfAborted();
  }
}

interface NodeObject {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

function isReady({ type, status }: { readonly type: string; readonly status: string }): boolean {
  return type === 'Ready' && status === 'True';
}

function apiServerPlan(plan: LabPlan, directory: string) {
  const [first] = plan.nodes;
  return {
    directory,
    netns: namespacePath(first!.netns),
    addresses: first!.underlayAddresses.map(bareAddress),
    ports: USUAL_PORTS,
    nodes: plan.nodes.map(({ name }) => name),
  };
}

async function makeUnderlay(plan: LabPlan): Promise<void> {
  for (const { netns, lines } of underlayBatches(plan)) {
    await runCommand(['ip', '-batch', '-'], {
      purpose: `make the underlay of ${plan.spec.name}`,
      input: `${lines.join('\n')}\n`,
      ...(netns === undefined ? {} : { netns: namespacePath(netns) }),
    });
  }
}
