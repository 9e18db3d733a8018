/** Whether there is room for a daemon at all, in words, before it fails in the midst of its start. */
import { stat } from 'node:fs/promises';
import { ExhaustedError } from '../../errors.ts';
import { descriptorLimit, openDescriptors } from '../../linux/descriptors.ts';
import { describeTaskLimit, readTaskLimits, type TaskLimit } from '../../linux/task-limits.ts';

/** Descriptors of the daemon without workers, and those of a worker, together with what it takes to start programs. */
const LEAST_DESCRIPTORS = 60;
const LEAST_PER_WORKER = 22;
/** Threads that a daemon starts beside those of its workers, and a few programs at a time. */
const LEAST_TASKS = 12;

/** Tests have another machine. */
export interface Room {
  readonly descriptorLimit: number;
  readonly openDescriptors: number;
  readonly taskLimits: readonly TaskLimit[];
}

/**
 * Makes sure of it, and starts the threads that Node would start when it first needs them: if it could not then, it would end.
 *
 * @throws ExhaustedError `descriptors-exhausted`, `processes-exhausted`
 */
export async function ensureRoom(workers: number, room = presentRoom()): Promise<void> {
  const least = LEAST_DESCRIPTORS + LEAST_PER_WORKER * workers;
  const left = room.descriptorLimit - room.openDescriptors;
  if (left < least) {
    const message = `cannot start with ${workers} workers: this process may open ${left} more descriptors (RLIMIT_NOFILE is ${room.descriptorLimit}), and needs ${least}: raise LimitNOFILE= of the systemd unit, or --ulimit nofile= of the container`;
    throw new ExhaustedError('descriptors-exhausted', message, { limit: 'RLIMIT_NOFILE', value: room.descriptorLimit });
  }
  const tasks = LEAST_TASKS + workers;
  const [short] = room.taskLimits.filter(({ limit, used }) => limit - used < tasks);
  if (short !== undefined) {
    const { name, limit, remedy } = short;
    const message = `cannot start with ${workers} workers: ${describeTaskLimit(short)}, and ${tasks} more are needed: ${remedy}`;
    throw new ExhaustedError('processes-exhausted', message, { limit: name, value: limit });
  }
  await stat('/');
}

function presentRoom(): Room {
  return {
    descriptorLimit: descriptorLimit(),
    openDescriptors: openDescriptors(),
    taskLimits: readTaskLimits(),
  };
}
