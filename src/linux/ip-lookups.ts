/** Many questions to the kernel in one run of `ip`, each with an answer of its own. */
import { CommandError } from '../errors.ts';
import { runToItsEnd } from './command.ts';

/** Rows of JSON, or why the kernel refused: `No route to host`. */
export type IpAnswer = { readonly rows: readonly Readonly<Record<string, unknown>>[] } | { readonly error: string };

export interface IpLookups {
  readonly family: 4 | 6;
  /** Each as after the word `ip`. */
  readonly lines: readonly string[];
  /** Path of a network namespace file; absent: this process's own. */
  readonly netns?: string;
  readonly purpose: string;
}

/** A pod may have as many routes, rules and devices as it likes. */
const MAX_OUTPUT_BYTES = 2 * 1024 * 1024;
const TIMEOUT_MS = 4_000;

/** Asks all of it. @throws CommandError, RequirementError */
export async function ipLookups({ family, lines, netns, purpose }: IpLookups): Promise<IpAnswer[]> {
  const { stdout, stderr, exitCode } = await runToItsEnd(
    ['ip', `-${family}`, '-details', '-json', '-force', '-batch', '-'],
    {
      purpose,
      input: `${lines.join('\n')}\n`,
      timeoutMs: TIMEOUT_MS,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      ...(netns !== undefined && { netns }),
    },
  );
  const answers = parseIpAnswers(lines.length, stdout, stderr);
  if (answers !== undefined) return answers;
  throw new CommandError('ip -batch', exitCode, stderr, purpose);
}

/** `undefined` if what was written is not `count` answers. */
export function parseIpAnswers(count: number, stdout: string, stderr: string): IpAnswer[] | undefined {
  const errors = errorsByLine(stderr);
  const documents = stdout.split('\n').filter((line) => line !== '');
  if (documents.length !== count - errors.size) return undefined;
  try {
    return Array.from({ length: count }, (_, index) => {
      const error = errors.get(index + 1);
      return error === undefined ? { rows: JSON.parse(documents.shift()!) as [] } : { error };
    });
  } catch {
    return undefined;
  }
}

/** What was said before each `Command failed -:LINE`. */
function errorsByLine(stderr: string): Map<number, string> {
  const errors = new Map<number, string>();
  let said: string[] = [];
  for (const line of stderr.split('\n')) {
    const failed = /^Command failed -:(\d+)$/.exec(line);
    if (failed === null) {
      said.push(line.replace(/^(RTNETLINK answers|Error): /, ''));
      continue;
    }
    errors.set(Number(failed[1]), said.join(' ').trim());
    said = [];
  }
  return errors;
}
