/** Counting garbage collections. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/**
 * How many times the young generation was collected while `action` ran, which nothing but garbage causes. The old one is
 * also collected for reasons of V8's own.
 */
export async function youngCollections(action: () => void): Promise<number> {
  let count = 0;
  const observer = new PerformanceObserver((list) => {
    // The types do not know that entries about collections have details.
    const entries = list.getEntries() as (PerformanceEntry & { readonly detail: { readonly kind: number } })[];
    count += entries.filter(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MINOR).length;
  });
  observer.observe({ entryTypes: ['gc'] });
  try {
    // Whatever happened before is swept up and reported before: the young generation begins empty.
    collect();
    await setImmediate();
    const before = count;
    action();
    await setImmediate();
    await setImmediate();
    return count - before;
  } finally {
    observer.disconnect();
  }
}
