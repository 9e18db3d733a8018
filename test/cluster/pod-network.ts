/**
 * What gives pods addresses and connects them: weft by its manifests, as on any cluster; weft's daemon from this checkout, which takes no
 * image; or the plain plugins of the CNI project, to compare with.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manifests } from '../../src/cli/kubernetes-manifest.ts';
import { generateKey } from '../../src/daemon/gossip/key-file.ts';
import { DAEMON_NODE_OPTIONS } from '../../src/daemon/process/heap.ts';
import { UNDERLAY_DEVICE } from '../../src/lab/underlay-links.ts';
import { runProgram } from '../support/program.ts';
import { until } from '../support/until.ts';
import type { ApiServer } from './api-server.ts';
import { cniPlugin, type CniPlugin } from './cni-plugins.ts';
import { POD_RANGES } from './node-configuration.ts';
import type { ClusterNode } from './node.ts';
import type { PodNetwork } from './places.ts';
import type { Progress } from './programs.ts';
import { writeWeftImage } from './weft-image.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
/** The program of this checkout, as arguments of a process. */
export const weft = [process.execPath, ...DAEMON_NODE_OPTIONS, join(repository, 'src/cli/main.ts')];

/** Where containerd looks for plugins, and for networks. */
const PLUGIN_DIRECTORY = '/opt/cni/bin';
const NETWORK_DIRECTORY = '/etc/cni/net.d';

/** Nodes have as many seeds: one that is up is enough to join. */
const MAX_SEEDS = 3;

/** What a pod network is made of. */
interface NetworkParts {
  readonly directory: string;
  readonly api: ApiServer;
  readonly nodes: readonly ClusterNode[];
  readonly progress: Progress;
}

/** Gives the nodes a pod network. They become ready soon afterwards. */
export async function installPodNetwork(network: PodNetwork, parts: NetworkParts): Promise<void> {
  const prefixes = new Map<ClusterNode, readonly string[]>();
  for (const node of parts.nodes) {
    prefixes.set(node, await podPrefixesOf(parts.api, node));
    await addPlugins(node, ['loopback', 'portmap']);
  }
  if (network === 'ptp') await installPointToPoint(prefixes);
  else if (network === 'checkout') await startDaemons(parts, prefixes);
  else await applyManifests(parts);
}

/** The prefixes that the controller manager gave the node, which has registered by then. */
async function podPrefixesOf(api: ApiServer, { name }: ClusterNode): Promise<readonly string[]> {
  let prefixes: readonly string[] = [];
  await until(
    `${name} has registered, and has prefixes for pods`,
    async () => {
      const { exitCode, stdout } = await api.try('get', 'node', name, '-o', 'json');
      if (exitCode !== 0) return false;
      const { spec } = JSON.parse(stdout) as { readonly spec: { readonly podCIDRs?: readonly string[] } };
      prefixes = spec.podCIDRs ?? [];
      return prefixes.length === POD_RANGES.length;
    },
    60_000,
  );
  return prefixes;
}

async function addPlugins(node: ClusterNode, plugins: readonly CniPlugin[]): Promise<void> {
  for (const plugin of plugins) {
    await node.exec('install', '-m', '755', await cniPlugin(plugin), join(PLUGIN_DIRECTORY, plugin));
  }
}

/** A veth pair for each pod, and routes between the nodes: nothing that could be in the way. */
async function installPointToPoint(prefixes: ReadonlyMap<ClusterNode, readonly string[]>): Promise<void> {
  for (const [node, own] of prefixes) {
    await addPlugins(node, ['ptp', 'host-local']);
    for (const other of prefixes.keys()) {
      if (other === node) continue;
      for (const [family, prefix] of own.entries())
        await other.exec('ip', 'route', 'add', prefix, 'via', node.addresses[family]!);
    }
    const ipam = {
      type: 'host-local',
      ranges: own.map((subnet) => [{ subnet }]),
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    };
    const portmap = { type: 'portmap', capabilities: { portMappings: true }, backend: 'nftables' };
    const plugins = [{ type: 'ptp', mtu: 1_500, ipam }, portmap];
    await addNetwork(node, '10-ptp.conflist', { cniVersion: '1.0.0', name: 'ptp', plugins });
  }
}

async function addNetwork(node: ClusterNode, name: string, conflist: object): Promise<void> {
  const file = join(node.directory, name);
  writeFileSync(file, JSON.stringify(conflist));
  await node.exec('install', '-m', '644', file, join(NETWORK_DIRECTORY, name));
}

/** The image for each node, and a DaemonSet. */
async function applyManifests({ directory, api, nodes, progress }: NetworkParts): Promise<void> {
  progress('image of weft');
  const image = await writeWeftImage(directory);
  await Promise.all(nodes.map(async (node) => await node.loadImage(image)));
  rmSync(image);
  await api.apply(manifests('overlays/lab', { keys: `${generateKey()}\n` }));
}

/** A daemon on each node, from this checkout, and its plugin. */
async function startDaemons(
  { directory, nodes }: NetworkParts,
  prefixes: ReadonlyMap<ClusterNode, readonly string[]>,
): Promise<void> {
  const keyFile = join(directory, 'gossip.key');
  writeFileSync(keyFile, `${generateKey()}\n`, { mode: 0o600 });
  const plugin = join(directory, 'weft-cni');
  (await runProgram([join(repository, 'scripts/build-cni'), plugin])).succeeded();
  for (const [node, nodePrefixes] of prefixes) {
    const seeds = nodes.filter((other) => other !== node).map(({ addresses }) => addresses[0]!);
    const configuration = {
      nodeName: node.name,
      clusterPrefixes: POD_RANGES,
      nodePrefixes,
      underlay: { interface: UNDERLAY_DEVICE },
      gossip: { seeds: seeds.slice(0, MAX_SEEDS), keyFile },
      capture: { remote: 'on' },
    };
    const file = join(node.directory, 'weft.yaml');
    // JSON is YAML, too.
    writeFileSync(file, JSON.stringify(configuration, undefined, 2));
    startWeft(node);
  }
  for (const node of nodes) await node.exec(...weft, 'cni', 'install', '--plugin', plugin, '--wait', '60s');
}

/** Starts the daemon of a node of the network `checkout`, as {@link installPodNetwork} configured it. */
export function startWeft(node: ClusterNode): void {
  node.run('weft', [...weft, 'daemon', '--config', join(node.directory, 'weft.yaml')]);
}
