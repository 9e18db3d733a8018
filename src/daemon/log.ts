/** The log: one JSON object per line on stderr. */
import { pino, stdTimeFunctions } from 'pino';
import type { Logger } from '../env/logger.ts';
import type { Config } from './config/config.ts';
import { LogDestination } from './log-destination.ts';

const STDERR = 2;

/**
 * Opens the log. Lines are `{"level":"info","time":"2026-01-01T00:00:00.000Z","msg":"listening",...}`; an error goes under `err`.
 *
 * Written synchronously: the last line before an exit is the one that is needed, and there are none per packet. A log that
 * cannot be written ends nothing: see {@link LogDestination}.
 */
export function openLog(level: Config['logLevel'], fileDescriptor: number = STDERR): Logger {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, new LogDestination(fileDescriptor, lossLine));
}

function lossLine(lostLines: number, reason: string): string {
  const fields = { level: 'warn', time: new Date().toISOString(), lostLines, reason };
  return `${JSON.stringify({ ...fields, msg: 'lines of the log could not be written' })}\n`;
}
