/** Who comes first where processors are short: sched(7). Both scheduling policy and niceness are per thread on Linux. */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi } from './kernel-abi.ts';

/** The least of real time: before every thread without, behind everybody else's with. */
const REAL_TIME_PRIORITY = 1;
/** Below 0, and so before everything in its session or control group that nobody gave a priority. */
const PREFERRED_NICENESS = -10;
/** Above 0, and so behind everything that nobody gave a priority. */
const DEFERRED_NICENESS = 5;

/**
 * How threads came to come first: in real time, before all others; or by niceness, which counts only among the threads of a
 * session or control group. Or not at all.
 */
export type Precedence = 'real-time' | 'niceness' | 'none';

/** Ids of the threads that this process has now. That of the main thread is the process's. */
export function presentThreads(): number[] {
  return readdirSync('/proc/self/task').map(Number);
}

/**
 * Lets `threads` come before others, as far as this process may: in real time, or else by niceness. One that has ended is left out.
 *
 * Real time needs CAP_SYS_NICE, and may be refused nevertheless: by a control group without a real-time budget of its own, or by a
 * C library without sched_setscheduler(2), as musl. Threads and programs that they start later do not run in real time, but inherit
 * niceness.
 */
export function preferThreads(threads: readonly number[]): Precedence {
  const isRefused = (change: (thread: number) => Outcome): boolean =>
    threads.some((thread) => change(thread) === 'refused');
  if (!isRefused(runInRealTime)) return 'real-time';
  return isRefused(runByNiceness) ? 'none' : 'niceness';
}

/** Lets others come before the calling thread. Needs no privilege. */
export function deferThisThread(): void {
  setPriority(DEFERRED_NICENESS);
}

/** Has the calling thread be as any other, whatever it has from the thread that started it. Needs no privilege. */
export function levelThisThread(): void {
  setPriority(0);
}

/** What became of a change to a thread. */
type Outcome = 'done' | 'refused' | 'ended';

function runInRealTime(thread: number): Outcome {
  const policy = Abi.SCHED_RR | Abi.SCHED_RESET_ON_FORK;
  if (libc.sched_setscheduler(thread, policy, new Int32Array([REAL_TIME_PRIORITY])) !== -1) return 'done';
  return lastErrnoName() === 'ESRCH' ? 'ended' : 'refused';
}

function runByNiceness(thread: number): Outcome {
  try {
    setPriority(thread, PREFERRED_NICENESS);
    return 'done';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'ended' : 'refused';
  }
}
