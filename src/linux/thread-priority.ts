/** Who comes first where processors are short: setpriority(2), which is per thread on Linux. */
import { setPriority } from 'node:os';

/** Below 0, and so before everything that nobody gave a priority; far from those that keep the machine alive. */
const PREFERRED_NICENESS = -10;
/** Above 0, and so behind everything that nobody gave a priority. */
const DEFERRED_NICENESS = 5;

/**
 * Lets the calling thread come before others, those of this process too. Threads and processes that it starts from then on are
 * like it, unless they choose otherwise.
 *
 * @returns whether it may (CAP_SYS_NICE); if not, it stays as it is.
 */
export function preferThisThread(): boolean {
  try {
    setPriority(PREFERRED_NICENESS);
    return true;
  } catch {
    return false;
  }
}

/** Lets others come before the calling thread. Needs no privilege. */
export function deferThisThread(): void {
  setPriority(DEFERRED_NICENESS);
}
