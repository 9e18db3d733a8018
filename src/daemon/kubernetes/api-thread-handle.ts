/**
 * The thread of the Kubernetes API, as the main thread sees it.
 *
 *     running ──close──> ended
 *        └─────died────────^
 */
import { Worker } from 'node:worker_threads';
import type { ApiOrder, ApiReport, ApiThreadSetup } from './api-messages.ts';

/** Who hears what the thread says. */
export interface ApiThreadListener {
  report(report: ApiReport): void;
  /** Called once, when it ended without having been told to. */
  died(error: Error): void;
}

// In a checkout the sources run as they are; what is published was compiled.
const entry = new URL(import.meta.url.endsWith('.ts') ? './api-thread.ts' : './api-thread.js', import.meta.url);

/** Memory of its own: a page of the largest objects, parsed, several times over. Beyond it the thread ends, and no other. */
const MAX_HEAP_MB = 192;

/** Of that, for what is young: with more, whatever came in once stays in memory. */
const MAX_YOUNG_MB = 8;

export class ApiThread {
  readonly #worker: Worker;
  readonly #ended = Promise.withResolvers<void>();
  #isClosing = false;
  #failure: Error | undefined;

  constructor(setup: ApiThreadSetup, listener: ApiThreadListener) {
    const resourceLimits = { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: MAX_YOUNG_MB };
    this.#worker = new Worker(entry, { workerData: setup, name: 'weft-kubernetes', resourceLimits });
    this.#worker.on('message', (report: ApiReport) => {
      if (!this.#isClosing) listener.report(report);
    });
    this.#worker.on('error', (error) => (this.#failure = error as Error));
    this.#worker.on('exit', () => {
      this.#ended.resolve();
      if (!this.#isClosing) listener.died(this.#failure ?? new Error('the thread of the Kubernetes API ended'));
    });
  }

  /** What it is told before it runs waits for it. */
  tell(order: ApiOrder): void {
    this.#worker.postMessage(order, []);
  }

  /** Waits for the thread. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.tell({ kind: 'close' });
    await this.#ended.promise;
  }
}
