/** Tables as text: aligned columns, two spaces between them, no lines. Pure. */
import { bold, paint, type Terminal, type Tone } from './terminal.ts';

/** A column. */
export interface Column {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly align?: 'left' | 'right';
  /** Gives way when the table is wider than the terminal: its cells go on below themselves. */
  readonly wraps?: boolean;
}

/** A cell: one text, or several that stand below each other rather than be torn apart; in a colour, if it has a tone. */
export type Cell = PlainCell | TonedCell;

type PlainCell = string | number | readonly string[];

interface TonedCell {
  readonly cell: PlainCell;
  readonly tone: Tone | undefined;
}

/** A cell in the colour of `tone`. */
export function toned(cell: PlainCell, tone: Tone | undefined): TonedCell {
  return { cell, tone };
}

function isToned(cell: Cell): cell is TonedCell {
  return typeof cell === 'object' && 'tone' in cell;
}

/** Whether a table of these columns and rows has room in a terminal without wrapping. */
export function fits(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { widthColumns = Infinity }: Terminal,
): boolean {
  const cells = rows.map((row) => row.map((cell) => parts(cell, { widthColumns: 1, colour: false })));
  const widths = naturalWidths(columns, cells);
  return widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1)) <= widthColumns;
}

/** Texts that stand below each other, by row and column. */
type Rows = readonly (readonly (readonly string[])[])[];

const GAP = '  ';

/** Narrowest that a column may become. */
const MIN_WRAPPED_COLUMNS = 12;

/** What stands where there is nothing, so that a pipe can count columns. */
const EMPTY = '-';

/**
 * Formats a table, a line feed at the end of each line.
 *
 * In a terminal, wrapping columns give way until it fits. In a pipe each row is one line; several texts in a cell are
 * joined by commas.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  terminal: Terminal,
): string {
  const cells = rows.map((row) => row.map((cell) => parts(cell, terminal)));
  const widths = fit(columns, cells, terminal.widthColumns);
  const title = formatLine(
    columns,
    columns.map((column) => column.title),
    widths,
  );
  const tonesOf = (row: readonly Cell[]): (Tone | undefined)[] =>
    row.map((cell) => (isToned(cell) ? cell.tone : undefined));
  const lines = cells.flatMap((row, at) => formatRow(columns, row, widths, tonesOf(rows[at]!), terminal));
  return [bold(title, terminal), ...lines].map((line) => `${line}\n`).join('');
}

/** Texts of a cell that may stand below each other. */
function parts(cell: Cell, terminal: Terminal): readonly string[] {
  if (isToned(cell)) return parts(cell.cell, terminal);
  if (typeof cell === 'number') return [String(cell)];
  const texts = (typeof cell === 'string' ? [cell] : cell).filter((text) => text !== '');
  if (texts.length === 0) return [EMPTY];
  return terminal.widthColumns === undefined ? [texts.join(',')] : texts;
}

function naturalWidths(columns: readonly Column[], rows: Rows): number[] {
  return columns.map((column, index) =>
    Math.max(column.title.length, ...rows.flatMap((row) => (row[index] ?? []).map((text) => text.length))),
  );
}

/** Narrows wrapping columns, the widest first, until all fit or none can give more. Words are torn apart last. */
function fit(columns: readonly Column[], rows: Rows, limit: number | undefined): number[] {
  const widths = naturalWidths(columns, rows);
  if (limit === undefined) return widths;
  const excess = (): number => widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1)) - limit;
  const least = columns.map(({ title }) => Math.max(MIN_WRAPPED_COLUMNS, title.length));
  const words = wordWidths(rows, least);
  for (const floors of [words, least]) {
    while (excess() > 0) {
      const candidates = columns.flatMap(({ wraps }, index) =>
        wraps === true && widths[index]! > floors[index]! ? [index] : [],
      );
      const widest = candidates.sort((a, b) => widths[b]! - widths[a]!)[0];
      if (widest === undefined) break;
      widths[widest]! -= 1;
    }
  }
  return widths;
}

/** The longest that {@link wrap} need not tear apart, in each column, but no less than `least`. */
function wordWidths(rows: Rows, least: readonly number[]): number[] {
  return least.map((width, index) => {
    const words = rows.flatMap((row) => (row[index] ?? []).flatMap((text) => text.split(/ |(?<=-)/)));
    return Math.max(width, ...words.map(({ length }) => length));
  });
}

function formatRow(
  columns: readonly Column[],
  row: readonly (readonly string[])[],
  widths: readonly number[],
  tones: readonly (Tone | undefined)[],
  terminal: Terminal,
): string[] {
  const wrapped = row.map((texts, index) => texts.flatMap((text) => wrap(text, widths[index]!)));
  const height = Math.max(...wrapped.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    formatLine(
      columns,
      wrapped.map((lines) => lines[line] ?? ''),
      widths,
      (text, index) => paint(text, tones[index], terminal),
    ),
  );
}

function formatLine(
  columns: readonly Column[],
  texts: readonly string[],
  widths: readonly number[],
  dye: (text: string, index: number) => string = (text) => text,
): string {
  const last = texts.findLastIndex((text) => text !== '');
  const padded = texts.slice(0, last + 1).map((text, index) => {
    const padding = ' '.repeat(Math.max(0, widths[index]! - text.length));
    // Spaces have no colour, and none are left at the end of a line.
    if (columns[index]!.align === 'right') return padding + dye(text, index);
    return dye(text, index) + (index === last ? '' : padding);
  });
  return padded.join(GAP);
}

/** Breaks text at spaces, and within a word only where the word alone is too long: after a hyphen, if it has one. */
export function wrap(text: string, widthColumns: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > widthColumns) {
    const space = rest.lastIndexOf(' ', widthColumns);
    const hyphen = rest.lastIndexOf('-', widthColumns - 1);
    const end = space > 0 ? space : hyphen > 0 ? hyphen + 1 : widthColumns;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** Text behind a head, wrapped: lines below the first begin where the text does. */
export function hanging(head: string, text: string, { widthColumns = Infinity }: Terminal): string[] {
  return wrap(text, widthColumns - head.length).map((line, index) =>
    index === 0 ? head + line : ' '.repeat(head.length) + line,
  );
}
