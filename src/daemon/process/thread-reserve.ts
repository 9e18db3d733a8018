/**
 * Threads that have loaded their programs before there is anything for them to do.
 *
 * Loading is most of what the start of a thread takes. A daemon that stands by has done it when its turn comes.
 */
import { type ResourceLimits, Worker } from 'node:worker_threads';

/** What a thread runs. Its program waits for its first message, which says what there is to do, or {@link NOTHING_TO_DO}. */
export interface ThreadProgram {
  readonly entry: URL;
  /** Of the thread, and the only one of that name. */
  readonly name: string;
  readonly resourceLimits?: ResourceLimits;
}

/** The first message of a thread that nobody takes: it ends by itself. */
export const NOTHING_TO_DO = null;

export class ThreadReserve implements AsyncDisposable {
  /** By name, those that nobody has taken. */
  readonly #loaded = new Map<string, Worker>();

  /** Starts a thread that loads its program, and waits. One that cannot is told of when another one is taken in its place. */
  load(program: ThreadProgram): void {
    const { name } = program;
    const thread = startThread(program);
    this.#loaded.set(name, thread);
    const forget = (): void => void this.#loaded.delete(name);
    thread.on('error', forget).on('exit', forget);
  }

  /** The thread that was loaded with this program, or a new one. It is the caller's from now on. */
  take(program: ThreadProgram): Worker {
    const thread = this.#loaded.get(program.name);
    this.#loaded.delete(program.name);
    return thread ?? startThread(program);
  }

  /** Ends those that nobody has taken, when they have loaded: the addon koffi aborts the process if its thread is terminated as it loads. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#loaded.values()].map(dismiss));
  }
}

async function dismiss(thread: Worker): Promise<void> {
  const ended = new Promise((resolve) => thread.once('exit', resolve));
  thread.postMessage(NOTHING_TO_DO, []);
  await ended;
}

function startThread({ entry, name, resourceLimits }: ThreadProgram): Worker {
  return new Worker(entry, { name, ...(resourceLimits && { resourceLimits }) });
}
