/** Other programs, run by a test. */
import { execFile, type ChildProcessWithoutNullStreams } from 'node:child_process';

/** What a program said, and how it ended. */
export class ProgramResult {
  readonly command: string;
  /** 255 if a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: string, exitCode: number, stdout: string, stderr: string) {
    this.command = command;
    this.exitCode = exitCode;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** What it printed. @throws Error with all that it said, unless its exit code was 0. */
  succeeded(): string {
    if (this.exitCode === 0) return this.stdout;
    throw new Error(`${this.command} ended with ${this.exitCode}: ${this.stderr}${this.stdout}`);
  }
}

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Runs a program to its end. @param input for its standard input, which is not closed otherwise. */
export async function runProgram(
  argv: readonly string[],
  { input }: { readonly input?: string } = {},
): Promise<ProgramResult> {
  const [program = '', ...args] = argv;
  return await new Promise((resolve) => {
    const child = execFile(program, args, { maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
      resolve(new ProgramResult(argv.join(' '), exitCode, stdout, stderr || (error?.message ?? '')));
    });
    if (input === undefined) return;
    // It may end before it has read everything.
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(input);
  });
}

/** No program that a test waits for takes this long, on a busy machine neither. */
const END_DEADLINE_MS = 90_000;

/** A program that runs. */
export class Program {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #command: string;
  readonly #ended: Promise<ProgramResult>;
  /** So far. */
  stdout = '';
  stderr = '';

  constructor(child: ChildProcessWithoutNullStreams, command: string) {
    this.child = child;
    child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined);
    this.#command = command;
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        const stderr = signal === null ? this.stderr : `${this.stderr}(ended by ${signal})\n`;
        resolve(new ProgramResult(command, code ?? 255, this.stdout, stderr));
      });
    });
  }

  /** Waits for its end. @throws Error with what it said, if that does not come in time; it is killed then. */
  async ends(deadlineMs = END_DEADLINE_MS): Promise<ProgramResult> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), deadlineMs)));
    const result = await Promise.race([this.#ended, late]);
    clearTimeout(timer);
    if (result !== undefined) return result;
    this.child.kill('SIGKILL');
    throw new Error(`waited ${deadlineMs} ms in vain for the end of ${this.#command}: ${this.stderr}${this.stdout}`);
  }

  /** Sends a signal, and waits for the end. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProgramResult> {
    this.child.kill(signal);
    return await this.ends();
  }
}
