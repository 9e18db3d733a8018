/**
 * Running programs: `ip`, `nft`, `nsenter`.
 *
 * Chosen: the distribution's programs, in batches. Instead of: netlink sockets of our own. Because: Node has none, their
 * text and JSON are stable, and they say well what is wrong. But for what is done for each container: a start of a program copies
 * this process, which takes longer than all that is to be done. There, messages of our own are sent (`route-socket.ts`, `nft-netlink.ts`,
 * `connections.ts`).
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { CommandError, RequirementError } from '../errors.ts';
import { rememberOwnPort } from './own-ports.ts';
import { explainShortage } from './shortage.ts';

export interface CommandOptions {
  /** What the command is for, completing "cannot …": `add the route to 10.0.0.0/8`. */
  readonly purpose: string;
  /** Written to its standard input, which is empty otherwise. */
  readonly input?: string;
  /** Path of a network namespace file to run it in. The file system stays the caller's, unlike with `ip netns exec`. */
  readonly netns?: string;
  /** Longest that it may take, in ms, if that is to be less than 30 seconds. */
  readonly timeoutMs?: number;
  /** Most that it may write, in bytes: more than that is an error. Needed where a stranger decides how much there is. */
  readonly maxOutputBytes?: number;
}

/** What a program wrote, and how it ended. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Programs that run at one time: each takes descriptors of this process for what it says. */
const MAX_RUNNING = 16;

/** Longest that a command may take, in ms. These take single milliseconds; on a host in trouble a few seconds. */
const COMMAND_TIMEOUT_MS = 30_000;

/** Where Debian keeps a program that weft runs. What is not here is named by the program. */
export const debianPackages: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  sh: 'dash',
  ss: 'iproute2',
  nstat: 'iproute2',
  sysctl: 'procps',
  journalctl: 'systemd',
  'iptables-save': 'iptables',
  'ip6tables-save': 'iptables',
};

/**
 * Runs a program, without a shell, and gives what it wrote to its standard output.
 *
 * @throws {CommandError} if it exits with anything but 0, or not at all within 30 seconds.
 * @throws {RequirementError} `program-missing` if there is no such program, or none that may be run.
 * @throws {ExhaustedError} `processes-exhausted`, `descriptors-exhausted`, `files-exhausted`, `memory-exhausted` if it cannot be started
 *   for want of something; the message names the limit.
 */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<string> {
  const { stdout, stderr, exitCode } = await runToItsEnd(argv, options);
  if (exitCode === 0) return stdout;
  throw new CommandError(argv.join(' '), exitCode, stderr, options.purpose);
}

/**
 * As {@link runCommand}, for a program of which what it wrote counts even if it fails.
 *
 * @throws {CommandError} only if a signal ended it, or it wrote too much.
 */
export async function runToItsEnd(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const [program = '', ...args] =
    options.netns === undefined ? argv : ['nsenter', `--net=${options.netns}`, '--', ...argv];
  await placeToRun();
  try {
    await turnToStart();
    return await run(start(program, args, options), { program, argv, options });
  } finally {
    leavePlace();
  }
}

/** @throws ExhaustedError where that is known at once; other failures are an event of the child */
function start(program: string, args: readonly string[], options: CommandOptions): ChildProcessWithoutNullStreams {
  const { purpose } = options;
  try {
    const child = spawn(program, args, { stdio: 'pipe', env: commandEnvironment(), detached: isBounded(options) });
    if (child.pid !== undefined) rememberOwnPort(child.pid);
    return child;
  } catch (error) {
    throw explainShortage(error, purpose) ?? error;
  }
}

/** Such a program is at the mercy of a stranger: it has a process group of its own, so that it can be ended with all that it started. */
function isBounded({ timeoutMs, maxOutputBytes }: CommandOptions): boolean {
  return timeoutMs !== undefined || maxOutputBytes !== undefined;
}

/** Ends a program and what it started, and lets go of what they would still write: whoever waits goes on. */
function end(child: ChildProcessWithoutNullStreams, options: CommandOptions): void {
  if (isBounded(options) && child.pid !== undefined) {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // They have ended by themselves.
    }
  } else child.kill();
  child.stdout.destroy();
  child.stderr.destroy();
}

interface RunningCommand {
  readonly program: string;
  readonly argv: readonly string[];
  readonly options: CommandOptions;
}

