/**
 * Who changed in the kernel what is weft's, as far as the kernel tells: for whoever wonders what keeps taking it away.
 *
 *     nftables     says process id and name with every transaction
 *     rtnetlink    says for routes and IPv4 addresses the port of the socket, by which the process is found if it is still
 *                  there: a network manager is, `ip` is not
 *
 * What weft's own programs do is left out, and what the kernel does by itself: routes that go with their device.
 */
import type { KernelChange } from '../../linux/kernel-change.ts';
import { printableName } from '../../linux/process-state.ts';

/** A process, as it calls itself. */
export interface NamedProcess {
  readonly pid: number;
  readonly name: string;
}

export interface ChangeAuthorsOptions {
  /** What the audit calls that which a change is about; `undefined`: nothing of weft's. */
  readonly subjectOf: (change: KernelChange) => string | undefined;
  /** Whether a program of weft's own has this port, or had it a moment ago. */
  readonly isOwn: (port: number) => boolean;
  /** The process that has a socket of rtnetlink with this port now. */
  readonly find: (port: number) => NamedProcess | undefined;
  readonly nowMs: () => number;
}

/** What was heard longer ago, in ms, was no reason for a repair of now. */
const KEPT_MS = 30_000;

/** Most subjects that are kept: others push out the oldest. */
const MAX_KEPT = 256;

/** Most ports that a process is sought for, of the changes that were heard at once. */
const MAX_SOUGHT = 8;

/** Longest name of a process that Linux has, in bytes (TASK_COMM_LEN, without the NUL). */
const MAX_NAME_LENGTH = 15;

interface Heard {
  readonly port: number;
  readonly isTable: boolean;
  readonly atMs: number;
  /** Of nftables it is told at the end of the transaction; of rtnetlink it is sought at once, or never found. */
  process: NamedProcess | undefined;
}

export class ChangeAuthors {
  readonly #options: ChangeAuthorsOptions;
  /** The last change of each subject. */
  readonly #heard = new Map<string, Heard>();

  constructor(options: ChangeAuthorsOptions) {
    this.#options = options;
  }

  /** Takes what was heard, soon: a process may end at any time. */
  hear(changes: readonly KernelChange[]): void {
    const { subjectOf, isOwn, nowMs } = this.#options;
    const sought = new Set<number>();
    for (const change of changes) {
      const { port, kind } = change;
      if (isOwn(port)) continue;
      if (kind === 'transaction') {
        // Only what is open: the port may be another process's by and by.
        for (const heard of this.#ofPort(port, true)) heard.process ??= change;
        continue;
      }
      const subject = subjectOf(change);
      if (subject === undefined) continue;
      if (port === 0) {
        // By the kernel itself, or it does not say: whoever changed it before is not the last one any more.
        this.#heard.delete(keyOf(subject));
        continue;
      }
      this.#put(keyOf(subject), { port, isTable: kind === 'table', atMs: nowMs(), process: undefined });
      if (kind !== 'table') sought.add(port);
    }
    for (const port of [...sought].slice(-MAX_SOUGHT)) this.#seek(port);
  }

  /** Who changed it last, such as `process "nft" (pid 4711)`; `undefined`: nobody is known to have. */
  of(subject: string): string | undefined {
    const heard = this.#heard.get(keyOf(subject));
    if (heard === undefined || this.#options.nowMs() - heard.atMs > KEPT_MS) return undefined;
    const { port, process } = heard;
    if (process !== undefined) return `process "${printableName(process.name, MAX_NAME_LENGTH)}" (pid ${process.pid})`;
    return `a process that was not found, as it may have ended (netlink port ${port}, mostly the process id)`;
  }

  /** It was put right: whoever changes it next does so anew. */
  forget(subject: string): void {
    this.#heard.delete(keyOf(subject));
  }

  #seek(port: number): void {
    const open = this.#ofPort(port, false).filter(({ process }) => process === undefined);
    if (open.length === 0) return;
    const process = this.#options.find(port);
    for (const heard of open) heard.process = process;
  }

  /** Ports of nftables are others than those of rtnetlink. */
  #ofPort(port: number, isTable: boolean): Heard[] {
    return [...this.#heard.values()].filter((heard) => heard.port === port && heard.isTable === isTable);
  }

  #put(key: string, heard: Heard): void {
    this.#heard.delete(key);
    this.#heard.set(key, heard);
    const [oldest] = this.#heard.keys();
    if (this.#heard.size > MAX_KEPT) this.#heard.delete(oldest!);
  }
}

/** Without the length of a single address. */
function keyOf(subject: string): string {
  return subject.replace(subject.includes(':') ? /\/128$/ : /\/32$/, '');
}
