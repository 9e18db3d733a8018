/** A thread that says back what it is told first, and then waits for ever. */
import { parentPort } from 'node:worker_threads';

parentPort!.once('message', (message) => {
  parentPort!.postMessage(message, []);
  setInterval(() => {}, 60_000);
});
