/**
 * The JavaScript heap of a process that runs for months and has little to do.
 *
 * V8 grows for programs in a hurry: reading a configuration with 10 000 routes leaves 45 MB of heap that is never needed
 * again. Packets are not in this heap, so its speed hardly matters once the daemon runs.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * What Node is started with for a daemon: a young generation of at most 2 MB a half, not 16. The first line of
 * `cli/main.ts` and `scripts/weft` say the same; V8 takes it at the start only.
 */
export const DAEMON_NODE_OPTIONS: readonly string[] = ['--max-semi-space-size=2'];

/** By how much the heap may grow, in per cent of what is in use, before it is collected. V8 would let it grow fourfold. */
const GROWTH_PERCENT = 10;

/**
 * Collects what the start left behind, once, and gives the memory back to the system. Takes some 10 ms. From then on the
 * heap stays close to what is in use.
 */
export function returnGarbage(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
