/** What threads are for: runs of scenarios, and seeds of random faults. */
import { parentPort } from 'node:worker_threads';
import { runBatch, type SeedBatch } from './seed-batch.ts';
import { runTask, type Task } from './task.ts';

const port = parentPort;
if (port === null) throw new TypeError('thread-task.ts is the entry of a worker thread');

/** One message in, one out. What is thrown ends the thread, and with it the run. */
port.on('message', (work: Task | SeedBatch) => answer('scenario' in work ? runTask(work) : runBatch(work)));

function answer(outcome: unknown): void {
  // A thread's port: there is no origin to name.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  port!.postMessage(outcome);
}
