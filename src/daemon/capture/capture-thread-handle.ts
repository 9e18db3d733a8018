/**
 * The thread of captures, as the main thread sees it.
 *
 *     starting ──ready──> running ──close──> ended
 *         └────────died──────┴────────────────^
 */
import type { Socket } from 'node:net';
import { type MessagePort, type Transferable, Worker } from 'node:worker_threads';
import { releaseSocket } from '../../linux/socket-handover.ts';
import type {
  CaptureAnswer,
  CaptureEnd,
  CaptureOrder,
  CapturePlan,
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
  /** Nobody is served, nor on the way; called again, unless it is closed, once that has been so again for a while. */
  idle(): void;
  /** Called once, when it ended without having been told to. */
  died(error: Error): void;
}

// In a checkout the sources run as they are; what is published was compiled.
const entry = new URL(import.meta.url.endsWith('.ts') ? './capture-thread.ts' : './capture-thread.js', import.meta.url);

export class CaptureThread {
  readonly #worker: Worker;
  readonly #listener: CaptureThreadListener;
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #isClosing = false;
  #failure: Error | undefined;
  #tasks = 0;

  constructor(setup: CaptureThreadSetup, listener: CaptureThreadListener) {
    this.#listener = listener;
    this.#worker = new Worker(entry, { workerData: setup, name: 'weft-captures' });
    this.#worker.on('message', (report: CaptureReport) => this.#hear(report));
    this.#worker.on('error', (error) => (this.#failure = error));
    this.#worker.on('exit', () => this.#exited());
    // Who waits for it hears of it; it may be that nobody does.
    this.#ready.promise.catch(() => undefined);
  }

  /** Waits until it runs: a task that it is given before may be lost. @throws whatever kept it from that */
  async ready(): Promise<void> {
    await this.#ready.promise;
  }

  /** Has it serve who came in by the door. @throws as {@link releaseSocket} */
  admit(client: Socket): void {
    const fd = releaseSocket(client);
    this.#tasks++;
    this.tell({ kind: 'client', fd });
  }

  /** Has it capture into `port`. */
  serve(plan: CapturePlan, port: MessagePort): void {
    this.#tasks++;
    this.tell({ kind: 'serve', plan, port }, [port]);
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
    if (report.kind === 'ready') this.#ready.resolve();
    else if (report.kind === 'idle') this.#hearIdle(report.tasks);
    else if (report.kind === 'ended') this.#listener.ended(report.capture, report.end, report.totals);
    else void this.#answer(report.id, report.question);
  }

  /** What it has not yet been given keeps it. It says so again after that. */
  #hearIdle(tasks: number): void {
    if (tasks === this.#tasks && !this.#isClosing) this.#listener.idle();
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
    this.#ready.reject(error);
    if (!this.#isClosing) this.#listener.died(error);
  }
}
