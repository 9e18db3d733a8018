/**
 * Entry of the thread of captures: it serves the clients that came in by the door, drains the rings of workers and writes what
 * was captured. It is there while somebody captures, and for a moment longer.
 *
 * Not on the main thread, because gossip may not wait for it; and not in a worker, because packets may not.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { failureOf, readBytes, writeBytes } from './byte-port.ts';
import type {
  CaptureAnswer,
  CaptureOrder,
  CaptureQuestion,
  CaptureReport,
  CaptureThreadSetup,
} from './capture-messages.ts';
import { CaptureServer, type CaptureStream } from './capture-server.ts';
import { CaptureSessions } from './capture-sessions.ts';
import type { CaptureSpec } from '../../api/capture-api.ts';
import { adoptSocket } from '../../linux/socket-handover.ts';
import { deferThisThread } from '../../linux/thread-priority.ts';

/** Asks the main thread, and hears its orders. */
class CaptureDesk {
  readonly #report: (report: CaptureReport) => void;
  readonly #sessions: CaptureSessions;
  readonly #server: CaptureServer;
  readonly #nodeName: string;
  readonly #idleMs: number;
  readonly #asked = new Map<number, PromiseWithResolvers<CaptureAnswer>>();
  #idleTimer: NodeJS.Timeout | undefined;
  #questions = 0;
  #tasks = 0;
  #isClosing = false;

  constructor(setup: CaptureThreadSetup, report: (report: CaptureReport) => void) {
    this.#report = report;
    this.#nodeName = setup.nodeName;
    this.#idleMs = setup.idleMs;
    this.#sessions = new CaptureSessions({
      ...setup,
      onEnd: (capture, end, totals) => {
        report({ kind: 'ended', capture, end, totals });
        this.#waitForMore();
      },
    });
    this.#server = new CaptureServer(
      {
        overview: async () => {
          const answer = await this.#ask({ kind: 'overview' });
          return (answer as CaptureAnswer & { kind: 'overview' }).overview;
        },
        begin: async (spec, client) => await this.#begin(spec, client),
        end: async (capture) => {
          if (this.#sessions.end(capture)) return true;
          const answer = await this.#ask({ kind: 'remote-end', capture });
          return answer.kind === 'remote-end' && answer.ended;
        },
      },
      setup.mostClients,
      () => this.#waitForMore(),
    );
    this.#waitForMore();
  }

  hear(order: CaptureOrder): void {
    switch (order.kind) {
      case 'client':
        this.#tasks++;
        return this.#server.serve(adoptSocket(order.fd));
      case 'answer':
        return this.#take(order.id)?.resolve(order.answer);
      case 'refusal':
        return this.#take(order.id)?.reject(failureOf(order.failure));
      case 'names':
        return this.#sessions.names.take(order.names);
      case 'serve':
        return this.#serve(order.plan, order.port);
      case 'end':
        this.#sessions.end(order.capture);
        return;
      case 'close':
        this.#isClosing = true;
        clearTimeout(this.#idleTimer);
        this.#sessions.close();
    }
  }

  /** Clients get what was captured until now. */
  async close(): Promise<void> {
    await this.#server.close();
  }

  async #begin(spec: CaptureSpec, client: string): Promise<CaptureStream> {
    const { node = this.#nodeName } = spec;
    if (node !== this.#nodeName) {
      const answer = await this.#ask({ kind: 'remote', node, spec, client });
      const { head, port } = answer as CaptureAnswer & { kind: 'remote' };
      return { head, chunks: readBytes(port) };
    }
    const answer = await this.#ask({ kind: 'begin', spec, client });
    const { plan } = answer as CaptureAnswer & { kind: 'begin' };
    const head = { capture: plan.capture, node, clockOffsetNs: 0, clockUncertaintyNs: 0 };
    return { head, chunks: this.#sessions.begin(plan) };
  }

  #serve(plan: Parameters<CaptureSessions['begin']>[0], port: MessagePort): void {
    this.#tasks++;
    void writeBytes(port, this.#sessions.begin(plan));
  }

  #waitForMore(): void {
    clearTimeout(this.#idleTimer);
    if (!this.#isClosing) this.#idleTimer = setTimeout(() => this.#tellIfIdle(), this.#idleMs);
  }

  #tellIfIdle(): void {
    if (this.#server.clients === 0 && this.#sessions.count === 0) this.#report({ kind: 'idle', tasks: this.#tasks });
    // Unless it is closed now.
    this.#waitForMore();
  }

  async #ask(question: CaptureQuestion): Promise<CaptureAnswer> {
    const id = ++this.#questions;
    const asked = Promise.withResolvers<CaptureAnswer>();
    this.#asked.set(id, asked);
    this.#report({ kind: 'ask', id, question });
    return await asked.promise;
  }

  #take(id: number): PromiseWithResolvers<CaptureAnswer> | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }
}

function main(setup: CaptureThreadSetup, port: MessagePort): void {
  const report = (message: CaptureReport): void => port.postMessage(message);
  // Packets and gossip come first where processors are short. A capture that is late loses records, and says so.
  deferThisThread();
  const desk = new CaptureDesk(setup, report);
  port.on('message', (order: CaptureOrder) => {
    desk.hear(order);
    if (order.kind === 'close') void end(desk, port);
  });
  report({ kind: 'ready' });
}

async function end(desk: CaptureDesk, port: MessagePort): Promise<void> {
  await desk.close();
  port.close();
}

if (parentPort === null) throw new TypeError('capture-thread.ts is the entry of a worker thread');
main(workerData as CaptureThreadSetup, parentPort);
