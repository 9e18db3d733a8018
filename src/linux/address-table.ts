/**
 * Addresses as arguments of FFI calls, made beforehand.
 *
 * An address does not fit V8's small integers. Computed for each call, it is an object of 16 bytes in the heap each time:
 * a megabyte per second of it on a busy node, and the packet path is to allocate nothing.
 */
import type { MappedMemory } from './mapped-memory.ts';

/** Addresses of `count` places in mapped memory, `strideBytes` apart. */
export class AddressTable {
  // Only in an array that also holds something else do numbers stay objects; in others V8 unpacks them, and would have to
  // make an object again for the call.
  readonly #addresses: (number | undefined)[] = [undefined];

  constructor(memory: MappedMemory, firstAt: number, strideBytes: number, count: number) {
    for (let index = 0; index < count; index++) this.#addresses.push(memory.address + firstAt + index * strideBytes);
  }

  /** Address of place number `index`. To be handed to the call as it is: arithmetic makes a new object. */
  get(index: number): number {
    return this.#addresses[index + 1]!;
  }
}
