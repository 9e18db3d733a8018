/**
 * A node of a cluster with policies, as far as it can tell: a real daemon with 200 real pods, and a second one for traffic between two.
 *
 *     pods -- a --veth, the underlay-- b -- pods
 *              \--veth-- this process --veth--/       the API server, and 24 nodes that are there in gossip only
 */
import { pause } from '../interruption.ts';
import { keyFileIn, startWeftDaemon, type WeftDaemon } from '../rivals/weft.ts';
import { type BenchNode, ip, Site } from '../site.ts';
import * as cluster from './policy-cluster.ts';
import { TableChanges } from './table-changes.ts';
import { uidOf, World } from './world.ts';

/** Numbers of the nodes in the cluster: those between them are there in gossip only. */
const NUMBERS = { a: 0, b: cluster.OTHER_NODES + 1 } as const;

/**
 * All policies come, or go, as one change each: when nothing follows for so long, in ms, that was the last one. The first few are
 * enforced at once, and the transaction of all others may come more than a second after that.
 */
const POLICIES_QUIET_MS = 3_000;

/** How often it is looked whether daemons know of each other, in ms. */
const LOOK_MS = 100;

/** An interface of a pod of the lab. */
export interface LabPod {
  readonly netns: string;
  readonly node: BenchNode;
  readonly containerId: string;
  /** IPv4. */
  readonly address: string;
}

export class PolicyLab {
  readonly world: World;
  readonly a: WeftDaemon;
  /** Of a. */
  readonly table: TableChanges;
  readonly #site: Site;
  readonly #directory: string;
  readonly #cleanUp: AsyncDisposableStack;
  /** Namespaces that were made for pods. */
  #namespaces = 0;

  private constructor(site: Site, directory: string, world: World, cleanUp: AsyncDisposableStack) {
    this.#site = site;
    this.#directory = directory;
    this.world = world;
    this.#cleanUp = cleanUp;
    this.a = this.#start(site.a);
    this.table = cleanUp.use(new TableChanges(`/run/netns/${site.a.netns}`));
  }

  /** The first daemon knows all nodes and pods, and no policy, and has its pods. @param directory empty. @param cleanUp takes it down */
  static async up(
    directory: string,
    cleanUp: AsyncDisposableStack,
    progress: (step: string) => void,
  ): Promise<PolicyLab> {
    progress('a node, and a cluster around it');
    const site = new Site('policy');
    cleanUp.defer(async () => site.remove());
    await site.create();
    const world = cleanUp.use(new World());
    await world.open(site.nodes, keyFileIn(directory), directory);
    const lab = new PolicyLab(site, directory, world, cleanUp);
    const { a } = lab;
    await a.program.until('answer', async () => a.control.isAnswering());
    const pods = Array.from({ length: cluster.PODS_PER_NODE }, (_, serial) => cluster.clusterPod(NUMBERS.a, serial));
    progress(`${pods.length} pods on it`);
    await lab.attach(a, pods);
    const all = cluster.OTHER_NODES * cluster.PODS_PER_NODE;
    await a.program.until(`know ${all} pods`, async () => (await knownPods(a)) >= all);
    return lab;
  }

  /** Starts the second daemon, which tells the first what it hears: until then, all comes from this process. */
  async startSecond(): Promise<WeftDaemon> {
    const b = this.#start(this.#site.b);
    await b.program.until('answer', async () => b.control.isAnswering());
    await b.program.until(
      'know of the first',
      async () => (await knownPods(b)) > cluster.OTHER_NODES * cluster.PODS_PER_NODE,
    );
    return b;
  }

  /** Makes pods at a node, one after the other; the API knows them before. @returns them, and how long each took, in ms */
  async attach(
    daemon: WeftDaemon,
    pods: readonly cluster.ClusterPod[],
    atOnce = false,
  ): Promise<{ readonly pods: readonly LabPod[]; readonly ms: readonly number[] }> {
    const { node } = daemon;
    const made = pods.map((pod) => ({ pod, netns: `${node.netns}-p${this.#namespaces++}` }));
    await ip(made.map(({ netns }) => `netns add ${netns}`));
    this.#cleanUp.defer(async () => ip(made.map(({ netns }) => `netns delete ${netns}`)));
    for (const pod of pods) this.world.tellPod(node.name, pod);
    // A runtime has other things to do, too, between the moment that its node hears of a pod and this.
    await pause(LOOK_MS);
    const add = async ({ pod, netns }: (typeof made)[number]): Promise<[LabPod, number]> => {
      const beganMs = performance.now();
      const { pod: attached } = await daemon.control.attach({
        cniNetwork: 'bench',
        containerId: netns,
        interface: 'eth0',
        netns: `/run/netns/${netns}`,
        podName: pod.name,
        podNamespace: pod.namespace,
        podUid: uidOf(pod),
      });
      const ms = performance.now() - beganMs;
      return [{ netns, node, containerId: netns, address: attached.addresses[0]!.split('/')[0]! }, ms];
    };
    const results: [LabPod, number][] = [];
    if (atOnce) results.push(...(await Promise.all(made.map(add))));
    else for (const one of made) results.push(await add(one));
    return { pods: results.map(([pod]) => pod), ms: results.map(([, ms]) => ms) };
  }

  async detach({ control }: WeftDaemon, pods: readonly LabPod[]): Promise<void> {
    for (const { containerId } of pods) await control.detach({ cniNetwork: 'bench', containerId, interface: 'eth0' });
  }

  #start(node: BenchNode): WeftDaemon {
    const nodePrefixes = cluster.nodePrefixes(NUMBERS[node.name]);
    const daemon = startWeftDaemon(node, this.#directory, { ...this.world.config, nodePrefixes });
    this.#cleanUp.defer(async () => daemon.program.stop());
    return daemon;
  }

  /** All policies are there, or gone again. @returns how long it took a to follow, in ms */
  async setPolicies(isThere: boolean): Promise<number> {
    const beganMs = performance.now();
    const endMs = await this.table.after(() => {
      for (let index = 0; index < cluster.POLICIES; index++) this.world.tellPolicy(index, 0, !isThere);
    }, POLICIES_QUIET_MS);
    return endMs - beganMs;
  }
}

async function knownPods({ control }: WeftDaemon): Promise<number> {
  return Number(/^weft_directory_pods (\d+)$/m.exec(await control.metrics())?.[1]);
}
