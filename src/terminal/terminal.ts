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
  return paint(text, 'warning', terminal);
}

/** What a colour says: all is well, look at this, this is broken, this matters less. */
export type Tone = 'good' | 'warning' | 'bad' | 'faint';

/** Select Graphic Rendition (ECMA-48, 8.3.117): on, and off again. */
const TONES: Readonly<Record<Tone, readonly [on: number, off: number]>> = {
  good: [32, 39],
  warning: [33, 39],
  bad: [31, 39],
  faint: [2, 22],
};

/** Text in the colour of a tone, where colours may be used. */
export function paint(text: string, tone: Tone | undefined, terminal: Terminal): string {
  if (tone === undefined || text === '' || !terminal.colour) return text;
  const [on, off] = TONES[tone];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}
