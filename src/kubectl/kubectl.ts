/**
 * kubectl, as the person has it: with its configuration, its plugins for credentials, its rights.
 *
 * Chosen: the program. Instead of: a client of the Kubernetes API. Because: whoever asks about pods has it, and what opens the cluster for it
 * (KUBECONFIG, contexts, credential plugins, proxies) opens it for weft.
 */
import { execFile, spawn, type StdioOptions } from 'node:child_process';
import * as v from 'valibot';
import { RequirementError, WeftError } from '../errors.ts';

/** Which cluster, for messages and for kubectl. */
export interface KubectlOptions {
  /** Name or path of the program. */
  readonly program?: string;
  /** Options that go before all others: `--context kind`. */
  readonly options?: readonly string[];
}

/** What a command is for, and what it is given. */
export interface KubectlCommand {
  /** Completes "cannot …": `list the pods of weft`. */
  readonly purpose: string;
  /** For its standard input, which is empty otherwise. */
  readonly input?: string;
  /** Longest that it may take, in ms; 30 seconds if nothing is said. */
  readonly timeoutMs?: number;
}

/** What a command that failed wrote is of interest, too. */
export interface KubectlResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const TIMEOUT_MS = 30_000;
/** All pods of a large cluster. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/** Beginnings of what kubectl says where it reaches no cluster. */
const unreachable = [
  /connection to the server .* was refused/i,
  /unable to connect to the server/i,
  /no configuration has been provided/i,
  /context .* does not exist/i,
  /no such host|i\/o timeout|no route to host/i,
] as const;

export class Kubectl {
  readonly #program: string;
  readonly #options: readonly string[];

  constructor({ program = 'kubectl', options = [] }: KubectlOptions = {}) {
    this.#program = program;
    this.#options = options;
  }

  /** Its standard output. @throws WeftError `kubectl-failed`, `cluster-unreachable`; RequirementError `kubectl-missing` */
  async run(args: readonly string[], command: KubectlCommand): Promise<string> {
    const { stdout, stderr, exitCode } = await this.result(args, command);
    if (exitCode !== 0) throw failed(args, stderr, exitCode, command.purpose);
    return stdout;
  }

  /** What `schema` makes of the JSON that it writes. @throws as {@link run}, also where that is something else */
  async json<Output>(
    args: readonly string[],
    schema: v.GenericSchema<unknown, Output>,
    command: KubectlCommand,
  ): Promise<Output> {
    const text = await this.run([...args, '-o', 'json'], command);
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
    if (parsed.success) return parsed.output;
    const [issue] = parsed.issues;
    throw failed(args, `it wrote something else than was asked for: ${issue.message}`, 0, command.purpose);
  }

  /** Also of one that fails. @throws WeftError `kubectl-failed` if it does not end in time; RequirementError `kubectl-missing` */
  async result(
    args: readonly string[],
    { purpose, input, timeoutMs = TIMEOUT_MS }: KubectlCommand,
  ): Promise<KubectlResult> {
    const { promise, resolve, reject } = Promise.withResolvers<KubectlResult>();
    const options = { maxBuffer: MAX_OUTPUT_BYTES, timeout: timeoutMs, killSignal: 'SIGKILL' as const };
    const child = execFile(this.#program, this.#all(args), options, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr, exitCode: 0 });
      else if (typeof error.code === 'number') resolve({ stdout, stderr, exitCode: error.code });
      else if (isMissing(error)) reject(this.#missing(purpose));
      else {
        const why = error.killed === true ? `no end after ${timeoutMs / 1_000} s` : error.message;
        reject(failed(args, why, null, purpose));
      }
    });
    // It may end before it has read all of it.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
    return await promise;
  }

  /**
   * Starts it, for whoever talks to it. In a session of its own unless it has the terminal: Ctrl-C is for the person's program to pass on.
   *
   * @throws RequirementError `kubectl-missing`, when it is awaited
   */
  start(args: readonly string[], stdio: StdioOptions, hasTerminal: boolean) {
    const child = spawn(this.#program, this.#all(args), { stdio, detached: !hasTerminal });
    const { promise: ended, resolve, reject } = Promise.withResolvers<ExitState>();
    child.on('error', (error) => reject(isMissing(error) ? this.#missing('run a command in the cluster') : error));
    child.on('close', (code, signal) => resolve({ code, signal }));
    return { child, ended };
  }

  #all(args: readonly string[]): string[] {
    // What stands behind `--` is no option of kubectl.
    const [verb = '', ...rest] = args;
    return [verb, ...this.#options, ...rest];
  }

  #missing(purpose: string): RequirementError {
    const message =
      `cannot ${purpose}: the program ${this.#program} is missing: ` +
      'install it (https://kubernetes.io/docs/tasks/tools), or run this where it is';
    return new RequirementError('kubectl-missing', message, { program: this.#program });
  }
}

/** How a program ended: by itself, or by a signal. */
export interface ExitState {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function isMissing(error: Error): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === 'ENOENT' || code === 'EACCES';
}

function failed(args: readonly string[], stderr: string, exitCode: number | null, purpose: string): WeftError {
  const text = stderr.trim() || `exit code ${exitCode}`;
  const isUnreachable = unreachable.some((pattern) => pattern.test(text));
  const hint = isUnreachable ? '; --context and --kubeconfig, or KUBECONFIG, say which cluster' : '';
  const command = `kubectl ${args.slice(0, 2).join(' ')}`;
  return new WeftError(
    isUnreachable ? 'cluster-unreachable' : 'kubectl-failed',
    `cannot ${purpose}: ${command} said: ${text}${hint}`,
    { command: ['kubectl', ...args], exitCode, stderr: text },
  );
}
