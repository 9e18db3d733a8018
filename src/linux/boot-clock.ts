/** {@link BootClock} of this machine. */
import type { BootClock } from '../env/boot-clock.ts';
import { readBootId } from './boot-id.ts';

/** CLOCK_MONOTONIC is the same for all processes, and starts with the machine. It does not count while the machine sleeps. */
export function openBootClock(): BootClock {
  return { bootId: readBootId(), sinceBootMs: () => Math.floor(Number(process.hrtime.bigint() / 1_000_000n)) };
}