async function run(
  child: ChildProcessWithoutNullStreams,
  { program, argv, options }: RunningCommand,
): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  // Not spawn's own: where there is no such program, that one stays, and keeps this process alive for as long.
  const timer = setTimeout(() => end(child, options), options.timeoutMs ?? COMMAND_TIMEOUT_MS);
  child.on('error', (error: NodeJS.ErrnoException) => {
    clearTimeout(timer);
    const isMissing = error.code === 'ENOENT' || error.code === 'EACCES';
    if (isMissing) reject(programMissing(program, options.purpose));
    else reject(explainShortage(error, options.purpose) ?? error);
  });
  // Without descriptors there are no pipes, whatever the type says, and an error will follow.
  if ((child.stdout as unknown) === undefined) return await promise;
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let roomBytes = options.maxOutputBytes ?? Infinity;
  child.stdout.on('data', (chunk: Buffer) => {
    roomBytes -= chunk.length;
    if (roomBytes >= 0) stdout.push(chunk);
    else end(child, options);
  });
  let errorRoomBytes = options.maxOutputBytes ?? Infinity;
  child.stderr.on('data', (chunk: Buffer) => {
    errorRoomBytes -= chunk.length;
    if (errorRoomBytes >= 0) stderr.push(chunk);
  });
  child.on('close', (exitCode, signal) => {
    clearTimeout(timer);
    const text = Buffer.concat(stderr).toString();
    const failed = (why: string) => reject(new CommandError(argv.join(' '), exitCode, why, options.purpose));
    if (roomBytes < 0) failed(`more than ${options.maxOutputBytes} bytes`);
    else if (nsenterFoundNoProgram(exitCode, text)) reject(programMissing(argv[0] ?? '', options.purpose));
    else if (exitCode === null) failed(`${text} killed by ${signal}`);
    else resolve({ stdout: Buffer.concat(stdout).toString(), stderr: text, exitCode });
  });
  // A program that fails early closes its input before it was all written: its exit code tells, not this.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return await promise;
}

/**
 * As {@link runCommand}, for a program that writes one JSON document. Nothing at all, as `ip -j` writes for an empty list,
 * is `[]`. The caller vouches for the type.
 *
 * @throws {CommandError} also if the output is not JSON.
 */
export async function runJsonCommand<Document>(argv: readonly string[], options: CommandOptions): Promise<Document> {
  const text = await runCommand(argv, options);
  try {
    return JSON.parse(text.trim() || '[]') as Document;
  } catch {
    throw new CommandError(argv.join(' '), 0, `no JSON: ${text.slice(0, 200)}`, options.purpose);
  }
}

/**
 * Directories in which a program is looked for, in order. The system's come first: a CNI plugin is started with no PATH, and
 * below npm another `nft`, out of `node_modules/.bin`, would be found.
 */
export function commandDirectories(): readonly string[] {
  const own = (process.env['PATH'] ?? '').split(':').filter((directory) => directory !== '');
  return ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin', ...own];
}

/** When the last of those that wait to start a program may. */
let lastTurn = Promise.resolve();

/**
 * A program is started by a copy of this process, which takes milliseconds, and tens of them on a busy machine: nothing else
 * happens meanwhile. So no more than one is started between two looks at timers and sockets.
 */
async function turnToStart(): Promise<void> {
  lastTurn = lastTurn.then(setImmediate);
  await lastTurn;
}

let running = 0;
/** Who waits until another program has ended. */
const waiting: (() => void)[] = [];

async function placeToRun(): Promise<void> {
  if (running < MAX_RUNNING) running++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
}

/** The place goes to the next one, if there is one. */
function leavePlace(): void {
  const next = waiting.shift();
  if (next === undefined) running--;
  else next();
}

/** The caller's environment, but with English messages. */
function commandEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: commandDirectories().join(':'), LC_ALL: 'C' };
}

function nsenterFoundNoProgram(exitCode: number | null, stderr: string): boolean {
  // As in a shell: 126 is for what cannot be run.
  if (exitCode !== 126 && exitCode !== 127) return false;
  return /^nsenter: failed to execute .*: (No such file or directory|Permission denied)$/m.test(stderr);
}

function programMissing(program: string, purpose: string): RequirementError {
  const debianPackage = debianPackages[program] ?? program;
  return new RequirementError(
    'program-missing',
    `cannot ${purpose}: the program ${program} is missing; on Debian and Ubuntu: apt-get install ${debianPackage}`,
    { program, debianPackage },
  );
}
