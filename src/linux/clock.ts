/** The clocks of the machine in ns: what Node has of CLOCK_REALTIME ends at milliseconds. */
import { checked } from './errno.ts';
import { libc } from './ffi.ts';

/** From include/uapi/linux/time.h. */
const CLOCK_REALTIME = 0;

/** Looks at the clocks; the best of them counts. */
const TRIES = 5;

// struct timespec: two 64-bit integers wherever weft runs.
const timespec = new BigInt64Array(2);

/** CLOCK_REALTIME: ns since 1970. */
export function realtimeNs(): bigint {
  checked(libc.clock_gettime(CLOCK_REALTIME, timespec), 'clock_gettime', 'read the time');
  return timespec[0]! * 1_000_000_000n + timespec[1]!;
}

/**
 * How much CLOCK_REALTIME is ahead of CLOCK_MONOTONIC (`process.hrtime`), in ns. Changes when somebody sets the clock, and
 * only then.
 */
export function realtimeAheadNs(): bigint {
  let best = { widthNs: 0n, aheadNs: 0n };
  for (let tried = 0; tried < TRIES; tried++) {
    const before = process.hrtime.bigint();
    const realtime = realtimeNs();
    const widthNs = process.hrtime.bigint() - before;
    if (tried === 0 || widthNs < best.widthNs) best = { widthNs, aheadNs: realtime - before - widthNs / 2n };
  }
  return best.aheadNs;
}
