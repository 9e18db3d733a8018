/** One run of one scenario with one seed, as threads are told to do it. */
import { nodeCipher } from '../linux/node-cipher.ts';
import { scenarios } from './catalogue.ts';
import { runScenario, type Outcome } from './scenario.ts';

/** What a thread gets: plain data. */
export interface Task {
  readonly scenario: string;
  readonly nodes: number;
  readonly seed: number;
  readonly lossProbability?: number;
  readonly durationMs?: number;
  readonly realCipher?: boolean;
  /** Leaves out the curve, which is long. */
  readonly withoutPoints?: boolean;
}

/** Runs a task. @throws RangeError if there is no such scenario */
export function runTask(task: Task, onHistory?: (line: string) => void): Outcome {
  const scenario = scenarios.find(({ name }) => name === task.scenario);
  if (scenario === undefined) throw new RangeError(`there is no scenario ${task.scenario}`);
  const outcome = runScenario(scenario, {
    ...task,
    cipher: task.realCipher === true ? nodeCipher : undefined,
    nowMs: () => performance.now(),
    ...(onHistory !== undefined && { onHistory }),
  });
  return task.withoutPoints === true ? { ...outcome, points: [], convergenceTimesMs: [] } : outcome;
}
