/**
 * Captures of this node, put together on the main thread: who may have one, which peers and routes have which names, and what
 * other nodes ask for.
 *
 *     weft-capture.sock -> here -> thread -> question -> here -> workers' taps
 *                                    ^ rings <------------------------+
 *
 * The thread is there while somebody captures: it takes an isolate of its own, some 20 MB.
 *
 * Packets never come here, but for those of other nodes: they come in, or leave, as chunks of a file.
 */
import type { Socket } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from '../../env/logger.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { Notice } from '../../api/control-api.ts';
import type { CaptureOverview, CaptureSpec } from '../../api/capture-api.ts';
import { CaptureDoor } from './capture-door.ts';
import type { CaptureAnswer, CaptureEnd, CapturePlan, CaptureQuestion, CaptureTotals } from './capture-messages.ts';
import { CaptureNaming, type CaptureNamingOptions } from './capture-naming.ts';
import { describeCapture } from './capture-request.ts';
import { CaptureSlots, type CaptureSlotsOptions, type CaptureWish } from './capture-slots.ts';
import { CaptureThread } from './capture-thread-handle.ts';
import { RemoteCaptures, type RemoteCaptureLimits, type RemoteWish } from './remote-captures.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { readVersion } from '../process/version.ts';

export interface CapturesOptions extends CaptureSlotsOptions, Omit<CaptureNamingOptions, 'tell'> {
  /** Where the door is: see `captureSocketPath`. */
  readonly socketPath: string;
  /** How many clients may be there at a time. */
  readonly mostClients: () => number;
  /** Addresses of a pod of this node, or else of another. @throws NotFoundError `pod-unknown`; ConflictError `place-ambiguous` */
  readonly podAddresses: (pod: string) => Promise<readonly IpAddress[]>;
  /** Resolves when workers do what they were told: a capture has begun, and not just been ordered. */
  readonly obeyed: () => Promise<void>;
  readonly remotes: RemoteNodes;
  readonly remoteLimits: RemoteCaptureLimits;
}

/** How long the thread stays for somebody else to come, in ms: its start takes some 200. */
const IDLE_MS = 10_000;

export class Captures {
  readonly #options: CapturesOptions;
  readonly #logger: Logger;
  readonly #slots: CaptureSlots;
  readonly #naming: CaptureNaming;
  readonly #remotes: RemoteCaptures;
  /** Captures that the thread is to write, of which it needs names. */
  readonly #written = new Set<number>();
  /** Captures that are about to be. */
  #beginning = 0;
  /** Captures of other nodes, by their number here. */
  readonly #incoming = new Map<number, { readonly node: string; readonly capture: number }>();
  /** The one that runs, or starts. */
  #thread: CaptureThread | undefined;
  /** Threads that were closed, and their ends. */
  readonly #endings = new Set<Promise<void>>();
  #door: CaptureDoor | undefined;
  #isClosing = false;
  #notices: readonly Notice[] = [];

  /** Opens the door. If it cannot be opened there are no captures, and a notice: traffic goes on. */
  static async start(options: CapturesOptions): Promise<Captures> {
    const captures = new Captures(options);
    await captures.#openDoor();
    return captures;
  }

