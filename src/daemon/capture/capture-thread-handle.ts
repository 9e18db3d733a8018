/**
 * The thread of captures, as the main thread sees it.
 *
 *     starting ──ready──> running ──close──> ended
 *                            └────died────────^
 */
import { type Transferable, Worker } from 'node:worker_threads';
import type { Notice } from '../api.ts';
import { failureOf } from './byte-port.ts';
import type {
  CaptureAnswer,
  CaptureEnd,
  CaptureOrder,
  CaptureQuestion,
  CaptureReport,
  CaptureThreadSetup,
  CaptureTotals,
} from './capture-messages.ts';
import { describeFailure } from '../worker/worker-report.ts';

/** Who hears what the thread says. */
export interface CaptureThreadListener {
  /** Answers a question of the thread; what it throws goes to whoever is at the door. */
  answer(question: CaptureQuestion): CaptureAnswer | Promise<CaptureAnswer>;
  ended(capture: number, end: CaptureEnd, totals: CaptureTotals): void;
  /** Called once, when it ended without having been told to after it was ready. */
  died(error: Error): void;
}

// In a checkout the sources run as they are; what is published was compiled.
const entry = new URL(import.meta.url.endsWith('.ts') ? './capture-thread.ts' : './capture-thread.js', import.meta.url);

export class CaptureThread {
  readonly #worker: Worker;
  readonly #listener: CaptureThreadListener;
  readonly #ready = Promise.withResolvers<readonly Notice[]>();
  readonly #ended = Promise.withResolvers<void>();
  #isReady = false;
  #isClosing = false;
  #failure: Error | undefined;

  constructor(setup: CaptureThreadSetup, listener: CaptureThreadListener) {
    this.#listener = listener;
    this.#worker = new Worker(entry, { workerData: setup, name: 'weft-captures' });
    this.#worker.on('message', (report: CaptureReport) => this.#hear(report));
    this.#worker.on('error', (error) => (this.#failure = error));
    this.#worker.on('exit', () => this.#exited());
  }

  /** Waits until its door is open. @throws WeftError `socket-in-use`, or whatever else kept it from that */
  async ready(): Promise<readonly Notice[]> {
    return await this.#ready.promise;
  }

  tell(order: CaptureOrder, transfer: readonly Transferable[] = []): void {
    this.#worker.postMessage(order, transfer);
  }

  /** Ends all captures, and waits for the thread. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.tell({ kind: 'close' });
    await this.#ended.promise;
  }

  #hear(report: CaptureReport): void {
    if (report.kind === 'ready') {
      this.#isReady = true;
      this.#ready.resolve(report.notices);
    } else if (report.kind === 'failed') this.#failure = failureOf(report.failure);
    else if (report.kind === 'ended') this.#listener.ended(report.capture, report.end, report.totals);
    else void this.#answer(report.id, report.question);
  }

  async #answer(id: number, question: CaptureQuestion): Promise<void> {
    try {
      const answer = await this.#listener.answer(question);
      this.tell({ kind: 'answer', id, answer }, answer.kind === 'remote' ? [answer.port] : []);
    } catch (error) {
      this.tell({ kind: 'refusal', id, failure: describeFailure(error) });
    }
  }

  #exited(): void {
    const error = this.#failure ?? new Error('the thread of captures ended');
    this.#ended.resolve();
    if (!this.#isReady) this.#ready.reject(error);
    else if (!this.#isClosing) this.#listener.died(error);
  }
}
