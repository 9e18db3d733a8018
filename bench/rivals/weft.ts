/** weft from this checkout: real daemons, with nothing in their configuration but what they must be told. */
import { DAEMON_NODE_OPTIONS } from '../../src/daemon/process/heap.ts';
import { generateKey } from '../../src/daemon/gossip/key-file.ts';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ControlClient } from '../../src/client/control-client.ts';
import { Program } from '../program.ts';
import type { Rival, RivalLabel, RunningRival } from '../rival.ts';
import { CLUSTER_PREFIX, type BenchNode, type Site } from '../site.ts';

const root = join(import.meta.dirname, '../..');

export const weft: Rival = {
  name: 'weft',
  title: 'weft',
  async label(): Promise<RivalLabel> {
    const file = join(root, 'package.json');
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
    return { version, year: statSync(file).mtime.getFullYear(), encrypts: false };
  },
  async start(site: Site, directory: string): Promise<RunningRival> {
    const daemons: WeftDaemon[] = [];
    const stop = async (): Promise<void> =>
      void (await Promise.all(daemons.map(async ({ program }) => program.stop())));
    try {
      for (const node of site.nodes) {
        const [seed] = site.nodes.filter((other) => other !== node).map(({ underlayAddress }) => underlayAddress);
        daemons.push(startWeftDaemon(node, directory, { gossip: { seeds: [seed] } }));
      }
      for (const daemon of daemons) await connectWeftPod(daemon);
      for (const daemon of daemons) await daemon.program.until('learn two routes', async () => routes(daemon, 2));
    } catch (error) {
      await stop();
      throw error;
    }
    return { daemonPids: daemons.map(({ program }) => program.pid), stop };
  },
};

/** A daemon on a node of the benchmark. */
export interface WeftDaemon {
  readonly node: BenchNode;
  readonly program: Program;
  readonly control: ControlClient;
}

/** Starts the daemon of `node`. @param config on top of what every node needs, by key. */
export function startWeftDaemon(
  node: BenchNode,
  directory: string,
  config: { readonly gossip?: object; readonly [key: string]: unknown },
): WeftDaemon {
  const home = join(directory, node.name);
  const socket = join(home, 'weft.sock');
  mkdirSync(home, { mode: 0o700 });
  const whole = {
    nodeName: node.name,
    underlay: { address: node.underlayAddress },
    clusterPrefixes: [CLUSTER_PREFIX],
    nodePrefixes: [node.podPrefix],
    stateDir: join(home, 'state'),
    control: { socket, readOnlySocket: join(home, 'weft-ro.sock') },
    ...config,
    gossip: { keyFile: keyFileIn(directory), ...config.gossip },
  };
  const file = join(home, 'config.yaml');
  writeFileSync(file, stringify(whole));
  const program = new Program(
    [process.execPath, ...DAEMON_NODE_OPTIONS, join(root, 'src/cli/main.ts'), 'daemon', '--config', file],
    node.netns,
  );
  return { node, program, control: new ControlClient(socket) };
}

/** One key for all nodes of a site. */
export function keyFileIn(directory: string): string {
  const file = join(directory, 'gossip.key');
  if (!existsSync(file)) writeFileSync(file, `${generateKey()}\n`, { mode: 0o600 });
  return file;
}

/** Waits until the daemon answers, and adds the node's pod. */
export async function connectWeftPod({ node, program, control }: WeftDaemon): Promise<void> {
  await program.until('answer', async () => control.isAnswering());
  await control.addPod('pod', { netns: node.podNetns, addresses: [node.podAddress] });
}

async function routes({ control }: WeftDaemon, count: number): Promise<boolean> {
  return (await control.status()).routes >= count;
}
