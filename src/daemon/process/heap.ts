/**
 * The JavaScript heap of a process that runs for months and has little to do.
 *
 * V8 grows for programs in a hurry: reading a configuration with 10 000 routes leaves 45 MB of heap that is never needed
 * again. Packets are not in this heap, so its speed hardly matters once the daemon runs.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { mallocTrim } from '../../linux/ffi.ts';

/**
 * What Node is started with for a daemon: a young generation of at most 2 MB a half, not 16. The first line of
 * `cli/main.ts` and `scripts/weft` say the same; V8 takes it at the start only.
 */
export const DAEMON_NODE_OPTIONS: readonly string[] = ['--max-semi-space-size=2'];

/**
 * By how much the heap may grow, in per cent of what is in use, before it is collected. V8 would let it grow fourfold. With
 * 10 of a heap of 130 MB, other threads have no time to mark it: this one does, and changes of policies were seen to wait 95 ms for that.
 */
const GROWTH_PERCENT = 40;

/**
 * Lets all threads of this process collect their garbage when they want to. To be called before the first of them starts: flags of V8 are
 * those of the process, and what Node keeps compiled is only taken by a V8 with the same.
 */
export function allowCollecting(): void {
  setFlagsFromString('--expose-gc');
}

/**
 * Collects what the start of the daemon left behind, as {@link collectGarbage}, and keeps the heap close to what is in use from then on.
 * For the main thread, at the end of its start.
 */
export function returnGarbage(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  collectGarbage();
}

/**
 * Collects the garbage of this thread, and gives the memory back to the system: that of V8, and that of the C library. Takes 20 to 50 ms.
 *
 * As if there were no memory left: V8 keeps pages that become free for some seconds otherwise, and those of a thread that never idles for
 * good. Does nothing without {@link allowCollecting}.
 */
export function collectGarbage(): void {
  const collect = runInNewContext('globalThis.gc') as ((options: object) => void) | undefined;
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  mallocTrim?.(0);
}
