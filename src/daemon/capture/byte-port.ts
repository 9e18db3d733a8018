/**
 * A stream of bytes from one thread to another: each chunk is asked for, so that whoever reads slowly is not flooded.
 *
 *     reader: pull ->   <- chunk      pull ->   <- end
 *             cancel ->
 *
 * Chunks change their owner, and are not copied.
 */
import type { MessagePort } from 'node:worker_threads';
import { WeftError } from '../../errors.ts';
import { describeFailure, type WorkerFailure } from '../worker/worker-report.ts';

type Message =
  | { readonly kind: 'pull' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'chunk'; readonly chunk: Uint8Array }
  | { readonly kind: 'end'; readonly failure: WorkerFailure | undefined };

type Chunk = IteratorResult<Uint8Array, undefined>;

/**
 * Gives out `chunks` by the port, as they are asked for, and ends them when the reader is gone. Never rejects.
 *
 * Each chunk's memory goes with it, and must be its own.
 */
export async function writeBytes(port: MessagePort, chunks: AsyncIterator<Uint8Array>): Promise<void> {
  const inbox = new Inbox(port);
  let failure: WorkerFailure | undefined;
  try {
    while ((await inbox.next())?.kind === 'pull') {
      const chunk = await inbox.unlessGone(chunks.next());
      if (chunk === undefined || chunk.done === true) break;
      const message: Message = { kind: 'chunk', chunk: chunk.value };
      port.postMessage(message, [chunk.value.buffer as ArrayBuffer]);
    }
  } catch (error) {
    failure = describeFailure(error);
  }
  // Not waited for: an iterator that is in the midst of waiting may answer late.
  void chunks.return?.().catch(() => undefined);
  const end: Message = { kind: 'end', failure };
  port.postMessage(end);
  inbox.close();
}

/** The chunks that {@link writeBytes} gives out. `return` ends them at once, also while one is waited for. */
export function readBytes(port: MessagePort): AsyncIterableIterator<Uint8Array> {
  const inbox = new Inbox(port);
  const say = (message: Message): void => port.postMessage(message);
  const end = (): Chunk => {
    inbox.close();
    return { done: true, value: undefined };
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      say({ kind: 'pull' });
      const message = await inbox.next();
      if (message?.kind === 'chunk') return { done: false, value: message.chunk };
      const ended = end();
      if (message?.kind === 'end' && message.failure !== undefined) throw failureOf(message.failure);
      return ended;
    },
    async return() {
      say({ kind: 'cancel' });
      return await Promise.resolve(end());
    },
  };
}

/** The error that {@link describeFailure} took apart. */
export function failureOf({ code, message, details, stack }: WorkerFailure): Error {
  if (code !== undefined) return new WeftError(code, message, details);
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** Messages in their order, waited for. */
class Inbox {
  readonly #port: MessagePort;
  readonly #messages: Message[] = [];
  #isClosed = false;
  #wake: (() => void) | undefined;
  #leave: (() => void) | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (message: Message) => {
      if (message.kind === 'cancel') this.#noteEnd();
      else this.#messages.push(message);
      this.#wake?.();
    });
    port.on('close', () => this.#noteEnd());
  }

  /** `undefined`: the other side is gone. */
  async next(): Promise<Message | undefined> {
    while (this.#messages.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#messages.shift();
  }

  /** What `work` gives; `undefined` as soon as the other side is gone. One at a time, and nothing of it is kept. */
  async unlessGone<Result>(work: Promise<Result>): Promise<Result | undefined> {
    return await new Promise<Result | undefined>((resolve, reject) => {
      this.#leave = () => resolve(undefined);
      if (this.#isClosed) this.#leave();
      work.then(resolve, reject);
    });
  }

  close(): void {
    this.#noteEnd();
    this.#port.close();
  }

  #noteEnd(): void {
    this.#isClosed = true;
    this.#wake?.();
    this.#leave?.();
  }
}
