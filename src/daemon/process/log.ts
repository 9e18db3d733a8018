/** The log, on stderr: one JSON object per line for programs, text for a person at a terminal. */
import { isatty } from 'node:tty';
import { pino, stdTimeFunctions } from 'pino';
import type { Logger } from '../../env/logger.ts';
import type { Config } from '../config/config.ts';
import { LogDestination } from './log-destination.ts';
import { formatLogLine } from './log-text.ts';

const STDERR = 2;

/** How it is written: `auto` is text on a terminal, and JSON everywhere else. */
export interface LogOptions {
  readonly level: Config['logLevel'];
  readonly format: Config['log']['format'];
}

/**
 * Opens the log. Lines of JSON are `{"level":"info","time":"2026-01-01T00:00:00.000Z","msg":"listening",...}`; an error goes under `err`.
 *
 * Written synchronously: the last line before an exit is the one that is needed, and there are none per packet. A log that
 * cannot be written ends nothing: see {@link LogDestination}.
 */
export function openLog({ level, format }: LogOptions, fileDescriptor: number = STDERR): Logger {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const isTerminal = isatty(fileDescriptor);
  const isText = format === 'text' || (format === 'auto' && isTerminal);
  // no-color.org
  const hasColours = isTerminal && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
  const asWritten = (line: string): string => (isText ? formatLogLine(line, hasColours) : line);
  const destination = new LogDestination(fileDescriptor, (lines, reason) => asWritten(lossLine(lines, reason)));
  return pino(options, { write: (line: string) => destination.write(asWritten(line)) });
}

function lossLine(lostLines: number, reason: string): string {
  const fields = { level: 'warn', time: new Date().toISOString(), lostLines, reason };
  return `${JSON.stringify({ ...fields, msg: 'lines of the log could not be written' })}\n`;
}
