/**
 * The thread of names, as the main thread sees it.
 *
 *     running ──close──> ended
 *        └─────died────────^
 */
import type { Worker } from 'node:worker_threads';
import type { ThreadProgram } from '../process/thread-reserve.ts';
import type { NamesOrder, NamesReport, NamesState, NamesThreadSetup } from './names-messages.ts';

/** Who hears what the thread says. */
export interface NamesThreadListener {
  state(state: NamesState): void;
  /** Called once, when it ended without having been told to. */
  died(error: Error): void;
}

// In a checkout the sources run as they are; what is published was compiled.
const entry = new URL(import.meta.url.endsWith('.ts') ? './names-thread.ts' : './names-thread.js', import.meta.url);

/** Memory of its own: what it needs, with 30 000 pods, many times over. Beyond it the thread ends, and no other. */
const MAX_HEAP_MB = 128;

/** Of that, for what is young, as in the main thread: with more, whatever came in once stays in memory. */
const MAX_YOUNG_MB = 6;

/** What it runs. */
export const NAMES_PROGRAM: ThreadProgram = {
  entry,
  name: 'weft-names',
  resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: MAX_YOUNG_MB },
};

export class NamesThread {
  readonly #worker: Worker;
  readonly #ended = Promise.withResolvers<void>();
  #isClosing = false;
  #failure: Error | undefined;

  /** Has a thread with {@link NAMES_PROGRAM} begin. */
  constructor(thread: Worker, setup: NamesThreadSetup, listener: NamesThreadListener) {
    this.#worker = thread;
    this.#worker.on('message', (state: NamesReport) => listener.state(state));
    this.#worker.on('error', (error) => (this.#failure = error as Error));
    this.#worker.on('exit', () => {
      this.#ended.resolve();
      if (!this.#isClosing) listener.died(this.#failure ?? new Error('the thread of names ended'));
    });
    this.#worker.postMessage(setup, []);
  }

  /** What it is told before it runs waits for it. */
  tell(order: NamesOrder): void {
    this.#worker.postMessage(order, []);
  }

  /** Waits for the thread. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.tell({ kind: 'close' });
    await this.#ended.promise;
  }
}
