/** Ctrl-C, or the end of the terminal: what runs is ended, and everything is taken down as after a failure. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WeftError } from '../src/errors.ts';

const controller = new AbortController();

/** Aborted when the benchmark is to end early. */
export const interruption: AbortSignal = controller.signal;

/** Begins to listen for signals. A second one ends nothing sooner: taking down takes a second or two. */
export function listenForSignals(): void {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort(new Error(`interrupted by ${name}`)));
  }
}

/** Waits. @throws when interrupted. */
export async function pause(durationMs: number): Promise<void> {
  await sleep(durationMs, undefined, { signal: interruption });
}

/** Runs a benchmark's `main`, and makes its number, or what it threw, the exit code of the process. */
export async function exitWith(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (interruption.aborted) {
      process.stderr.write('bench: interrupted; everything was taken down\n');
      process.exitCode = 130;
    } else if (error instanceof WeftError) {
      process.stderr.write(`bench: ${error.message}\n`);
      process.exitCode = 1;
    } else {
      throw error;
    }
  }
}
