/** A lab of a test's own: made through the CLI, as a person would, under a name that no other run has. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../../src/client/control-client.ts';
import { nodeFiles, type NodeFiles } from '../../src/lab/lab-directory.ts';
import { measureMatrix } from '../../src/lab/matrix.ts';
import type { LabStatus } from '../../src/lab/status.ts';
import { Program, runProgram, type ProgramResult } from './program.ts';
import { until } from './until.ts';

const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const probe = fileURLToPath(new URL('./datagram-probe.ts', import.meta.url));

/** `weft ARGS`, as arguments of a process. */
export const weft = [process.execPath, cli] as const;

/** As long as `lab start` would wait: a daemon is a large program, and on a busy machine many start at once. */
const ANSWER_DEADLINE_MS = 90_000;

let labsMade = 0;

/** A name for a lab that no other test uses, in this run or in one beside it. */
export function uniqueLabName(): string {
  return `t${process.pid}x${labsMade++}`;
}

export class TestLab {
  readonly name: string;
  readonly #background = new Set<ChildProcess>();

  private constructor(name: string) {
    this.name = name;
  }

  /** `weft lab up` with `options`, such as `['--nodes', '2']`. Whoever called it calls {@link down}, whatever happens. */
  static async up(...options: readonly string[]): Promise<TestLab> {
    const lab = new TestLab(uniqueLabName());
    await lab.lab('up', ...options);
    return lab;
  }

  /** Ends what {@link background} started, and takes the lab down. */
  async down(): Promise<void> {
    for (const child of this.#background) child.kill('SIGKILL');
    await this.lab('down');
  }

  /** `weft lab VERB --name THIS ...`, whatever its exit code. */
  async tryLab(verb: string, ...args: readonly string[]): Promise<ProgramResult> {
    return await runProgram([...weft, 'lab', verb, '--name', this.name, ...args]);
  }

  /** As {@link tryLab}, and it has to succeed. Gives what it printed. */
  async lab(verb: string, ...args: readonly string[]): Promise<string> {
    return (await this.tryLab(verb, ...args)).succeeded();
  }

  async status(): Promise<LabStatus> {
    return JSON.parse(await this.lab('status', '--json')) as LabStatus;
  }

  /** Whether every pod reaches every other, over IPv4 and IPv6. */
  async isConnected(): Promise<boolean> {
    return (await measureMatrix(this.name)).lost === 0;
  }

  /** Where the files of a node are. */
  files(node: string): NodeFiles {
    return nodeFiles(this.name, node);
  }

  /** Runs a command in a namespace of the lab: `n1`, `n1-p1`, `world`, `switch`. */
  async tryExec(place: string, ...argv: readonly string[]): Promise<ProgramResult> {
    return await runProgram(this.inside(place, argv));
  }

  /** As {@link tryExec}, and it has to succeed. Gives what it printed. */
  async exec(place: string, ...argv: readonly string[]): Promise<string> {
    return (await this.tryExec(place, ...argv)).succeeded();
  }

  /**
   * Whether an echo comes back within so many seconds. One is sent each second, and that an error comes back ends it. Where none is
   * expected, a second is enough: one that is only late is no reason to fail.
   */
  async reaches(place: string, address: string, seconds = 5): Promise<boolean> {
    return (await this.tryExec(place, 'ping', '-n', '-q', '-c', '1', '-w', `${seconds}`, address)).exitCode === 0;
  }

  /** Runs `datagram-probe.ts` in a namespace. */
  async probe(place: string, ...args: readonly string[]): Promise<string> {
    return await this.exec(place, process.execPath, probe, ...args);
  }

  /** Starts a command that goes on until it ends or until {@link down}. */
  background(place: string, ...argv: readonly string[]): Program {
    const [program, ...args] = this.inside(place, argv);
    const child = spawn(program!, args, { stdio: 'pipe' });
    this.#background.add(child);
    child.once('exit', () => this.#background.delete(child));
    return new Program(child, argv.join(' '));
  }

  /** Starts a server, and waits until its port is open. */
  async serve(place: string, port: number, ...argv: readonly string[]): Promise<Program> {
    const server = this.background(place, ...argv);
    await until(`somebody listens on port ${port} in ${place}`, async () => {
      if (server.child.exitCode !== null) throw new Error(`${argv.join(' ')} ended: ${server.stderr}`);
      return (await this.exec(place, 'ss', '-Hltun', `sport = :${port}`)) !== '';
    });
    return server;
  }

  /** Starts `datagram-probe.ts` as a server that sends datagrams back. */
  async serveEcho(place: string, port: number): Promise<void> {
    await this.serve(place, port, process.execPath, probe, 'echo', `${port}`);
  }

  /** The daemon of `node` as a child of this process, with what `lab start` would have given it, and more flags. */
  daemon(node: string, ...flags: readonly string[]): Program {
    return this.background(node, ...weft, 'daemon', '--config', this.files(node).config, ...flags);
  }

  /** A client of the daemon of `node`. */
  control(node: string): ControlClient {
    return new ControlClient(this.files(node).socket);
  }

  /** `weft ARGS`, asked of the daemon of `node`, whatever the exit code. */
  async tryAsk(node: string, ...args: readonly string[]): Promise<ProgramResult> {
    return await runProgram([...weft, '--socket', this.files(node).socket, ...args]);
  }

  /** Waits until the daemon of `node` answers. */
  async answers(node: string): Promise<void> {
    await until(`${node} answers`, async () => this.control(node).isAnswering(), ANSWER_DEADLINE_MS);
  }

  /** A command in a namespace of the lab, as arguments of a process. */
  inside(place: string, argv: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.name}-${place}`, '--', ...argv];
  }
}
