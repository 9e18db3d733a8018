/**
 * One worker thread and how to end it.
 *
 *     starting ──ready──> running ──requestStop──> ended
 *        └──────── failed, timeout ───────────────────^
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { WeftError } from '../../errors.ts';
import { Wakeup } from '../../linux/wakeup.ts';
import type { ThreadProgram } from '../process/thread-reserve.ts';
import type { WorkerOrder } from './worker-orders.ts';
import { restoreFailure, type WorkerReport, type WorkerSetup } from './worker-report.ts';
import type { Features } from '../../api/feature.ts';

/** Loading and opening takes some 100 ms; where everything starts at once, many seconds: who gave up would only begin again. */
const START_TIMEOUT_MS = 60_000;
/** Opening sockets takes a millisecond; a worker that is busy comes to it within a turn. */
const MOVE_TIMEOUT_MS = 5_000;

// In a checkout the sources run as they are; what is published was compiled.
const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/** What the thread of a worker runs. @param worker its number, from 0 */
export function workerProgram(worker: number): ThreadProgram {
  return { entry, name: `weft-worker-${worker}` };
}

/** The main thread's handle of a worker. */
export class WorkerThread {
  /** What of the kernel's help the worker uses. Empty before it is ready. */
  features: Partial<Features> = {};
  readonly #worker: number;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #wakeup = new Wakeup();
  /** The other end is the worker's. */
  readonly #orders: MessagePort;
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #onDeath: (error: Error) => void;
  readonly #startTimer: NodeJS.Timeout;
  #failure: Error | undefined;
  /** Who waits for which order to move. */
  readonly #moves = new Map<number, PromiseWithResolvers<void>>();
  /** Orders that it has not carried out yet, and who waits until it has. */
  #outstanding = 0;
  #obeyed: PromiseWithResolvers<void> | undefined;
  #isEnded = false;

  /**
   * Has a thread with the program of {@link workerProgram} begin. `onDeath` is called once if it ends without having been told to, also
   * before it was ready.
   */
  constructor(
    thread: Worker,
    setup: Omit<WorkerSetup, 'stop' | 'wakeupFd' | 'orders'>,
    onDeath: (error: Error) => void,
  ) {
    this.#worker = setup.worker;
    this.#onDeath = onDeath;
    // Awaited late, or not at all: the failure is reported through onDeath, too.
    this.#ready.promise.catch(() => undefined);
    const { port1, port2: orders } = new MessageChannel();
    this.#orders = port1;
    const begin: WorkerSetup = { ...setup, stop: this.#stop, wakeupFd: this.#wakeup.fd, orders };
    thread.on('message', (report: WorkerReport) => this.#handle(report));
    thread.on('error', (error: Error) => (this.#failure ??= error));
    thread.on('exit', (exitCode) => this.#finish(exitCode));
    thread.postMessage(begin, [orders]);
    this.#startTimer = setTimeout(() => this.#timeOut(), START_TIMEOUT_MS);
  }

  /** Resolves when it forwards. Rejects with its error when it could not start. */
  async ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when it has ended, for whichever reason. */
  async ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Tells it to end, wherever it is. Works in an exit handler, and more than once. */
  requestStop(): void {
    Atomics.store(this.#stop, 0, 1);
    if (!this.#isEnded) this.#wakeup.signal();
  }

  /** Has it carry out `order` between two turns, soon. */
  order(order: WorkerOrder): void {
    this.#outstanding++;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    this.#orders.postMessage(order);
    this.wake();
  }

  /** Resolves when it has carried out all orders of this kind, or has ended. */
  async obeyed(): Promise<void> {
    if (this.#outstanding === 0 || this.#isEnded) return;
    this.#obeyed ??= Promise.withResolvers<void>();
    await this.#obeyed.promise;
  }

  /** Makes it look at what it was ordered to do. */
  wake(): void {
    if (!this.#isEnded) this.#wakeup.signal();
  }

  /**
   * Resolves when it has taken the underlay address that the order of this number names.
   *
   * @throws WeftError what kept it from doing so, and then it has the sockets that it had; `worker-move-timeout`
   */
  async moved(order: number): Promise<void> {
    const move = Promise.withResolvers<void>();
    this.#moves.set(order, move);
    const timer = setTimeout(() => {
      const what = `dataplane worker ${this.#worker} did not take its new underlay address within ${MOVE_TIMEOUT_MS} ms`;
      move.reject(new WeftError('worker-move-timeout', what, { worker: this.#worker }));
    }, MOVE_TIMEOUT_MS);
    this.wake();
    try {
      await move.promise;
    } finally {
      clearTimeout(timer);
      this.#moves.delete(order);
    }
  }

  #handle(report: WorkerReport): void {
    if (report.kind === 'moved') {
      const move = this.#moves.get(report.order);
      if (report.failure === undefined) move?.resolve();
      else move?.reject(restoreFailure(report.failure, this.#worker));
      return;
    }
    if (report.kind === 'obeyed') {
      this.#outstanding -= report.orders;
      if (this.#outstanding === 0) this.#endWait();
      return;
    }
    if (report.kind === 'failed') {
      this.#failure ??= restoreFailure(report.failure, this.#worker);
      return;
    }
    this.features = report.features;
    if (report.kind === 'features') return;
    clearTimeout(this.#startTimer);
    this.#ready.resolve();
  }

  #endWait(): void {
    this.#obeyed?.resolve();
    this.#obeyed = undefined;
  }

  #timeOut(): void {
    const what = `dataplane worker ${this.#worker} did not start within ${START_TIMEOUT_MS} ms`;
    this.#failure ??= new WeftError('worker-start-timeout', what, { worker: this.#worker });
    this.#ready.reject(this.#failure);
    this.requestStop();
  }

  #finish(exitCode: number): void {
    this.#isEnded = true;
    clearTimeout(this.#startTimer);
    // The descriptor's number may be given to somebody else from now on.
    this.#wakeup.close();
    this.#orders.close();
    const wasAsked = Atomics.load(this.#stop, 0) !== 0 && this.#failure === undefined;
    const what = `dataplane worker ${this.#worker} ended unexpectedly with exit code ${exitCode}`;
    const error = this.#failure ?? new WeftError('worker-failed', what, { worker: this.#worker, exitCode });
    this.#ready.reject(error);
    for (const move of this.#moves.values()) move.reject(error);
    this.#endWait();
    this.#ended.resolve();
    if (!wasAsked) this.#onDeath(error);
  }
}
