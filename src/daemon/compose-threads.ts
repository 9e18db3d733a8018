/** The threads that a daemon runs from its start on, loaded before its turn comes. */
import { availableParallelism } from 'node:os';
import type { Config } from './config/config.ts';
import { NAMES_PROGRAM } from './names/names-thread-handle.ts';
import { ensureRoom } from './process/room-to-run.ts';
import { ThreadReserve } from './process/thread-reserve.ts';
import { suitableWorkers } from './worker/dataplane.ts';
import { workerProgram } from './worker/worker-thread.ts';

/** Begins to load them. @throws ExhaustedError `descriptors-exhausted`, `processes-exhausted` if there is no room for them */
export async function loadThreads({ dataplane, names }: Config): Promise<ThreadReserve> {
  const workers = workersOf({ dataplane });
  await ensureRoom(workers);
  const reserve = new ThreadReserve();
  for (let worker = 0; worker < workers; worker++) reserve.load(workerProgram(worker));
  if (names.enabled) reserve.load(NAMES_PROGRAM);
  return reserve;
}

/** How many workers there are. */
export function workersOf({ dataplane }: Pick<Config, 'dataplane'>): number {
  return dataplane.workers || suitableWorkers(availableParallelism());
}
