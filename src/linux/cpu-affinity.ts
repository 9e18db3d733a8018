/** On which CPUs a thread may run: sched_setaffinity(2). */
import { RequirementError, SystemCallError } from '../errors.ts';
import { lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';

/** `CPU_SETSIZE` of the C library, in bytes: CPUs 0 to 1023. */
const MASK_BYTES = 128;

/**
 * Lets the calling thread run on `cpus` only, as far as it may run on them; without any, changes nothing.
 *
 * @throws RequirementError `cpu-missing` when it may run on none of them.
 * @throws SystemCallError
 */
export function runOnCpus(cpus: readonly number[]): void {
  if (cpus.length === 0) return;
  const mask = new Uint8Array(MASK_BYTES);
  for (const cpu of cpus) {
    if (cpu >= MASK_BYTES * 8) throw new RangeError(`CPU ${cpu} is above ${MASK_BYTES * 8 - 1}`);
    mask[cpu >> 3] = mask[cpu >> 3]! | (1 << (cpu & 7));
  }
  if (libc.sched_setaffinity(0, MASK_BYTES, mask) !== -1) return;
  const errno = lastErrnoName();
  if (errno !== 'EINVAL') throw new SystemCallError('sched_setaffinity', errno, `run on CPU ${cpus.join(', ')}`);
  const what = `cannot run on CPU ${cpus.join(', ')}: there is none of them, or this process may not use it`;
  throw new RequirementError('cpu-missing', what, { cpus });
}

/**
 * Which of `cpus` worker number `worker` of `workers` gets: each CPU goes to one worker, and to several only if there are
 * more workers than CPUs. None for each if there are none.
 */
export function shareOfCpus(cpus: readonly number[], worker: number, workers: number): number[] {
  const turn = worker % Math.max(1, Math.min(workers, cpus.length));
  return cpus.filter((_, index) => index % Math.min(workers, cpus.length) === turn);
}
