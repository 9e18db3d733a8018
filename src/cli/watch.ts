/** `--watch`: the same answer again and again, in place on a terminal, one below the other in a pipe. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WeftError } from '../errors.ts';
import type { OutputOptions } from './output.ts';
import { bold, standardOutput, type Terminal, warning } from '../terminal/terminal.ts';

/** Options of a command that has it. */
export interface WatchOptions extends OutputOptions {
  readonly watch?: true;
}

/** How often a person looks again, in ms. */
const INTERVAL_MS = 2_000;

/** Cursor to the top left, then erase to the end of the screen (ECMA-48, 8.3.21 and 8.3.39). */
const TOP_LEFT = '\u001b[H';
const ERASE_BELOW = '\u001b[J';
/** Erase to the end of the line. */
const ERASE_REST = '\u001b[K';

/** What `--watch` says of itself in the help of a command. */
export const WATCH_HELP = 'show it again every two seconds, until Ctrl-C; with --json, an object on each line';

/**
 * Prints what `ask` gives: once, or again and again with `--watch`. A daemon that does not answer for a while is said, and asked
 * again.
 */
export async function printOrWatch<Answer>(
  options: WatchOptions,
  ask: () => Promise<Answer>,
  format: (answer: Answer, terminal: Terminal) => string,
): Promise<void> {
  if (options.watch !== true) {
    const answer = await ask();
    const { print } = await import('./output.ts');
    print(options, answer, () => format(answer, standardOutput()));
    return;
  }
  for (let isFirst = true; ; isFirst = false) {
    const terminal = standardOutput();
    try {
      const answer = await ask();
      const text = options.json === true ? `${JSON.stringify(answer)}\n` : format(answer, terminal);
      show(options, text, terminal, isFirst);
    } catch (error) {
      // Asked in a wrong way, or of a daemon that was never there: that does not change by waiting.
      if (isFirst || !(error instanceof WeftError)) throw error;
      if (options.json !== true) show(options, `${warning(error.message, terminal)}\n`, terminal, false);
    }
    await sleep(INTERVAL_MS);
  }
}

function show(options: WatchOptions, text: string, terminal: Terminal, isFirst: boolean): void {
  if (options.json === true || terminal.widthColumns === undefined) {
    process.stdout.write(isFirst || options.json === true ? text : `\n${text}`);
    return;
  }
  const title = bold(
    `every ${INTERVAL_MS / 1_000} s, Ctrl-C ends; ${new Date().toISOString().slice(11, 19)} UTC`,
    terminal,
  );
  process.stdout.write(screenOf(`${title}\n\n${text}`, process.stdout.rows || 24, isFirst));
}

/** A screen full of `text`. What has no room is counted. */
export function screenOf(text: string, rows: number, isFirst: boolean): string {
  const lines = text.trimEnd().split('\n');
  const shown =
    lines.length < rows ? lines : [...lines.slice(0, rows - 2), `and ${lines.length - rows + 2} lines more`];
  const body = shown.map((line) => `${line}${ERASE_REST}\n`).join('');
  // The first screen leaves what was there to the scroll-back.
  return `${isFirst ? '\n'.repeat(rows) : ''}${TOP_LEFT}${body}${ERASE_BELOW}`;
}
