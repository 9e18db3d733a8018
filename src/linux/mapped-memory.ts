/**
 * Memory for the packet path: mapped once, outside of V8's heap, at an address that never changes.
 *
 * What the kernel needs as an address is a number here, and what JavaScript needs is a typed array over the same bytes.
 * The mapping never crosses a multiple of 4 GiB, so all addresses in it share their upper half: 64-bit pointers are
 * written as two 32-bit halves, and the upper one is known beforehand. No BigInt, no allocation.
 */
import { Abi } from './kernel-abi.ts';
import { checked } from './errno.ts';
import { libc, viewMemory } from './ffi.ts';

const PAGE_BYTES = 4096;
const HALF = 2 ** 32;

/** A part of a {@link MappedMemory}: offset and length in bytes. */
export interface MemoryArea {
  readonly at: number;
  readonly lengthBytes: number;
}

/** Zeroed, private, anonymous memory, given out from front to back. Belongs to one thread. */
export class MappedMemory {
  readonly address: number;
  readonly lengthBytes: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same memory as 32-bit words: index = offset / 4. */
  readonly words: Int32Array<ArrayBuffer>;
  /** The same memory as 16-bit words: index = offset / 2. */
  readonly halfWords: Uint16Array<ArrayBuffer>;
  readonly #addressLow: number;
  readonly #addressHigh: number;
  #allocatedBytes = 0;

  /** Maps at least `lengthBytes` bytes (at most 4 GiB; rounded up to a page). @throws SystemCallError */
  constructor(lengthBytes: number) {
    this.lengthBytes = Math.ceil(lengthBytes / PAGE_BYTES) * PAGE_BYTES;
    this.address = mapWithinOneHalf(this.lengthBytes);
    this.#addressLow = (this.address % HALF) | 0;
    this.#addressHigh = Math.floor(this.address / HALF);
    const buffer = viewMemory(this.address, this.lengthBytes);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.halfWords = new Uint16Array(buffer);
  }

  /** Next `lengthBytes` bytes, beginning at a multiple of 64, a cache line. @throws RangeError when none are left. */
  allocate(lengthBytes: number): MemoryArea {
    const at = this.#allocatedBytes;
    if (at + lengthBytes > this.lengthBytes) throw new RangeError(`mapped memory is too small for ${lengthBytes} more`);
    this.#allocatedBytes = Math.ceil((at + lengthBytes) / 64) * 64;
    return { at, lengthBytes };
  }

  /** Writes the address of offset `target` as a 64-bit pointer at offset `at`, a multiple of 4. */
  writePointer(at: number, target: number): void {
    this.words[at >> 2] = (this.#addressLow + target) | 0;
    this.words[(at >> 2) + 1] = this.#addressHigh;
  }

  /** As {@link writePointer}, where a pointer into this memory stands already. */
  changePointer(at: number, target: number): void {
    this.words[at >> 2] = (this.#addressLow + target) | 0;
  }

  /** Gives the memory back. Nobody may look at it afterwards: the process would crash. */
  unmap(): void {
    checked(libc.munmap(this.address, this.lengthBytes), 'munmap', 'release packet memory');
  }
}

function mapWithinOneHalf(lengthBytes: number): number {
  const first = map(lengthBytes);
  if (isWithinOneHalf(first, lengthBytes)) return first;
  // Held until there is a second one, so that this cannot be the same place. Two neighbours cannot both cross.
  const second = map(lengthBytes);
  checked(libc.munmap(first, lengthBytes), 'munmap', 'release packet memory');
  if (!isWithinOneHalf(second, lengthBytes)) throw new RangeError('packet memory crosses a multiple of 4 GiB');
  return second;
}

function map(lengthBytes: number): number {
  const protection = Abi.PROT_READ | Abi.PROT_WRITE;
  const address = libc.mmap(0, lengthBytes, protection, Abi.MAP_PRIVATE | Abi.MAP_ANONYMOUS, -1, 0);
  // MAP_FAILED is (void *) -1.
  return checked(address > Number.MAX_SAFE_INTEGER ? -1 : address, 'mmap', 'map packet memory');
}

function isWithinOneHalf(address: number, lengthBytes: number): boolean {
  return Math.floor(address / HALF) === Math.floor((address + lengthBytes - 1) / HALF);
}
