/**
 * A Docker engine of a test's own: its data, socket, network, processes, mounts and cgroup are apart from those of any other engine
 * of the machine, and go when it is stopped, or when the test is killed.
 *
 * It runs in PID, mount and network namespaces of its own. Whatever it started ends with the first process of the PID namespace,
 * its mounts and networks with the last one. What is left is a directory and an empty cgroup, named after the test's process.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProgramResult, runProgram } from './program.ts';
import { until } from './until.ts';

/** The engine starts, and is gone, within seconds, on a machine that has the time. */
const DEADLINE_MS = 90_000;

/** Before the process id of a test, and a number. */
const PREFIX = 'weft-engine-';

const CGROUPS = '/sys/fs/cgroup';

let enginesMade = 0;

export class DockerEngine {
  /** Of the engine, and for the test to keep files in. */
  readonly directory: string;
  readonly socket: string;
  readonly #name: string;
  #process: ChildProcess | undefined;

  private constructor() {
    this.#name = `${PREFIX}${process.pid}-${enginesMade++}`;
    this.directory = join(tmpdir(), this.#name);
    this.socket = join(this.directory, 'docker.sock');
  }

  /** Whoever called it calls {@link stop}, whatever happens. */
  static async start(): Promise<DockerEngine> {
    removeOrphans();
    const engine = new DockerEngine();
    mkdirSync(engine.directory);
    await engine.run();
    return engine;
  }

  /** Runs it, again after {@link kill}. */
  async run(): Promise<void> {
    const log = openSync(join(this.directory, 'engine.log'), 'a');
    const place = ['--host', `unix://${this.socket}`, '--pidfile', join(this.directory, 'engine.pid')];
    const storage = ['--data-root', join(this.directory, 'data'), '--exec-root', join(this.directory, 'exec')];
    const groups = ['--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', `/${this.#name}`];
    // Without CAP_SYS_RESOURCE nobody may be made less likely to be killed for want of memory: it does not try.
    const engine = ['dockerd', ...place, ...storage, ...groups, '--oom-score-adjust', '0', '--group', 'root'];
    const namespaces = ['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const script = 'ip link set lo up && exec "$@"';
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...namespaces, 'sh', '-c', script, 'sh', ...engine], {
      stdio: ['ignore', log, log],
    });
    this.#process = child;
    await until(
      'the engine answers',
      async () => {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`the engine ended: ${this.logTail()}`);
        return existsSync(this.socket) && (await this.try('version')).exitCode === 0;
      },
      DEADLINE_MS,
    );
  }

  /** Ends it and all that it runs, at once. Its containers, images and volumes stay. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    // The first process of its PID namespace goes after all others have gone.
    await until('the engine has ended', () => !processesHave(this.socket), DEADLINE_MS);
    // As a reboot would: the process ids in there mean nothing to the next one.
    for (const name of ['engine.pid', 'docker.sock', 'exec'])
      rmSync(join(this.directory, name), { recursive: true, force: true });
  }

  /** Ends it, and removes all that was its. */
  async stop(): Promise<void> {
    await this.kill();
    await remove(this.#name);
  }

  /** The end of what it wrote. */
  logTail(): string {
    return readFileSync(join(this.directory, 'engine.log'), 'utf8').split('\n').slice(-15).join('\n');
  }

  /** `docker ARGS`, whatever the exit code. */
  async try(...args: readonly string[]): Promise<ProgramResult> {
    return await runProgram(this.command('docker', ...args));
  }

  /** `docker ARGS`, which has to succeed. Gives what it printed. */
  async docker(...args: readonly string[]): Promise<string> {
    return (await this.try(...args)).succeeded();
  }

  /** A command that talks to this engine, as arguments of a process. */
  command(...argv: readonly string[]): string[] {
    return ['env', `DOCKER_HOST=unix://${this.socket}`, `DOCKER_CONFIG=${this.directory}`, ...argv];
  }
}

/** Whether a process is there that was started with this text among its arguments. */
function processesHave(text: string): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(`unix://${text}`);
      } catch {
        return false;
      }
    });
}

/** What engines of tests that were killed left behind. */
function removeOrphans(): void {
  const groups = readdirSync(CGROUPS).flatMap((controller) => entriesOf(join(CGROUPS, controller)));
  const names = [...entriesOf(tmpdir()), ...entriesOf(CGROUPS), ...groups].filter((name) => name.startsWith(PREFIX));
  for (const name of new Set(names)) {
    const [pid = ''] = name.slice(PREFIX.length).split('-');
    // Somebody else may be about it as well.
    if (!existsSync(`/proc/${pid}`)) void remove(name).catch(() => undefined);
  }
}

async function remove(name: string): Promise<void> {
  rmSync(join(tmpdir(), name), { recursive: true, force: true });
  const groups = [CGROUPS, ...readdirSync(CGROUPS).map((controller) => join(CGROUPS, controller))]
    .map((hierarchy) => join(hierarchy, name))
    .filter((group) => existsSync(group));
  // A group is empty a moment after its last process has ended.
  await until(`the cgroups of ${name} are removed`, () => groups.every(removeGroup), DEADLINE_MS);
}

/** A group goes after those in it. @returns whether it is gone. */
function removeGroup(group: string): boolean {
  if (!existsSync(group)) return true;
  const inner = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  try {
    for (const { name } of inner) removeGroup(join(group, name));
    rmdirSync(group);
  } catch {
    return false;
  }
  return true;
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
