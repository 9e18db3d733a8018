/** Programs of a cluster that go on in the background, also when the command that started them has ended. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { endProcesses } from '../../src/lab/daemon-process.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from '../../src/lab/process-identity.ts';

/** Lines of a log that explain an end that nobody wanted. */
const LOG_TAIL_LINES = 15;

/** Programs whose logs and process numbers are in one directory. */
export class Background {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Names of those that were started, and not ended by {@link end}. */
  get names(): string[] {
    if (!existsSync(this.#directory)) return [];
    return readdirSync(this.#directory).flatMap((file) => (file.endsWith('.json') ? [basename(file, '.json')] : []));
  }

  /** Starts a program. It must not fork into the background itself. @throws Error if it cannot be started. */
  start(name: string, argv: readonly string[]): void {
    mkdirSync(this.#directory, { recursive: true });
    const [program = '', ...args] = argv;
    const log = openSync(this.logFile(name), 'a', 0o600);
    const child = spawn(program, args, {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log],
      env: environmentWithoutSettings(),
    });
    closeSync(log);
    child.on('error', () => {});
    child.unref();
    const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (identity === undefined) throw new Error(`${name} did not start: ${this.logTail(name)}`);
    writeFileSync(this.#file(name), JSON.stringify(identity));
  }

  /** The process of a program that runs, or `undefined`. */
  process(name: string): ProcessIdentity | undefined {
    const file = this.#file(name);
    if (!existsSync(file)) return undefined;
    const identity = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
    return isRunning(identity) ? identity : undefined;
  }

  /** @throws Error with the end of its log unless it runs. */
  mustRun(name: string): void {
    if (this.process(name) === undefined) throw new Error(`${name} ended: ${this.logTail(name)}`);
  }

  /** Ends programs, by `SIGKILL` if another signal did not do it in time, and waits until they have ended. */
  async end(signal: 'SIGTERM' | 'SIGKILL', ...names: readonly string[]): Promise<void> {
    const started = names.flatMap((name) => this.process(name) ?? []);
    // Into a namespace of processes nsenter goes by a child, which would outlive it.
    await endProcesses([...started, ...started.flatMap(childrenOf)], signal);
    for (const name of names) rmSync(this.#file(name), { force: true });
  }

  logFile(name: string): string {
    return join(this.#directory, `${name}.log`);
  }

  /** The end of what it wrote. */
  logTail(name: string): string {
    const log = existsSync(this.logFile(name)) ? readFileSync(this.logFile(name), 'utf8').trimEnd() : '';
    return log.split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }

  #file(name: string): string {
    return join(this.#directory, `${name}.json`);
  }
}

/** What a process started, and has not ended. */
export function childrenOf({ pid }: ProcessIdentity): ProcessIdentity[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return pids === '' ? [] : pids.split(' ').flatMap((child) => identifyProcess(Number(child)) ?? []);
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

/** WEFT_* variables are settings, and would be the same for all nodes. */
function environmentWithoutSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_')));
}
