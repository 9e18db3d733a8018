/** Wakes a worker that is blocked in the kernel: an eventfd, eventfd(2). Works across threads, and from an exit handler. */
import { Abi } from './kernel-abi.ts';
import { checked } from './errno.ts';
import { libc } from './ffi.ts';

/** One eventfd. Whoever opened it closes it; the descriptor's number may be handed to another thread. */
export class Wakeup {
  readonly fd: number;
  // The kernel adds 64-bit integers up; any number but zero makes the descriptor readable.
  readonly #one = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);
  readonly #count = new Uint8Array(8);

  /** @param fd one that another `Wakeup` opened; without it a new one is opened. @throws SystemCallError */
  constructor(fd?: number) {
    this.fd =
      fd ?? checked(libc.eventfd(0, Abi.EFD_NONBLOCK | Abi.EFD_CLOEXEC), 'eventfd', 'make a wake-up for a worker');
  }

  /** Makes the descriptor readable. Never blocks, never throws. */
  signal(): void {
    libc.writeBytes(this.fd, this.#one, 8);
  }

  /** Makes the descriptor unreadable again. */
  drain(): void {
    libc.readBytes(this.fd, this.#count, 8);
  }

  /** Closes the descriptor, for all threads. */
  close(): void {
    libc.close(this.fd);
  }
}
