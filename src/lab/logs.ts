/** `weft lab logs`: what the daemon of a node wrote. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { NotFoundError } from '../errors.ts';
import { findNode, loadLab, nodeFiles } from './lab-directory.ts';

/** What of it to show. */
export interface LogChoice {
  /** Last lines; `undefined`: all. */
  readonly lines: number | undefined;
  /** Goes on until it is interrupted. */
  readonly follow: boolean;
}

/**
 * Gives lines to `onLine`, in order.
 *
 * @throws NotFoundError `lab-node-not-found`, `lab-log-not-found`.
 */
export async function readLog(
  labName: string,
  nodeName: string,
  { lines, follow }: LogChoice,
  onLine: (line: string) => void,
): Promise<void> {
  const { name } = findNode(loadLab(labName), nodeName);
  const { log } = nodeFiles(labName, name);
  if (!existsSync(log)) throw new NotFoundError('lab-log-not-found', `${name} has no log yet: ${log} is not there`);
  const child = spawn('tail', ['-n', lines === undefined ? '+1' : `${lines}`, ...(follow ? ['-F'] : []), log], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = `${rest}${text}`.split('\n');
    rest = parts.pop()!;
    for (const part of parts) onLine(part);
  });
  const end = (): boolean => child.kill();
  process.on('SIGINT', end).on('SIGTERM', end);
  await once(child, 'close');
  process.off('SIGINT', end).off('SIGTERM', end);
  if (rest !== '') onLine(rest);
}
