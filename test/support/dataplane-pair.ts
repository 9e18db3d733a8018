/** Two network namespaces that are joined by a veth pair, and a process with a dataplane in each. Needs root. */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { DataplaneNodeSetup } from './dataplane-node.ts';
import { Program } from './program.ts';

export interface DirectionStatus {
  readonly received: number;
  readonly originated: number;
  readonly sent: number;
  readonly delivered: number;
  readonly relayed: number;
  readonly queued: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export interface WorkerStatus {
  readonly egress: DirectionStatus;
  readonly ingress: DirectionStatus;
  readonly socketOverflow: number;
}

/** A line that a node writes: its status, how it failed to start, or how it died. */
export interface NodeReport {
  readonly features?: Readonly<Record<string, boolean>>;
  readonly accounts?: readonly WorkerStatus[];
  readonly tunQueueOverflow?: number;
  readonly code?: string;
  readonly message?: string;
  readonly death?: string;
  /** Packets at each hook since the last question; drops by direction; `lost` of all time. */
  readonly captured?: Readonly<Record<string, number>>;
}

const nodeScript = fileURLToPath(new URL('dataplane-node.ts', import.meta.url));
let pairs = 0;

/** A process with a dataplane. */
export class NodeProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #exit: Promise<number | string>;
  /** What V8 said about each garbage collection, in whichever thread, before the last report. */
  readonly collections: string[] = [];

  constructor(namespace: string, setup: DataplaneNodeSetup) {
    const program = [process.execPath, '--trace-gc', nodeScript, JSON.stringify(setup)];
    const argv = [`--net=/run/netns/${namespace}`, '--', ...program];
    this.#child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    // A node that has ended does not read any more; its exit code tells.
    this.#child.stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#exit = once(this.#child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The next line that it writes. */
  async report(): Promise<NodeReport> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`node ended with ${await this.#exit} and said nothing`);
      if (value.startsWith('{')) return JSON.parse(value) as NodeReport;
      this.collections.push(value);
    }
  }

  tell(command: 'status' | 'capture' | 'captured' | 'relayed' | 'direct' | 'exit' | 'throw'): void {
    this.#child.stdin.write(`${command}\n`);
  }

  async status(): Promise<NodeReport> {
    return this.ask('status');
  }

  /** Tells it something that it answers. */
  async ask(question: 'status' | 'capture' | 'captured'): Promise<NodeReport> {
    this.tell(question);
    return this.report();
  }

  /** Resolves with its exit code or the signal that ended it. */
  async ended(): Promise<number | string> {
    return this.#exit;
  }

  async stop(): Promise<number | string> {
    this.#child.stdin.end();
    return this.#exit;
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<number | string> {
    this.#child.kill(signal);
    return this.#exit;
  }

  /** Stops all its threads where they are, until {@link resume}. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Kills it, and forgets what it wrote and nobody read: a pipe that is not read to its end keeps us alive. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#child.stdout.destroy();
  }
}

export interface PairOptions {
  readonly family?: 4 | 6;
  readonly without?: DataplaneNodeSetup['without'];
  readonly workers?: number;
  readonly cpus?: readonly number[];
  readonly busyPollUs?: number;
  /** Overlay MTU of the path from each side to the other, in bytes; otherwise as large as that of the devices. */
  readonly peerMtuBytes?: number;
  readonly outerFragmentation?: boolean;
}

/** Sides 1 and 2. Side i has 10.244.i.1 and fd00:10:244:i::1, and the prefixes around them. */
export class DataplanePair implements AsyncDisposable {
  readonly #name: string;
  readonly #options: PairOptions;
  readonly #overlayMtuBytes: number;
  readonly #nodes: NodeProcess[] = [];

  constructor(options: PairOptions = {}) {
    this.#name = `weft-t${process.pid}-${++pairs}`;
    this.#options = options;
    this.#overlayMtuBytes = options.family === 6 ? 1430 : 1450;
    for (const side of [1, 2]) execFileSync('ip', ['netns', 'add', this.namespace(side)]);
    const [first, second] = [this.namespace(1), this.namespace(2)];
    execFileSync('ip', ['-n', first, 'link', 'add', 'u0', 'type', 'veth', 'peer', 'name', 'u0', 'netns', second]);
    for (const side of [1, 2]) {
      this.ip(side, 'link set lo up');
      this.ip(side, `addr add ${this.underlayAddress(side)}/${options.family === 6 ? '64 nodad' : '24'} dev u0`);
      this.ip(side, 'link set u0 up');
    }
  }

  namespace(side: number): string {
    return `${this.#name}-${side}`;
  }

  underlayAddress(side: number): string {
    return this.#options.family === 6 ? `fd00:198:18::${side}` : `198.18.0.${side}`;
  }

  /** Runs `ip` in the namespace of `side`. */
  ip(side: number, command: string): string {
    return execFileSync('ip', ['-n', this.namespace(side), ...command.split(' ')], { encoding: 'utf8' });
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

  /** Starts the process of `side`, without waiting for it. */
  start(side: number): NodeProcess {
    const peer = 3 - side;
    const endpoint = this.#options.family === 6 ? `[${this.underlayAddress(peer)}]` : this.underlayAddress(peer);
    const node = new NodeProcess(this.namespace(side), {
      underlayAddress: this.underlayAddress(side),
      overlayMtuBytes: this.#overlayMtuBytes,
      mac: `02:00:00:00:00:0${side}`,
      prefixes: prefixesOf(side),
      without: this.#options.without ?? [],
      workers: this.#options.workers ?? 1,
      cpus: this.#options.cpus ?? [],
      busyPollUs: this.#options.busyPollUs ?? 0,
      outerFragmentation: this.#options.outerFragmentation ?? true,
      peers: [
        {
          endpoint: `${endpoint}:4789`,
          mac: `02:00:00:00:00:0${peer}`,
          mtuBytes: this.#options.peerMtuBytes ?? this.#overlayMtuBytes,
          prefixes: prefixesOf(peer),
        },
      ],
    });
    this.#nodes.push(node);
    return node;
  }

  /** Starts both sides, and gives their devices addresses and routes. */
  async up(): Promise<readonly [NodeProcess, NodeProcess]> {
    const nodes = [this.start(1), this.start(2)] as const;
    for (const node of nodes) {
      const { message } = await node.report();
      if (message !== undefined) throw new Error(message);
    }
    for (const side of [1, 2]) {
      this.ip(side, 'link set weft0 addrgenmode none');
      this.ip(side, `link set weft0 mtu ${this.#overlayMtuBytes} up`);
      this.ip(side, `addr add 10.244.${side}.1/32 dev weft0`);
      this.ip(side, `addr add fd00:10:244:${side}::1/128 dev weft0 nodad`);
      this.ip(side, `route add 10.244.0.0/16 dev weft0 src 10.244.${side}.1`);
      this.ip(side, `route add fd00:10:244::/48 dev weft0 src fd00:10:244:${side}::1`);
    }
    return nodes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node[Symbol.asyncDispose]();
    for (const side of [1, 2]) execFileSync('ip', ['netns', 'del', this.namespace(side)]);
  }
}

function prefixesOf(side: number): string[] {
  return [`10.244.${side}.0/24`, `fd00:10:244:${side}::/64`];
}
