/** Runs tasks on all processors. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

const script = new URL('thread-task.ts', import.meta.url);

/**
 * Runs `tasks` in threads (`thread-task.ts`), each of which gets one task at a time as a message and answers with one
 * message. Results are in the order of the tasks; the first error ends everything.
 *
 * @param isWanted asked with the index of each task before it is begun: at the first that is not wanted, all that follow
 * are left out, too.
 */
export async function runInThreads<Result>(
  tasks: readonly unknown[],
  workers: number = availableParallelism(),
  isWanted: (index: number) => boolean = () => true,
): Promise<Result[]> {
  const results = new Map<number, Result>();
  let next = 0;
  const threads: Worker[] = [];
  const runThread = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const thread = new Worker(script);
      threads.push(thread);
      let index = -1;
      const takeNext = (): void => {
        if (next < tasks.length && !isWanted(next)) next = tasks.length;
        index = next++;
        // A thread's port: there is no origin to name.
        // oxlint-disable-next-line unicorn/require-post-message-target-origin
        if (index < tasks.length) thread.postMessage(tasks[index]);
        else resolve();
      };
      thread.on('message', (result: Result) => {
        results.set(index, result);
        takeNext();
      });
      thread.on('error', reject);
      takeNext();
    });
  try {
    await Promise.all(Array.from({ length: Math.min(workers, tasks.length) }, runThread));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return [...results.keys()].sort((a, b) => a - b).map((index) => results.get(index)!);
}