  private constructor(options: CapturesOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#slots = new CaptureSlots(options);
    this.#naming = new CaptureNaming({ ...options, tell: (names) => this.#thread?.tell({ kind: 'names', names }) });
    this.#remotes = new RemoteCaptures({
      ...options,
      limits: options.remoteLimits,
      begin: (wish, port) => this.#serve(wish, port),
      end: (capture) => this.#end(capture),
    });
  }

  /** For whoever reads a few records on the main thread: a trace. */
  get slots(): CaptureSlots {
    return this.#slots;
  }

  /** What a person should know. */
  notices(): readonly Notice[] {
    return this.#notices;
  }

  overview(): CaptureOverview {
    const { nodeName, remotes } = this.#options;
    return { node: nodeName, nodes: remotes.names(), captures: this.#slots.running() };
  }

  /** Ends all captures. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#door?.close();
    this.#naming.stop();
    this.#closeThread();
    await Promise.all(this.#endings);
    this.#slots.endAll();
  }

  async #openDoor(): Promise<void> {
    try {
      const { socketPath, mostClients } = this.#options;
      this.#door = await CaptureDoor.open(socketPath, (client) => void this.#admit(client), mostClients);
    } catch (error) {
      const message = `nobody can capture: ${(error as Error).message}`;
      this.#notices = [{ code: 'captures-unavailable', message }];
      this.#logger.warn({ err: error }, 'captures are unavailable');
    }
  }

  async #admit(client: Socket): Promise<void> {
    try {
      (await this.#readyThread()).admit(client);
    } catch (error) {
      client.destroy();
      if (!this.#isClosing) this.#logger.warn({ err: error }, 'a capture could not be served');
    }
  }

  /** Starts the thread if there is none. @throws as `CaptureThread.ready` */
  async #readyThread(): Promise<CaptureThread> {
    if (this.#isClosing) throw new Error('the daemon is stopping');
    const thread = (this.#thread ??= this.#startThread());
    await thread.ready();
    return thread;
  }

  #startThread(): CaptureThread {
    const { nodeName, mostClients } = this.#options;
    return new CaptureThread(
      { nodeName, version: readVersion().version, idleMs: IDLE_MS, mostClients: mostClients() },
      {
        answer: (question) => this.#answer(question),
        ended: (capture, end, totals) => this.#ended(capture, end, totals),
        idle: () => {
          if (!this.#isUsed) this.#closeThread();
        },
        died: (error) => this.#buried(error),
      },
    );
  }

  #closeThread(): void {
    const ending = this.#thread?.close();
    this.#thread = undefined;
    if (ending === undefined) return;
    this.#endings.add(ending);
    void ending.then(() => this.#endings.delete(ending));
  }

  /** The next capture starts another one. */
  #buried(error: Error): void {
    this.#logger.error({ err: error }, 'the thread of captures died');
    this.#thread = undefined;
    this.#naming.stop();
    this.#slots.endAll();
    this.#written.clear();
    this.#incoming.clear();
  }

  async #answer(question: CaptureQuestion): Promise<CaptureAnswer> {
    if (question.kind === 'overview') return { kind: 'overview', overview: this.overview() };
    if (question.kind === 'remote') return await this.#open(question.node, question.spec, question.client);
    if (question.kind === 'remote-end') {
      const incoming = this.#incoming.get(question.capture);
      const isEnded = incoming !== undefined && (await this.#remotes.end(incoming.node, incoming.capture));
      return { kind: 'remote-end', ended: isEnded };
    }
    const { plan } = await this.#begin({ ...question, isRemote: false });
    await this.#options.obeyed();
    return { kind: 'begin', plan };
  }

  async #begin(wish: CaptureWish): Promise<{ readonly plan: CapturePlan; readonly thread: CaptureThread }> {
    const { pod } = wish.spec;
    this.#beginning++;
    try {
      const podAddresses = pod === undefined ? undefined : await this.#options.podAddresses(pod);
      const thread = await this.#readyThread();
      await this.#naming.start();
      if (thread !== this.#thread) throw new Error('the thread of captures died');
      const plan = this.#slots.begin({ ...wish, ...(podAddresses !== undefined && { podAddresses }) });
      this.#written.add(plan.capture);
      return { plan, thread };
    } finally {
      this.#beginning--;
      this.#stopNamingIfUnused();
    }
  }

  /** A capture of another node, for somebody here. */
  async #open(node: string, spec: CaptureSpec, client: string): Promise<CaptureAnswer> {
    const { node: _here, ...asked } = spec;
    const { head, capture: there, port, ended } = await this.#remotes.open(node, asked, client);
    const capture = this.#slots.number();
    this.#incoming.set(capture, { node, capture: there });
    const what = describeCapture(asked);
    const note = (kind: 'capture-started' | 'capture-ended', became: string): void => {
      const message = `capture ${there} of ${node} ${became} by ${client}: ${what}`;
      this.#options.events.add(kind, { subject: node, message, details: { capture: there, client, what } });
      this.#logger.info({ node, capture: there, client, what }, 'a capture of another node');
    };
    note('capture-started', 'was started');
    void this.#forget(capture, ended, () => note('capture-ended', 'has ended; it was started'));
    return { kind: 'remote', head: { ...head, capture }, port };
  }

  async #forget(capture: number, ended: Promise<void>, note: () => void): Promise<void> {
    await ended;
    this.#incoming.delete(capture);
    note();
  }

  /** A capture here, for somebody at another node. */
  async #serve({ spec, client, maxBytes }: RemoteWish, port: MessagePort): Promise<number> {
    const { plan, thread } = await this.#begin({ spec, client, isRemote: true, maxBytes });
    thread.serve(plan, port);
    await this.#options.obeyed();
    return plan.capture;
  }

  #end(capture: number): boolean {
    const isThere = this.#slots.running().some((one) => one.capture === capture);
    if (isThere) this.#thread?.tell({ kind: 'end', capture });
    return isThere;
  }

  #ended(capture: number, end: CaptureEnd, totals: CaptureTotals): void {
    this.#slots.end(capture, end, totals);
    this.#written.delete(capture);
    this.#stopNamingIfUnused();
  }

  get #isUsed(): boolean {
    return this.#written.size > 0 || this.#beginning > 0;
  }

  #stopNamingIfUnused(): void {
    if (!this.#isUsed) this.#naming.stop();
  }
}
