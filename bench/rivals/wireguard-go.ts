/** wireguard-go: WireGuard in user space, in Go. Its settings are its defaults; the routes are those that wg-quick would add. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../src/linux/command.ts';
import { Program } from '../program.ts';
import { findProgram, type Rival, type RivalLabel, type RunningRival } from '../rival.ts';
import { connectPod, ip, type BenchNode, type Site } from '../site.ts';

/** Its own default, which leaves room for an underlay of IPv6. */
const MTU_BYTES = 1420;

const PORT = 51_820;

export const wireguardGo: Rival = {
  name: 'wireguard-go',
  title: 'wireguard-go',
  async label(): Promise<RivalLabel | undefined> {
    const program = findProgram('wireguard-go');
    if (program === undefined || findProgram('wg') === undefined) return undefined;
    const text = await runCommand([program, '--version'], { purpose: 'ask wireguard-go for its version' });
    const version = /\d+\.\d+\.\d+/.exec(text)?.[0] ?? 'of unknown version';
    const dated = /\.(20\d\d)\d{4}$/.exec(version)?.[1];
    return { version, year: Number(dated ?? statSync(program).mtime.getFullYear()), encrypts: true };
  },
  async start(site: Site, directory: string): Promise<RunningRival> {
    const daemons: Program[] = [];
    const stop = async (): Promise<void> => void (await Promise.all(daemons.map(async (daemon) => daemon.stop())));
    try {
      const keys = { a: await makeKeys(directory, 'a'), b: await makeKeys(directory, 'b') };
      for (const node of site.nodes) {
        const peer = node === site.a ? site.b : site.a;
        const daemon = new Program([findProgram('wireguard-go') ?? 'wireguard-go', '-f', device(node)], node.netns);
        daemons.push(daemon);
        await daemon.until('take its settings', async () => set(node, peer, keys[node.name], keys[peer.name]));
        await connectPod(node, MTU_BYTES);
        await ip(
          [
            `link set ${device(node)} mtu ${MTU_BYTES} addrgenmode none up`,
            `route add ${peer.podPrefix} dev ${device(node)} src ${node.nodeAddress}`,
          ],
          node.netns,
        );
      }
    } catch (error) {
      await stop();
      throw error;
    }
    return { daemonPids: daemons.map(({ pid }) => pid), stop };
  },
};

interface Keys {
  readonly privateFile: string;
  readonly publicKey: string;
}

/** Unique on the machine, as its control sockets all lie in one directory, whatever the namespace. */
function device(node: BenchNode): string {
  return `wg${process.pid}${node.name}`;
}

async function makeKeys(directory: string, name: string): Promise<Keys> {
  const purpose = 'make keys for wireguard-go';
  const privateKey = await runCommand(['wg', 'genkey'], { purpose });
  const privateFile = join(directory, `${name}.key`);
  writeFileSync(privateFile, privateKey, { mode: 0o600 });
  return { privateFile, publicKey: (await runCommand(['wg', 'pubkey'], { purpose, input: privateKey })).trim() };
}

async function set(node: BenchNode, peer: BenchNode, own: Keys, others: Keys): Promise<boolean> {
  const settings = ['listen-port', String(PORT), 'private-key', own.privateFile, 'peer', others.publicKey];
  const reach = ['allowed-ips', peer.podPrefix, 'endpoint', `${peer.underlayAddress}:${PORT}`];
  const purpose = 'set wireguard-go up';
  try {
    await runCommand(['wg', 'set', device(node), ...settings, ...reach], {
      purpose,
      netns: `/run/netns/${node.netns}`,
    });
    return true;
  } catch {
    return false;
  }
}
