/** A program that the benchmark started: a daemon, a load generator, the other end of it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeftError } from '../src/errors.ts';
import { commandDirectories } from '../src/linux/command.ts';
import { interruption, pause } from './interruption.ts';

const POLL_MS = 10;
const START_DEADLINE_MS = 15_000;
const STOP_DEADLINE_MS = 8_000;

export class Program {
  readonly argv: readonly string[];
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #stdout = '';
  #stderr = '';
  #exit: string | undefined;
  readonly #interrupt = (): void => void this.#child.kill('SIGTERM');

  /**
   * Starts `argv` in the network namespace `netns`. nsenter replaces itself by the program, so that {@link pid} is the
   * program's.
   *
   * @param seconds ends it by SIGKILL when it takes longer; without, it may run for ever.
   */
  constructor(argv: readonly string[], netns: string, seconds?: number) {
    interruption.throwIfAborted();
    this.argv = argv;
    this.#child = spawn('nsenter', [`--net=/run/netns/${netns}`, '--', ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C in a terminal reaches this process alone, which ends the others in order.
      detached: true,
      env: environment(),
      ...(seconds === undefined ? {} : { timeout: seconds * 1000, killSignal: 'SIGKILL' }),
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    // The end is what explains a failure; a daemon that logs for half an hour must not fill the memory.
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-4000)));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = promise;
    this.#child.on('error', (error) => this.#ended(error.message, resolve));
    this.#child.on('close', (code, signal) => this.#ended(signal ?? `exit code ${code}`, resolve));
    interruption.addEventListener('abort', this.#interrupt);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Waits until it has written `text` to its standard output. @throws WeftError `program-failed` */
  async writes(text: string): Promise<void> {
    await this.until(`write "${text}"`, () => this.#stdout.includes(text));
  }

  /** Waits until `condition` holds. @param what it is expected to do. @throws WeftError `program-failed` if it ends or is too slow. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await condition())) {
      if (this.#exit !== undefined) throw this.#failure(this.#exit);
      if (Date.now() > deadline) throw this.#failure(`did not ${what} within ${START_DEADLINE_MS / 1000} s`);
      await pause(POLL_MS);
    }
  }

  /** Waits until it ends by itself, and gives what it wrote. @throws WeftError `program-failed` unless it ended with 0. */
  async output(): Promise<string> {
    await this.#closed;
    interruption.throwIfAborted();
    if (this.#exit !== 'exit code 0') throw this.#failure(this.#exit ?? 'ended');
    return this.#stdout;
  }

  /** Ends it, in peace if it goes, and waits until it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const patience = new AbortController();
    await Promise.race([this.#closed, sleep(STOP_DEADLINE_MS, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
    if (this.#exit === undefined) this.#child.kill('SIGKILL');
    await this.#closed;
  }

  #ended(exit: string, resolve: () => void): void {
    this.#exit ??= exit;
    interruption.removeEventListener('abort', this.#interrupt);
    resolve();
  }

  #failure(why: string): WeftError {
    const said = (this.#stderr.trim() || this.#stdout.trim()).split('\n').slice(-8).join('\n');
    return new WeftError('program-failed', `${this.argv.join(' ')}: ${why}${said === '' ? '' : `; it said:\n${said}`}`);
  }
}

/** WEFT_* variables are settings of daemons, and must not reach them. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_'));
  return { ...Object.fromEntries(own), PATH: commandDirectories().join(':'), LC_ALL: 'C' };
}
