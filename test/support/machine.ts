/**
 * A machine of a test's own, for commands that are written for a whole one: its network, processes, `/run`, `/etc` and named
 * network namespaces are nobody else's, so that `/etc/weft/weft.yaml` and `ip netns add web` touch nothing of the real one.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program, runProgram, type ProgramResult } from './program.ts';
import { weft } from './test-lab.ts';
import { until } from './until.ts';

/** What a daemon of the machine wrote. */
const LOG = 'daemon.log';

/** In the place of systemd's. Like it, with `Type=exec`, it does not wait until the daemon answers. */
const SYSTEMCTL = `#!/bin/bash
[ "$*" = 'restart weft' ] || { echo "not known here: $*" >&2; exit 64; }
if [ -f /run/weft.pid ]; then
  kill "$(cat /run/weft.pid)"
  while kill -0 "$(cat /run/weft.pid)" 2> /dev/null; do sleep 0.05; done
fi
weft daemon --config /etc/weft/weft.yaml >> DIRECTORY/${LOG} 2>&1 < /dev/null &
echo $! > /run/weft.pid
`;

export class Machine {
  /** For what is the machine's own. */
  readonly directory: string;
  readonly #keeper: Program;
  readonly #pid: number;

  private constructor(directory: string, keeper: Program, pid: number) {
    this.directory = directory;
    this.#keeper = keeper;
    this.#pid = pid;
  }

  /** Starts one whose files are in `directory`, which is made. To be ended by {@link stop}, which ends all that runs there. */
  static async start(directory: string): Promise<Machine> {
    const bin = join(directory, 'bin');
    mkdirSync(bin, { recursive: true });
    const programs = {
      weft: `#!/bin/sh\nexec ${weft.map((word) => `'${word}'`).join(' ')} "$@"\n`,
      systemctl: SYSTEMCTL.replace('DIRECTORY', directory),
    };
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(bin, name), text);
      chmodSync(join(bin, name), 0o755);
    }
    const setup = [
      'set -e',
      'mount -t tmpfs tmpfs /run',
      // Without what weft makes there for pods of other tests, which come and go.
      `mkdir ${directory}/etc`,
      `find /etc -mindepth 1 -maxdepth 1 ! -name netns -exec cp -a -t ${directory}/etc {} +`,
      `mount --bind ${directory}/etc /etc`,
      'mkdir -p /etc/weft',
      'ip link set lo up',
      'echo ready',
      // The first process of the namespace has to wait for those that others left behind.
      'while :; do sleep 1; done',
    ].join('\n');
    const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const child = spawn('unshare', [...namespaces, 'bash', '-c', setup], { stdio: 'pipe' });
    const keeper = new Program(child, 'unshare');
    await until('the machine is up', () => {
      if (child.exitCode !== null) throw new Error(`the machine ended: ${keeper.stderr}`);
      return keeper.stdout.includes('ready');
    });
    const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
    return new Machine(directory, keeper, pid);
  }

  /** Connects two machines by a cable, which is `eth0` at both ends. */
  static async connect(one: Machine, other: Machine): Promise<void> {
    await one.exec(`ip link add eth0 type veth peer name cable`);
    // By the number that the process has outside.
    (
      await runProgram([
        'nsenter',
        `--net=/proc/${one.#pid}/ns/net`,
        'ip',
        'link',
        'set',
        'cable',
        'netns',
        `${other.#pid}`,
      ])
    ).succeeded();
    await other.exec('ip link set cable name eth0');
  }

  /** Runs a script of bash, which ends with its first command that fails. */
  async tryExec(script: string): Promise<ProgramResult> {
    return await runProgram(this.#inside(script));
  }

  /** As {@link tryExec}, and it has to succeed. Gives what it printed. */
  async exec(script: string): Promise<string> {
    return (await this.tryExec(script)).succeeded();
  }

  /** Starts a script that goes on until it ends, or the machine does. */
  background(script: string): Program {
    const [program, ...args] = this.#inside(script);
    return new Program(spawn(program!, args, { stdio: 'pipe' }), script);
  }

  /** Of the daemon: what it wrote so far. */
  log(): string {
    return readFileSync(join(this.directory, LOG), 'utf8');
  }

  async stop(): Promise<void> {
    await this.#keeper.end('SIGKILL');
  }

  #inside(script: string): string[] {
    const path = `PATH=${this.directory}/bin:${process.env['PATH']}`;
    const enter = ['nsenter', '--target', `${this.#pid}`, '--mount', '--net', '--pid'];
    return [...enter, '--', 'env', path, 'bash', '-euo', 'pipefail', '-c', script];
  }
}
