/** What each injected fault did, in memory that the main thread reads while workers count. Unit: datagrams. */
import { MAX_FAULT_RULES } from './fault-rule.ts';

/** Index of each number within those of a rule. The first is the rule's id: counters of another one, long gone, mean nothing. */
export const FaultCount = {
  id: 0,
  seen: 1,
  lost: 2,
  clipped: 3,
  queueFull: 4,
  delayed: 5,
  reordered: 6,
  duplicated: 7,
  corrupted: 8,
  probes: 9,
} as const;
const FIELDS_PER_RULE = 10;
const FIELDS_PER_WORKER = MAX_FAULT_RULES * FIELDS_PER_RULE;

/** Memory that the main thread and all workers share; it may be posted. */
export type FaultCountsMemory = Float64Array<SharedArrayBuffer>;

/** What a rule did so far: `seen` are all that it was about, `probes` those of them that are path probes. */
export type FaultCounted = Readonly<Record<Exclude<keyof typeof FaultCount, 'id'>, number>>;

/** Memory for the rules of `workers` workers, all zero. */
export function createFaultCountsMemory(workers: number): FaultCountsMemory {
  const buffer = new SharedArrayBuffer(workers * FIELDS_PER_WORKER * Float64Array.BYTES_PER_ELEMENT);
  return new Float64Array(buffer);
}

/** Where the counters of a rule begin. */
export function faultCountsAt(worker: number, slot: number): number {
  return worker * FIELDS_PER_WORKER + slot * FIELDS_PER_RULE;
}

/** Begins to count for another rule. */
export function resetFaultCounts(memory: FaultCountsMemory, at: number, id: number): void {
  memory.fill(0, at, at + FIELDS_PER_RULE);
  memory[at + FaultCount.id] = id;
}

/** What the rule with this id and slot did so far, at all workers together. */
export function readFaultCounts(memory: FaultCountsMemory, id: number, slot: number): FaultCounted {
  const total = (field: number): number => {
    let sum = 0;
    for (let at = faultCountsAt(0, slot); at < memory.length; at += FIELDS_PER_WORKER) {
      if (memory[at + FaultCount.id] === id) sum += memory[at + field]!;
    }
    return sum;
  };
  return {
    seen: total(FaultCount.seen),
    lost: total(FaultCount.lost),
    clipped: total(FaultCount.clipped),
    queueFull: total(FaultCount.queueFull),
    delayed: total(FaultCount.delayed),
    reordered: total(FaultCount.reordered),
    duplicated: total(FaultCount.duplicated),
    corrupted: total(FaultCount.corrupted),
    probes: total(FaultCount.probes),
  };
}
