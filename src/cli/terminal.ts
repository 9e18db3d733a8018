/** What standard output is: a terminal for a person, or a pipe for a program. */

/** How to write. */
export interface Terminal {
  /** Columns to keep to; `undefined` in a pipe, where nothing is ever cut. */
  readonly widthColumns: number | undefined;
  /** Whether colours may be used. */
  readonly colour: boolean;
}

/** Width of a terminal that does not tell. */
const DEFAULT_WIDTH_COLUMNS = 80;

/** Standard output of this process. `NO_COLOR` (no-color.org) and `TERM=dumb` turn colours off. */
export function standardOutput(): Terminal {
  const { stdout, env } = process;
  if (!stdout.isTTY) return { widthColumns: undefined, colour: false };
  const noColour = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return { widthColumns: stdout.columns || DEFAULT_WIDTH_COLUMNS, colour: !noColour };
}

/** Bold text, where colours may be used. */
export function bold(text: string, terminal: Terminal): string {
  return terminal.colour ? `\u001b[1m${text}\u001b[22m` : text;
}

/** Text that calls for attention, where colours may be used. */
export function warning(text: string, terminal: Terminal): string {
  return terminal.colour ? `\u001b[33m${text}\u001b[39m` : text;
}
