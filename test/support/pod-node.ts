/** A node for tests: a network namespace with a TUN device and an outside world, in which {@link Scenario}s run. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runCommand, runJsonCommand } from '../../src/linux/command.ts';
import { ipBatch } from '../../src/linux/iproute.ts';
import { TUN_DEVICE, type Operation, type Outcome, type Scenario } from './pod-host.ts';

let made = 0;

export class PodNode {
  /** Prefix of the names of everything that a test makes under /run/netns. */
  readonly name = `pn${process.pid}-${++made}`;
  readonly netns = `/run/netns/${this.name}`;
  readonly stateDir = mkdtempSync(join(tmpdir(), 'weft-pods-'));
  /** What its runs are configured with. */
  settings: Pick<Scenario, 'nodePrefixes' | 'clusterPrefixes' | 'mtuBytes' | 'bootId' | 'edgeless' | 'awaiting'> = {
    nodePrefixes: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
    clusterPrefixes: ['10.244.0.0/16', 'fd00:10:244::/48'],
    mtuBytes: 1450,
  };
  readonly #world = `${this.name}-world`;
  readonly #namespaces: string[] = [];

  /** The node is 198.18.0.1, the world 198.18.0.2, with no route back to pods. There is no TUN device yet. */
  static async make(): Promise<PodNode> {
    const node = new PodNode();
    await node.makeNamespace(node.name);
    await node.makeNamespace(node.#world);
    const purpose = 'make a node for a test';
    const peer = `peer name eth0 netns ${node.#world}`;
    await ipBatch(
      [
        'link set dev lo up',
        `link add name eth0 type veth ${peer}`,
        // No link-local address, which would be tentative for a while: snapshots are compared.
        'link set dev eth0 addrgenmode none',
        'link set dev eth0 up',
        'address add 198.18.0.1/24 dev eth0',
        'address add fd00:198:18::1/64 dev eth0 nodad',
        'route add default via 198.18.0.2',
        'route add default via fd00:198:18::2',
      ],
      { purpose, netns: node.netns },
    );
    const worldLines = [
      'link set dev lo up',
      'link set dev eth0 up',
      'address add 198.18.0.2/24 dev eth0',
      'address add fd00:198:18::2/64 dev eth0 nodad',
    ];
    await ipBatch(worldLines, { purpose, netns: `/run/netns/${node.#world}` });
    return node;
  }

  /** The daemon's worker does this in real life, and stays attached. */
  async makeTun(): Promise<void> {
    await this.ip('tuntap', 'add', 'dev', TUN_DEVICE, 'mode', 'tun', 'vnet_hdr', 'multi_queue');
  }

  /** Runs `ip` in the node. */
  ip(...args: string[]): Promise<string> {
    return runCommand(['ip', ...args], { purpose: 'change the node of a test', netns: this.netns });
  }

  /** Makes a namespace that {@link remove} removes. @returns its name, which begins with the node's. */
  async makeNamespace(name: string): Promise<string> {
    await runCommand(['ip', 'netns', 'add', name], { purpose: 'make a namespace for a test' });
    this.#namespaces.push(name);
    return name;
  }

  /** Runs operations in a process of their own, as one run of a daemon. Empty if the process was killed. */
  run(...operations: Operation[]): Promise<Outcome[]> {
    return this.runBelow([], ...operations);
  }

  /** As {@link run}, with a command before it that restricts the process. */
  async runBelow(wrapper: readonly string[], ...operations: Operation[]): Promise<Outcome[]> {
    const scenario: Scenario = { stateDir: this.stateDir, ...this.settings, operations };
    const script = join(import.meta.dirname, 'pod-host.ts');
    const argv = [`--net=${this.netns}`, '--', ...wrapper, process.execPath, script, JSON.stringify(scenario)];
    try {
      const { stdout } = await promisify(execFile)('nsenter', argv);
      return JSON.parse(stdout) as Outcome[];
    } catch (error) {
      // nsenter is replaced by the process, so its signal is ours to see.
      if ((error as { signal?: string }).signal === 'SIGKILL') return [];
      throw error;
    }
  }

  /** As {@link run}, for operations that must not fail. @returns the value of the last. */
  async runWell<Value>(...operations: Operation[]): Promise<Value> {
    const outcomes = await this.run(...operations);
    for (const { error } of outcomes) if (error !== undefined) throw new Error(`${error.code}: ${error.message}`);
    return outcomes.at(-1)?.value as Value;
  }

  /** Whether an echo request sent in a namespace (`node`, or a name under /run/netns) is answered in time. */
  async pings(netns: string, address: string, seconds = 5): Promise<boolean> {
    const path = netns === 'node' ? this.netns : `/run/netns/${netns}`;
    try {
      await runCommand(['ping', '-n', '-c', '1', '-w', `${seconds}`, address], { purpose: 'ping', netns: path });
      return true;
    } catch {
      return false;
    }
  }

  /** Everything that weft could have changed, in a form that can be compared. */
  async snapshot(): Promise<object> {
    const options = { purpose: 'look at the node', netns: this.netns };
    const show = (...argv: string[]): Promise<unknown> => runJsonCommand(argv, options);
    return {
      addresses: settled(await show('ip', '-j', 'address')),
      routes4: settled(await show('ip', '-4', '-j', 'route', 'show', 'table', 'all')),
      routes6: settled(await show('ip', '-6', '-j', 'route', 'show', 'table', 'all')),
      // A table that was replaced comes last.
      rules: (await runCommand(['nft', 'list', 'ruleset'], options)).split(/^(?=table )/m).toSorted(byText),
      namespaces: (await runCommand(['ip', 'netns', 'list'], options))
        .split('\n')
        .map((line) => line.split(' ')[0])
        .filter((name) => name?.startsWith(this.name))
        .toSorted(byText),
    };
  }

  /** Removes the node and everything that was made in it, also after a failed test. */
  async remove(): Promise<void> {
    const list = await runCommand(['ip', 'netns', 'list'], { purpose: 'clean up' });
    const names = list.split('\n').map((line) => line.split(' ')[0] ?? '');
    for (const name of names.filter((name) => name === this.name || name.startsWith(`${this.name}-`))) {
      await runCommand(['ip', 'netns', 'delete', name], { purpose: 'clean up' });
    }
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

/** Without what the kernel says of cables up to a second after they were plugged in. */
function settled(shown: unknown): unknown {
  return JSON.parse(
    JSON.stringify(shown, (key, value: unknown) => {
      if (key === 'operstate') return undefined;
      return Array.isArray(value) ? value.filter((one) => one !== 'linkdown') : value;
    }),
  ) as unknown;
}

function byText(a = '', b = ''): number {
  return a < b ? -1 : Number(a > b);
}
