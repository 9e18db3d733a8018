/**
 * Captures across nodes: this node's for others, where its configuration lets them, and others' for this node.
 *
 * Who asks is a node of the cluster, known by the connection. Rate and size are limited here, where the packets are: whoever
 * asks for too much gets less, and is told how much is missing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { WeftError } from '../../errors.ts';
import { BytePace } from './byte-pace.ts';
import { readBytes, writeBytes } from './byte-port.ts';
import type { CaptureHead, CaptureSpec } from '../../api/capture-api.ts';
import { MAX_CHUNK_BYTES } from './capture-queue.ts';
import { parseCaptureSpec } from './capture-request.ts';
import type { RemoteCaller, RemoteNodes, RemoteStream } from '../remote/remote-nodes.ts';

export interface RemoteCapturesOptions {
  readonly nodeName: string;
  readonly remotes: RemoteNodes;
  /** What this node lets others do. */
  readonly limits: RemoteCaptureLimits;
  /** Begins a capture here, into `port`, and gives its number. */
  readonly begin: (wish: RemoteWish, port: MessagePort) => Promise<number>;
  /** Ends one that {@link begin} began, in order. `false` if there is none. */
  readonly end: (capture: number) => boolean;
}

/** From the configuration. */
export interface RemoteCaptureLimits {
  readonly isAllowed: boolean;
  /** Of all captures of others together. */
  readonly bytesPerSecond: number;
  /** Of each. */
  readonly maxBytes: number;
}

export interface RemoteWish {
  readonly spec: CaptureSpec;
  /** The person, the process and the node that ask. */
  readonly client: string;
  readonly maxBytes: number;
}

/** A capture of another node, as it comes in. */
export interface IncomingCapture {
  readonly head: Omit<CaptureHead, 'capture'>;
  /** Its number there. */
  readonly capture: number;
  readonly port: MessagePort;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
}

const CAPTURE = 'capture';
const CAPTURE_END = 'capture-end';
/** What may go at once: some chunks. */
const BURST_BYTES = 16 * MAX_CHUNK_BYTES;
const MAX_CLIENT_LENGTH = 160;

export class RemoteCaptures {
  readonly #options: RemoteCapturesOptions;
  readonly #pace: BytePace;
  /** Who asked for which, by its number. */
  readonly #served = new Map<number, string>();

  constructor(options: RemoteCapturesOptions) {
    this.#options = options;
    this.#pace = new BytePace(options.limits.bytesPerSecond, BURST_BYTES);
    options.remotes.serve(CAPTURE, (body, caller, signal) => this.#serve(body, caller, signal));
    options.remotes.answer(CAPTURE_END, (body, { identity }) => {
      const capture = numberOf(body);
      return { ended: this.#served.get(capture) === identity && this.#options.end(capture) };
    });
  }

  /** Has another node capture. @throws as `RemoteNodes.stream`; WeftError `capture-remote-off` */
  async open(node: string, spec: CaptureSpec, client: string): Promise<IncomingCapture> {
    const { remotes } = this.#options;
    const stream = await remotes.stream(node, CAPTURE, { spec, client });
    const chunks = stream.chunks[Symbol.asyncIterator]();
    try {
      const capture = numberOf(stream.head);
      const { offsetNs, uncertaintyNs } = await remotes.clockOffset(node);
      const { port1, port2 } = new MessageChannel();
      const ended = writeBytes(port1, copied(chunks));
      return {
        head: { node, clockOffsetNs: offsetNs, clockUncertaintyNs: uncertaintyNs },
        capture,
        port: port2,
        ended,
      };
    } catch (error) {
      void chunks.return?.();
      throw error;
    }
  }

  /** Ends, in order, a capture of another node: what it has is still sent. */
  async end(node: string, capture: number): Promise<boolean> {
    const { ended } = await this.#options.remotes.ask<{ ended: boolean }>(node, CAPTURE_END, { capture });
    return ended;
  }

  async #serve(body: unknown, caller: RemoteCaller, signal: AbortSignal): Promise<RemoteStream> {
    const { nodeName, limits, begin } = this.#options;
    if (!limits.isAllowed) {
      const message = `${nodeName} lets no other node capture: set capture.remote to on in its configuration`;
      throw new WeftError('capture-remote-off', message, { node: nodeName });
    }
    const { spec, client } = wishOf(body);
    const { port1, port2 } = new MessageChannel();
    const capture = await begin({ spec, client: `${client} on ${caller.name}`, maxBytes: limits.maxBytes }, port2);
    this.#served.set(capture, caller.identity);
    const chunks = readBytes(port1);
    const end = (): void => {
      this.#served.delete(capture);
      void chunks.return?.();
    };
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    return { head: { capture }, chunks: this.#paced(chunks) };
  }

  #paced(chunks: AsyncIterableIterator<Uint8Array>): AsyncIterableIterator<Uint8Array> {
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: async () => {
        const chunk = await chunks.next();
        if (chunk.done === true) return chunk;
        const waitMs = this.#pace.book(chunk.value.length, performance.now());
        if (waitMs >= 1) await sleep(waitMs);
        return chunk;
      },
      return: async () => (await chunks.return?.()) ?? { done: true, value: undefined },
    };
  }
}

/** With memory of their own: what came out of a connection may be a part of something larger. */
function copied(chunks: AsyncIterator<Uint8Array>): AsyncIterator<Uint8Array> {
  return {
    async next() {
      const chunk = await chunks.next();
      return chunk.done === true ? chunk : { done: false, value: new Uint8Array(chunk.value) };
    },
    return: async () => (await chunks.return?.()) ?? { done: true, value: undefined },
  };
}

function wishOf(body: unknown): { spec: CaptureSpec; client: string } {
  const { spec, client } = recordOf(body);
  if (typeof client !== 'string' || client.length > MAX_CLIENT_LENGTH) throw invalid('client');
  return { spec: parseCaptureSpec(spec), client: client.replaceAll(/[^\w .,-]/g, '?') };
}

function numberOf(body: unknown): number {
  const { capture } = recordOf(body);
  if (typeof capture !== 'number' || !Number.isSafeInteger(capture)) throw invalid('capture');
  return capture;
}

function recordOf(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null) throw invalid('body');
  return body as Record<string, unknown>;
}

function invalid(what: string): WeftError {
  return new WeftError('request-invalid', `the ${what} of a capture between nodes is not what it should be`);
}
