/**
 * Three network namespaces on one bridge, and a process with a dataplane in each; sides 1 and 3 cannot reach each other, and side 2
 * relays. Needs root.
 *
 *     1 ────┐        ┌──── 3
 *           bridge ──┘
 *     2 ────┘
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { NodeProcess } from './dataplane-pair.ts';
import type { PeerSetup } from './dataplane-node.ts';
import { Program } from './program.ts';
import { until } from './until.ts';

const SIDES = [1, 2, 3] as const;
let trios = 0;

export interface TrioOptions {
  readonly family?: 4 | 6;
  /** Overlay MTU of the path from side 2 to side 3, in bytes, as side 2 knows it; otherwise as large as that of the devices. */
  readonly secondHopMtuBytes?: number;
}

/** Side i has 10.244.i.1 and fd00:10:244:i::1, and the prefixes around them. */
export class DataplaneTrio implements AsyncDisposable {
  readonly overlayMtuBytes: number;
  readonly #name = `weft-r${process.pid}-${++trios}`;
  readonly #options: TrioOptions;
  readonly #nodes: NodeProcess[] = [];

  constructor(options: TrioOptions = {}) {
    this.#options = options;
    this.overlayMtuBytes = options.family === 6 ? 1430 : 1450;
    const hub = `${this.#name}-hub`;
    run(`ip netns add ${hub}`);
    run(`ip -n ${hub} link add br0 type bridge`);
    run(`ip -n ${hub} link set br0 up`);
    for (const side of SIDES) {
      run(`ip netns add ${this.namespace(side)}`);
      run(`ip -n ${hub} link add p${side} type veth peer name u0 netns ${this.namespace(side)}`);
      run(`ip -n ${hub} link set p${side} master br0 up`);
      this.ip(side, 'link set lo up');
      this.ip(side, `addr add ${this.underlayAddress(side)}/${options.family === 6 ? '64 nodad' : '24'} dev u0`);
      this.ip(side, 'link set u0 up');
    }
    const far = this.underlayAddress(3);
    const match = options.family === 6 ? 'ip6' : 'ip';
    this.nft(1, 'add table inet cut');
    this.nft(1, 'add chain inet cut in { type filter hook input priority 0; }');
    this.nft(1, 'add chain inet cut out { type filter hook output priority 0; }');
    this.nft(1, `add rule inet cut in ${match} saddr ${far} drop`);
    this.nft(1, `add rule inet cut out ${match} daddr ${far} drop`);
  }

  namespace(side: number): string {
    return `${this.#name}-${side}`;
  }

  underlayAddress(side: number): string {
    return this.#options.family === 6 ? `fd00:198:18::${side}` : `198.18.0.${side}`;
  }

  /** Runs `ip` in the namespace of `side`. */
  ip(side: number, command: string): string {
    return run(`ip -n ${this.namespace(side)} ${command}`);
  }

  /** Runs `nft` there. */
  nft(side: number, command: string): string {
    const argv = [`--net=/run/netns/${this.namespace(side)}`, '--', 'nft', command];
    return execFileSync('nsenter', argv, { encoding: 'utf8' });
  }

  /** The underlay works between all of them. */
  heal(): void {
    this.nft(1, 'delete table inet cut');
  }

  /** Runs a program in the namespace of `side`. Rejects when it fails. */
  async run(side: number, command: string): Promise<string> {
    const argv = [`--net=/run/netns/${this.namespace(side)}`, '--', ...command.split(' ')];
    const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
    const [code] = (await once(child, 'exit')) as [number | null];
    const text = (await output).flat().join('');
    if (code !== 0) throw new Error(`${command} on side ${side} failed with ${code}: ${text}`);
    return text;
  }

  /** Starts a program in the namespace of `side`. Whoever started it ends it. */
  background(side: number, command: string): Program {
    const argv = [`--net=/run/netns/${this.namespace(side)}`, '--', ...command.split(' ')];
    return new Program(spawn('nsenter', argv, { stdio: 'pipe' }), command);
  }

  /** Captures what is VXLAN and goes `direction` on the underlay there. It is complete once the program has ended. */
  async capture(side: number, direction: 'in' | 'out', file: string): Promise<Program> {
    const options = `-i u0 -Q ${direction} --immediate-mode -U -Z root -B 16384 -w ${file} udp port 4789`;
    const program = this.background(side, `tcpdump ${options}`);
    await until('tcpdump listens', () => {
      if (program.child.exitCode !== null) throw new Error(`tcpdump ended: ${program.stderr}`);
      return program.stderr.includes('listening on');
    });
    return program;
  }

  /** Starts all sides, and gives their devices addresses and routes. */
  async up(): Promise<readonly [NodeProcess, NodeProcess, NodeProcess]> {
    const nodes = [this.#start(1), this.#start(2), this.#start(3)] as const;
    for (const node of nodes) {
      const { message } = await node.report();
      if (message !== undefined) throw new Error(message);
    }
    for (const side of SIDES) {
      this.ip(side, 'link set weft0 addrgenmode none');
      this.ip(side, `link set weft0 mtu ${this.overlayMtuBytes} up`);
      this.ip(side, `addr add 10.244.${side}.1/32 dev weft0`);
      this.ip(side, `addr add fd00:10:244:${side}::1/128 dev weft0 nodad`);
      this.ip(side, `route add 10.244.0.0/16 dev weft0 src 10.244.${side}.1`);
      this.ip(side, `route add fd00:10:244::/48 dev weft0 src fd00:10:244:${side}::1`);
    }
    return nodes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node[Symbol.asyncDispose]();
    for (const place of ['hub', ...SIDES]) run(`ip netns del ${this.#name}-${place}`);
  }

  #start(side: number): NodeProcess {
    const others = SIDES.filter((other) => other !== side);
    const node = new NodeProcess(this.namespace(side), {
      underlayAddress: this.underlayAddress(side),
      overlayMtuBytes: this.overlayMtuBytes,
      mac: `02:00:00:00:00:0${side}`,
      prefixes: prefixesOf(side),
      workers: 1,
      relays: side === 2,
      peers: others.map((peer) => this.#peerOf(side, peer, others)),
    });
    this.#nodes.push(node);
    return node;
  }

  #peerOf(side: number, peer: number, others: readonly number[]): PeerSetup {
    const address = this.underlayAddress(peer);
    const isSecondHop = side === 2 && peer === 3;
    return {
      endpoint: this.#options.family === 6 ? `[${address}]:4789` : `${address}:4789`,
      mac: `02:00:00:00:00:0${peer}`,
      mtuBytes: (isSecondHop ? this.#options.secondHopMtuBytes : undefined) ?? this.overlayMtuBytes,
      prefixes: prefixesOf(peer),
      mayRelay: peer === 2,
      ...(side !== 2 && peer !== 2 && { relay: others.indexOf(2) }),
    };
  }
}

function prefixesOf(side: number): string[] {
  return [`10.244.${side}.0/24`, `fd00:10:244:${side}::/64`];
}

function run(command: string): string {
  const [program, ...args] = command.split(' ');
  return execFileSync(program!, args, { encoding: 'utf8' });
}
