/** `ip -batch`: many changes to links, addresses and routes in one run of the program. */
import { CommandError } from '../errors.ts';
import { runCommand, type CommandOptions } from './command.ts';
import { Gathering } from './gathering.ts';

/**
 * weft's tag on kernel routes: `proto 87` ("W"). Unassigned in /etc/iproute2/rt_protos. A route with this number is ours; no
 * other is ever changed or removed.
 */
export const ROUTE_PROTOCOL = 87;

/**
 * Runs `ip` commands in order, each without the word `ip`; stops at the first that fails. What came before it stays.
 *
 * @throws {CommandError} naming the command that failed.
 */
export async function ipBatch(lines: readonly string[], options: CommandOptions): Promise<void> {
  if (lines.length === 0) return;
  try {
    await runCommand(['ip', '-batch', '-'], { ...options, input: `${lines.join('\n')}\n` });
  } catch (error) {
    throw namingTheLine(error, lines, options.purpose);
  }
}

/** Lines of somebody, and what they are for. */
interface Batch {
  readonly lines: readonly string[];
  readonly purpose: string;
}

const batches = new Gathering<Batch>(runBatches);

/**
 * As {@link ipBatch}, together with what others want at the same time: the lines of one are not torn apart, and nobody suffers from
 * another's failure.
 */
export async function ipBatchTogether(lines: readonly string[], purpose: string): Promise<void> {
  await batches.add({ lines, purpose });
}

/** Those behind one that fails are run again, without it. */
async function runBatches(all: readonly Batch[]): Promise<readonly unknown[]> {
  const failures: unknown[] = all.map(() => undefined);
  for (let first = 0; first < all.length;) {
    const rest = all.slice(first);
    const lines = rest.flatMap((batch) => batch.lines);
    try {
      await runCommand(['ip', '-batch', '-'], { purpose: rest[0]!.purpose, input: `${lines.join('\n')}\n` });
      break;
    } catch (error) {
      const failed = batchOfLine(rest, failedLine(error));
      failures[first + failed] = namingTheLine(error, lines, rest[failed]!.purpose);
      first += failed + 1;
    }
  }
  return failures;
}

/** Which of the batches has a line, by its number from 1; the first if that is not known. */
function batchOfLine(all: readonly Batch[], line: number): number {
  let last = 0;
  return Math.max(
    0,
    all.findIndex(({ lines }) => line <= (last += lines.length)),
  );
}

/** What `ip` says of a thing that is not there: a device, a route. */
const GONE =
  /^(Cannot find device .*|RTNETLINK answers: No such (process|device)|Error: (FIB|ipv6: FIB) table does not exist\.)$/;

/**
 * Runs `ip` commands that remove something, as {@link ipBatch}. All are tried, and what is gone already is no failure: the kernel
 * removes the devices of a namespace that ends, and their routes, whenever it likes.
 *
 * @throws {CommandError} naming the first command that failed.
 */
export async function ipRemove(lines: readonly string[], options: CommandOptions): Promise<void> {
  if (lines.length === 0) return;
  try {
    await runCommand(['ip', '-force', '-batch', '-'], { ...options, input: `${lines.join('\n')}\n` });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const failures = String(error.details['stderr']).split(/(?<=^Command failed -:\d+$)\n?/m);
    const failure = failures.find((said) => said.trim() !== '' && !GONE.test(said.trim().split('\n')[0]!));
    if (failure === undefined) return;
    const { exitCode } = error.details as { exitCode: number | null };
    throw namingTheLine(new CommandError('ip -batch', exitCode, failure, options.purpose), lines, options.purpose);
  }
}

/** `text` as one word of a batch. @throws RangeError if it has a character that `ip` has no way to take. */
export function batchWord(text: string): string {
  if (/["'\\\n\r\0]/.test(text)) throw new RangeError(`${JSON.stringify(text)} cannot be given to ip`);
  return `"${text}"`;
}

/** `error` of a run of `ip -batch` with these lines, as one that names the line which failed. Any other error is given back. */
export function namingTheLine(error: unknown, lines: readonly string[], purpose: string): unknown {
  if (!(error instanceof CommandError)) return error;
  const { stderr, exitCode } = error.details as { stderr: string; exitCode: number | null };
  const line = lines[failedLine(error) - 1];
  const said = stderr.replace(/^Command failed -:\d+$/m, '').trim();
  return new CommandError(line === undefined ? 'ip -batch' : `ip ${line}`, exitCode, said, purpose);
}

/** Number of the line at which `ip -batch` stopped; 0: that is not known. */
function failedLine(error: unknown): number {
  if (!(error instanceof CommandError)) return 0;
  return Number(/^Command failed -:(\d+)$/m.exec(String(error.details['stderr']))?.[1] ?? 0);
}
