/**
 * Entry of the thread of captures: it has the door that clients come to, drains the rings of workers and writes what was captured.
 *
 * Not on the main thread, because gossip may not wait for it; and not in a worker, because packets may not.
 */
import { setPriority } from 'node:os';
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
import type { CaptureSpec } from './capture-api.ts';
import { describeFailure } from '../worker/worker-report.ts';

/** Others come first where processors are short: packets, and gossip. A capture that is late loses records, and says so. */
const NICENESS = 5;

/** Asks the main thread, and hears its orders. */
class CaptureDesk {
  readonly #report: (report: CaptureReport) => void;
  readonly #sessions: CaptureSessions;
  readonly #nodeName: string;
  readonly #asked = new Map<number, PromiseWithResolvers<CaptureAnswer>>();
  #questions = 0;

  constructor(setup: CaptureThreadSetup, report: (report: CaptureReport) => void) {
    this.#report = report;
    this.#nodeName = setup.nodeName;
    this.#sessions = new CaptureSessions({
      ...setup,
      onEnd: (capture, end, totals) => report({ kind: 'ended', capture, end, totals }),
    });
  }

  /** Opens the door. */
  async open(path: string): Promise<CaptureServer> {
    return await CaptureServer.open(path, {
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
    });
  }

  hear(order: CaptureOrder): void {
    switch (order.kind) {
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
        this.#sessions.close();
    }
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
    void writeBytes(port, this.#sessions.begin(plan));
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

async function main(setup: CaptureThreadSetup, port: MessagePort): Promise<void> {
  const report = (message: CaptureReport): void => port.postMessage(message);
  const desk = new CaptureDesk(setup, report);
  // On Linux, that of the thread that calls.
  setPriority(NICENESS);
  let server: CaptureServer;
  try {
    server = await desk.open(setup.socketPath);
  } catch (error) {
    report({ kind: 'failed', failure: describeFailure(error) });
    return;
  }
  port.on('message', (order: CaptureOrder) => {
    desk.hear(order);
    if (order.kind === 'close') void end(server, port);
  });
  report({ kind: 'ready', notices: [] });
}

/** Clients get what was captured until now. */
async function end(server: CaptureServer, port: MessagePort): Promise<void> {
  await server.close();
  port.close();
}

if (parentPort === null) throw new TypeError('capture-thread.ts is the entry of a worker thread');
await main(workerData as CaptureThreadSetup, parentPort);
