/** A thread that says back what it is told first, and then waits for ever; with nothing to do it ends. */
import { parentPort } from 'node:worker_threads';
import { NOTHING_TO_DO } from '../../src/daemon/process/thread-reserve.ts';

parentPort!.once('message', (message) => {
  if (message === NOTHING_TO_DO) return;
  parentPort!.postMessage(message, []);
  setInterval(() => {}, 60_000);
});
