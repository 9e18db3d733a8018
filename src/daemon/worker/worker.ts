/**
 * Entry point of a dataplane worker: a thread with a TUN queue and UDP sockets of its own.
 *
 * When it has loaded its program, it waits for the message that says what there is to do. From then on it sleeps in ppoll, and never
 * returns to its event loop before it ends: what it has to say it posts, and what it is told it finds in shared memory.
 */
import { parentPort } from 'node:worker_threads';
import { runOnCpus } from '../../linux/cpu-affinity.ts';
import { collectGarbage } from '../process/heap.ts';
import { NOTHING_TO_DO } from '../process/thread-reserve.ts';
import { openWorkerDescriptors, type WorkerDescriptors } from './worker-descriptors.ts';
import { describeFailure, type WorkerReport, type WorkerSetup } from './worker-report.ts';
import { WorkerTurns } from './worker-turns.ts';

function main(setup: WorkerSetup, report: (report: WorkerReport) => void): void {
  let descriptors: WorkerDescriptors | undefined;
  let turns: WorkerTurns | undefined;
  try {
    runOnCpus(setup.cpus);
    descriptors = openWorkerDescriptors(setup);
    turns = new WorkerTurns(setup, descriptors);
    report({ kind: 'ready', features: turns.features() });
    // Here, since it will not idle any more. Nothing is to be forwarded yet: the main thread has no routes until it has started.
    collectGarbage();
    turns.run(report);
  } catch (error) {
    report({ kind: 'failed', failure: describeFailure(error) });
    process.exitCode = 1;
  } finally {
    descriptors?.close();
    (turns ?? descriptors?.underlay)?.close();
  }
}

const port = parentPort;
if (port === null) throw new TypeError('worker.ts is the entry of a worker thread');
port.once('message', (setup: WorkerSetup | typeof NOTHING_TO_DO) => {
  if (setup !== NOTHING_TO_DO) main(setup, (report) => port.postMessage(report));
});
