/** Packets that wait until nothing older can come any more: a heap, oldest first, and of one age in the order of arrival. */
import type { WaitingPacket } from './packet-hops.ts';
import type { PcapngTime } from './pcapng.ts';

/** Whether `a` is before `b`. */
export function isBefore(a: PcapngTime, b: PcapngTime): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanoseconds < b.nanoseconds);
}

export class ReorderBuffer {
  readonly #heap: WaitingPacket[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The oldest, which stays. */
  get oldest(): WaitingPacket | undefined {
    return this.#heap[0];
  }

  insert(waiting: WaitingPacket): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(waiting);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!comesFirst(waiting, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = waiting;
  }

  /** Takes the oldest out. */
  removeOldest(): WaitingPacket | undefined {
    const heap = this.#heap;
    const oldest = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return oldest;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && comesFirst(heap[child + 1]!, heap[child]!)) child++;
      if (!comesFirst(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return oldest;
  }
}

function comesFirst(a: WaitingPacket, b: WaitingPacket): boolean {
  if (isBefore(a.packet, b.packet)) return true;
  return a.arrival < b.arrival && !isBefore(b.packet, a.packet);
}
