/** Waiting for descriptors: ppoll(2) with all signals masked. Signals are the main thread's business. */
import { AddressTable } from './address-table.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { errnoName } from './errno.ts';
import { lastErrno, libc } from './ffi.ts';
import type { MappedMemory } from './mapped-memory.ts';
import { SystemCallError } from '../errors.ts';

/** Size of the C library's `sigset_t`; the kernel reads its first 8 bytes. */
const SIGNAL_SET_BYTES = 128;
const READY = Abi.POLLIN | Abi.POLLOUT | Abi.POLLERR | Abi.POLLHUP | Abi.POLLNVAL;

/** A fixed set of descriptors to wait for. Belongs to the thread of its memory. */
export class Poll {
  readonly #memory: MappedMemory;
  readonly #count: number;
  readonly #pollfdsAt: number;
  readonly #timespecAt: number;
  readonly #pollfds: AddressTable;
  readonly #timespec: AddressTable;
  readonly #signalMask: AddressTable;

  /** Bytes of mapped memory that a `Poll` of `count` descriptors takes, with room for alignment. */
  static memoryBytes(count: number): number {
    return count * Struct.pollfd.size + Struct.timespec.size + SIGNAL_SET_BYTES + 3 * 64;
  }

  /** @param events per descriptor: `Abi.POLLIN` or `Abi.POLLOUT`. */
  constructor(memory: MappedMemory, fds: readonly number[], events: number) {
    this.#memory = memory;
    this.#count = fds.length;
    this.#pollfdsAt = memory.allocate(fds.length * Struct.pollfd.size).at;
    this.#timespecAt = memory.allocate(Struct.timespec.size).at;
    const signalMaskAt = memory.allocate(SIGNAL_SET_BYTES).at;
    memory.bytes.fill(0xff, signalMaskAt, signalMaskAt + SIGNAL_SET_BYTES);
    this.#pollfds = new AddressTable(memory, this.#pollfdsAt, 0, 1);
    this.#timespec = new AddressTable(memory, this.#timespecAt, 0, 1);
    this.#signalMask = new AddressTable(memory, signalMaskAt, 0, 1);
    for (const [index, fd] of fds.entries()) this.watch(index, fd, events);
  }

  /** Waits for another descriptor in place of number `index`; -1 for none. */
  watch(index: number, fd: number, events: number): void {
    const at = this.#pollfdsAt + index * Struct.pollfd.size;
    this.#memory.words[at >> 2] = fd;
    this.#memory.halfWords[(at + Struct.pollfd.events) >> 1] = events;
    this.#memory.halfWords[(at + Struct.pollfd.revents) >> 1] = 0;
  }

  /**
   * Blocks until one is ready, or for `timeoutMs` milliseconds; -1 waits for ever. Returns how many are ready.
   *
   * @throws SystemCallError
   */
  wait(timeoutMs: number): number {
    const { words } = this.#memory;
    if (timeoutMs >= 0) {
      const word = this.#timespecAt >> 2;
      words[word] = Math.floor(timeoutMs / 1000);
      words[word + 2] = Math.floor((timeoutMs % 1000) * 1_000_000);
    }
    const timespec = timeoutMs >= 0 ? this.#timespec.get(0) : 0;
    const ready = libc.ppoll(this.#pollfds.get(0), this.#count, timespec, this.#signalMask.get(0));
    if (ready !== -1) return ready;
    const name = errnoName(lastErrno());
    // Only a debugger can do this, as all signals are masked.
    if (name === 'EINTR') return 0;
    throw new SystemCallError('ppoll', name, 'wait for packets');
  }

  /** Whether number `index` was ready, for what was asked or with an error, when {@link wait} returned. */
  isReady(index: number): boolean {
    const at = this.#pollfdsAt + index * Struct.pollfd.size + Struct.pollfd.revents;
    return (this.#memory.halfWords[at >> 1]! & READY) !== 0;
  }
}
