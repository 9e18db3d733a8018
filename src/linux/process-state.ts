/** What a process is and does at this moment: /proc/PID, proc_pid_status(5). */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** As the kernel names it; `unknown`: the process cannot be seen from here. */
export type ProcessState = 'running' | 'sleeping' | 'waiting for a disk' | 'stopped' | 'traced' | 'ended' | 'unknown';

const states: Readonly<Record<string, ProcessState>> = {
  R: 'running',
  S: 'sleeping',
  I: 'sleeping',
  D: 'waiting for a disk',
  T: 'stopped',
  t: 'traced',
  Z: 'ended',
  X: 'ended',
};

/** Of its main thread; a signal that stops a process stops all of them. */
export function processState(pid: number): ProcessState {
  const letter = /^State:\s+(\S)/m.exec(textOf(`/proc/${pid}/status`))?.[1];
  return states[letter ?? ''] ?? 'unknown';
}

/** Most of the name of a script, which may be as long as that of a file. */
const MAX_NAME_LENGTH = 64;

/**
 * Name of a process, {@link printableName printable}; of a Node program the script's, as Node calls its main thread `MainThread`. Empty if
 * it cannot be seen.
 */
export function processName(pid: number | string): string {
  const [program = '', ...args] = textOf(`/proc/${pid}/cmdline`).split('\0');
  const script = args.find((argument) => !argument.startsWith('-')) ?? '';
  if (basename(program) === 'node' && script !== '') {
    return /\/cli\/main\.[jt]s$/.test(script) ? 'weft' : printableName(basename(script));
  }
  return printableName(textOf(`/proc/${pid}/comm`).trim());
}

/** What a process calls itself, for people: it may call itself anything, also what moves a cursor, or looks like a message of weft's. */
export function printableName(name: string, maxLength: number = MAX_NAME_LENGTH): string {
  return name.slice(0, maxLength).replaceAll(/[^\x20-\x7e]|["\\]/g, '?');
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
