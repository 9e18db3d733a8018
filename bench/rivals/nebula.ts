/**
 * nebula: a mesh of encrypted tunnels, in Go. Pods are reached by `unsafe_routes`, its word for prefixes behind a node.
 *
 * Its configuration is its example's, but for two settings in its favour: the largest MTU that fits through the underlay
 * (its default of 1300 costs it a tenth), and a firewall that lets everything pass.
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { runCommand } from '../../src/linux/command.ts';
import { pause } from '../interruption.ts';
import { Program } from '../program.ts';
import { findProgram, type Rival, type RivalLabel, type RunningRival } from '../rival.ts';
import { connectPod, UNDERLAY_MTU_BYTES, type BenchNode, type Site } from '../site.ts';

/** Outer IPv4 and UDP headers, nebula's own of 16 bytes, and the tag of AES-GCM. */
const OVERHEAD_BYTES = 20 + 8 + 16 + 16;

/** Years in which its versions were released. */
const years: Readonly<Record<string, number>> = {
  '1.4': 2021,
  '1.5': 2021,
  '1.6': 2022,
  '1.7': 2023,
  '1.8': 2023,
  '1.9': 2024,
};

const addresses = { a: '192.168.77.1', b: '192.168.77.2' } as const;

export const nebula: Rival = {
  name: 'nebula',
  title: 'nebula',
  async label(): Promise<RivalLabel | undefined> {
    const program = findProgram('nebula');
    if (program === undefined || findProgram('nebula-cert') === undefined) return undefined;
    const text = await runCommand([program, '-version'], { purpose: 'ask nebula for its version' });
    const version = /\d+\.\d+[.\d]*/.exec(text)?.[0] ?? 'of unknown version';
    const year = years[version.split('.').slice(0, 2).join('.')] ?? statSync(program).mtime.getFullYear();
    return { version, year, encrypts: true };
  },
  async start(site: Site, directory: string): Promise<RunningRival> {
    const certify = findProgram('nebula-cert') ?? 'nebula-cert';
    const authority = ['-ca-crt', join(directory, 'ca.crt'), '-ca-key', join(directory, 'ca.key')];
    const purpose = 'make certificates for nebula';
    await runCommand([certify, 'ca', '-name', 'bench', '-out-crt', authority[1]!, '-out-key', authority[3]!], {
      purpose,
    });
    const daemons: Program[] = [];
    const stop = async (): Promise<void> => void (await Promise.all(daemons.map(async (daemon) => daemon.stop())));
    try {
      for (const node of site.nodes) {
        const peer = node === site.a ? site.b : site.a;
        const home = join(directory, node.name);
        mkdirSync(home);
        const out = ['-out-crt', join(home, 'host.crt'), '-out-key', join(home, 'host.key')];
        const identity = ['-name', node.name, '-ip', `${addresses[node.name]}/24`, '-subnets', node.podPrefix];
        await runCommand([certify, 'sign', ...authority, ...identity, ...out], { purpose });
        writeFileSync(join(home, 'config.yml'), stringify(configuration(node, peer, directory)));
        await connectPod(node, UNDERLAY_MTU_BYTES - OVERHEAD_BYTES);
        daemons.push(new Program([findProgram('nebula') ?? 'nebula', '-config', join(home, 'config.yml')], node.netns));
      }
      for (const daemon of daemons) await daemon.until('make its device', async () => hasDevice(site, daemon, daemons));
    } catch (error) {
      await stop();
      throw error;
    }
    // The first packet begins the handshake; its answer must not be the first row's first packet.
    await pause(300);
    return { daemonPids: daemons.map(({ pid }) => pid), stop };
  },
};

function configuration(node: BenchNode, peer: BenchNode, directory: string): object {
  const any = [{ port: 'any', proto: 'any', host: 'any' }];
  const home = join(directory, node.name);
  return {
    pki: { ca: join(directory, 'ca.crt'), cert: join(home, 'host.crt'), key: join(home, 'host.key') },
    static_host_map: { [addresses[peer.name]]: [`${peer.underlayAddress}:4242`] },
    lighthouse: { am_lighthouse: false, hosts: [] },
    listen: { host: node.underlayAddress, port: 4242 },
    punchy: { punch: false },
    cipher: 'aes',
    tun: {
      dev: 'nebula0',
      mtu: UNDERLAY_MTU_BYTES - OVERHEAD_BYTES,
      tx_queue: 500,
      unsafe_routes: [{ route: peer.podPrefix, via: addresses[peer.name] }],
    },
    logging: { level: 'error' },
    firewall: { conntrack: {}, outbound: any, inbound: any },
  };
}

async function hasDevice(site: Site, daemon: Program, daemons: readonly Program[]): Promise<boolean> {
  const node = site.nodes[daemons.indexOf(daemon)]!;
  const routes = await runCommand(['ip', 'route', 'show', 'dev', 'nebula0'], {
    purpose: 'see whether nebula is there',
    netns: `/run/netns/${node.netns}`,
  }).catch(() => '');
  return routes.includes('10.244.');
}
