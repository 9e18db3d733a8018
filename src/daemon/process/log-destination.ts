/**
 * Where lines of the log go. A disk that is full, a terminal that is gone or a reader that sleeps costs lines, never the
 * daemon: lines that could not be written are counted, and said with the first one that can be.
 */
import { writeSync } from 'node:fs';

/** How often, and how long after each try in ms, a reader that does not keep up is waited for. Gossip waits meanwhile. */
const PATIENCE = { tries: 10, pauseMs: 2 };

/** Writes a part of a text to a file descriptor, and says how much. */
export type WriteText = (fileDescriptor: number, bytes: Uint8Array) => number;

export class LogDestination {
  readonly #fileDescriptor: number;
  readonly #lossLine: (lines: number, reason: string) => string;
  readonly #write: WriteText;
  #lostLines = 0;
  #reason = '';
  #isWithinLine = false;

  /** @param lossLine the line that says how many were lost, and why. */
  constructor(
    fileDescriptor: number,
    lossLine: (lines: number, reason: string) => string,
    write: WriteText = writeSync,
  ) {
    this.#fileDescriptor = fileDescriptor;
    this.#lossLine = lossLine;
    this.#write = write;
  }

  /** Writes a line, which ends with a line feed, before it returns; or never. */
  write(line: string): void {
    const ahead = this.#isWithinLine ? '\n' : '';
    const loss = this.#lostLines === 0 ? '' : this.#lossLine(this.#lostLines, this.#reason);
    try {
      this.#writeAll(Buffer.from(ahead + loss + line));
      this.#lostLines = 0;
    } catch (error) {
      this.#lostLines++;
      this.#reason = (error as Error).message;
    }
  }

  #writeAll(bytes: Uint8Array): void {
    let rest = bytes;
    // Who did not read a moment ago is not waited for again.
    let triesLeft = this.#lostLines === 0 ? PATIENCE.tries : 0;
    while (rest.length > 0) {
      try {
        const length = this.#write(this.#fileDescriptor, rest);
        rest = rest.subarray(length);
        if (length > 0) this.#isWithinLine = rest.length > 0;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EINTR') continue;
        if (code !== 'EAGAIN' || triesLeft-- === 0) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PATIENCE.pauseMs);
      }
    }
  }
}
