/** Files below /proc that are a network namespace's own: kernel parameters, statistics. */
import { readFileSync } from 'node:fs';
import { runToItsEnd } from './command.ts';

const MAX_BYTES = 64 * 1024;
const TIMEOUT_MS = 4_000;

/**
 * Text of the files, by the names that were given: `sys/net/ipv4/ip_forward`. What is not there is left out.
 *
 * @param netns path of a network namespace file; `undefined`: this process's own.
 * @throws CommandError, RequirementError
 */
export async function readNamespaceFiles(
  names: readonly string[],
  netns: string | undefined,
): Promise<Readonly<Record<string, string>>> {
  if (netns === undefined) return Object.fromEntries(names.flatMap((name) => ownFile(name)));
  // One program for all of them. It fails if one is missing.
  const { stdout } = await runToItsEnd(['grep', '-sH', '', ...names.map((name) => `/proc/${name}`)], {
    purpose: 'read kernel parameters',
    netns,
    timeoutMs: TIMEOUT_MS,
    maxOutputBytes: MAX_BYTES,
  });
  const found: Record<string, string> = {};
  for (const line of stdout.split('\n')) {
    const name = names.find((one) => line.startsWith(`/proc/${one}:`));
    if (name === undefined) continue;
    const text = line.slice(`/proc/${name}:`.length);
    found[name] = found[name] === undefined ? text : `${found[name]}\n${text}`;
  }
  return found;
}

function ownFile(name: string): [string, string][] {
  try {
    return [[name, readFileSync(`/proc/${name}`, 'utf8').trimEnd()]];
  } catch {
    return [];
  }
}
