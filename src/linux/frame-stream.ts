/** A TCP stream as a sequence of frames, each way as fast as the other side takes them. */
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { readU32 } from '../wire/octets.ts';
import { encodeFrame, FRAME_HEADER_BYTES } from './gossip-frame.ts';

/** How long the other side may take to close its half after this one has. */
const END_TIMEOUT_MS = 5_000;

/**
 * Bytes that are sent before others get their turn. While the kernel takes everything at once, nothing that waits for it
 * ever waits: gossip would be late by as much as fits its buffers.
 */
const TURN_BYTES = 256 * 1024;

export class FrameStream {
  readonly #socket: Socket;
  /** Whoever waits for more to read. */
  #wake: () => void = () => {};
  #failure: string | undefined;
  #sentInTurnBytes = 0;
  /** Resolves when the stream is closed, for whatever reason. Never rejects. */
  readonly closed: Promise<void>;

  /** @param socket nobody reads from it any more, and nothing that was read is missing */
  constructor(socket: Socket) {
    this.#socket = socket;
    // `close` follows.
    socket.on('error', (error: NodeJS.ErrnoException) => (this.#failure ??= error.code ?? error.message));
    this.closed = socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()));
    // For good: a listener that comes anew is told at once of what is there, and would be in vain if that is not enough.
    for (const name of ['readable', 'end', 'close']) socket.on(name, () => this.#wake());
    // Questions are small and waited for.
    socket.setNoDelay(true);
  }

  /** Whether frames still go out. */
  get isOpen(): boolean {
    return this.#socket.writable;
  }

  /** Name of the errno that it failed with: `ECONNREFUSED`. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Sends one frame. Resolves once there is room for more; false if the stream is closed. */
  async send(message: Uint8Array): Promise<boolean> {
    if (!this.#socket.writable) return false;
    if (!this.#socket.write(encodeFrame(message))) await this.#drained();
    this.#sentInTurnBytes += message.length;
    if (this.#sentInTurnBytes >= TURN_BYTES) {
      this.#sentInTurnBytes = 0;
      await turn();
    }
    return this.#socket.writable;
  }

  /** The next frame; `undefined` at the end, and if the frame is empty or longer than it may be. Not to be called twice at once. */
  async receive(maxFrameBytes: number): Promise<Uint8Array | undefined> {
    const header = await this.#read(FRAME_HEADER_BYTES);
    if (header === undefined) return undefined;
    const lengthBytes = readU32(header, 0);
    if (lengthBytes > 0 && lengthBytes <= maxFrameBytes) return await this.#read(lengthBytes);
    this.close();
    return undefined;
  }

  /** Sends what is left, then closes. */
  end(): void {
    this.#socket.end();
    const timer = setTimeout(() => this.close(), END_TIMEOUT_MS).unref();
    // Whatever still comes is in the way of the end.
    this.#socket.removeAllListeners('readable').resume();
    void this.closed.then(() => clearTimeout(timer));
  }

  /** Closes at once. */
  close(): void {
    this.#socket.destroy();
  }

  async #drained(): Promise<void> {
    const socket = this.#socket;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        socket.removeListener('drain', done);
        socket.removeListener('close', done);
        resolve();
      };
      socket.on('drain', done);
      socket.on('close', done);
    });
  }

  async #read(lengthBytes: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.#socket.read(lengthBytes) as Buffer | null;
      if (bytes !== null) return bytes.length === lengthBytes ? bytes : undefined;
      if (this.#socket.destroyed || this.#socket.readableEnded) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
