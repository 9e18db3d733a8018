/** Who may talk to whom, as text. Pure. */
import { type Cell, type Column, formatTable, toned, wrap } from '../terminal/table.ts';
import { paint, type Terminal, type Tone } from '../terminal/terminal.ts';
import { EVERYTHING, type PolicyCell, type PolicyMatrix } from './policy-answer.ts';

/** What a cell says, if it is no letter, which stands for ports. */
const Mark = { whole: 'yes', nothing: '-', itself: '=', noPort: '.', unknown: '?' } as const;

const tones: Readonly<Record<string, Tone>> = {
  [Mark.whole]: 'good',
  [Mark.nothing]: 'faint',
  [Mark.itself]: 'faint',
  [Mark.noPort]: 'faint',
  [Mark.unknown]: 'warning',
};

const FIRST_LETTER = 0x61;
const LETTERS = 26;

/** A column with its gap: as wide as `yes`. */
const CELL_COLUMNS = 5;
/** For numbers and names of pods at the left. */
const LEAST_NAME_COLUMNS = 24;
/** More in one line nobody follows with the eye. */
const MAX_COLUMNS = 20;

/** How many pods a table has room for. */
export function mostColumns({ widthColumns = Infinity }: Terminal): number {
  return Math.max(1, Math.min(MAX_COLUMNS, Math.floor((widthColumns - LEAST_NAME_COLUMNS) / CELL_COLUMNS)));
}

/** A row for each pod that begins, a column for each that it begins to, and below them what the cells mean. */
export function formatPolicyMatrix(matrix: PolicyMatrix, terminal: Terminal): string {
  const { asked, pods, cells, notes } = matrix;
  const unlabelled = new Set(matrix.labelsUnknown);
  const byPair = new Map(cells.map((cell) => [`${cell.from} ${cell.to}`, cell]));
  const letters = lettersOf(cells);
  const columns: readonly Column[] = [
    { title: '', align: 'right' },
    { title: 'FROM', wraps: true },
    ...pods.map((_, at) => ({ title: String(at + 1).padStart(Mark.whole.length), align: 'right' as const })),
  ];
  const texts = pods.map((from) =>
    pods.map((to) => (from === to ? Mark.itself : markOf(byPair.get(`${from} ${to}`), letters, unlabelled))),
  );
  const rows = texts.map((row, at): readonly Cell[] => [
    at + 1,
    pods[at]!,
    ...row.map((text) => toned(text, tones[text] ?? 'warning')),
  ]);
  const meanings = new Map([
    ...(letters.size === 0 ? [] : [[Mark.whole, wholeWords(asked)] as const, [Mark.nothing, 'nothing'] as const]),
    [Mark.noPort, 'nothing to ask: no port of this name, or no addresses of one family'],
    [Mark.unknown, 'not known, as labels of a pod are not: nodes deny it until they are'],
    ...[...letters].map(([open, letter]) => [letter, open] as const),
  ]);
  const legend = [...meanings].filter(([text]) => texts.some((row) => row.includes(text)));
  const meaningLines = legend.map(([text, meaning]) => {
    return paint(text, tones[text] ?? 'warning', terminal) + ' '.repeat(CELL_COLUMNS - text.length) + meaning;
  });
  const noteLines = notes.flatMap((note) => wrap(note, terminal.widthColumns ?? Infinity));
  const below = [meaningLines, noteLines].filter((lines) => lines.length > 0);
  const what = asked === EVERYTHING ? 'what may begin' : `whether ${asked} may begin`;
  return [
    `${what}, from the pod of a row to that of a column\n\n`,
    formatTable(columns, rows, terminal),
    ...below.map((lines) => `\n${lines.join('\n')}\n`),
  ].join('');
}

/** A letter for each choice of ports, in the order in which they come. */
function lettersOf(cells: readonly PolicyCell[]): ReadonlyMap<string, string> {
  const parts = cells.filter(({ allowed, open }) => !allowed && open.length > 0);
  const choices = [...new Set(parts.map(({ open }) => open.join(', ')))];
  return new Map(choices.map((choice, at) => [choice, letter(at)]));
}

/** `a` to `z`, then `aa`. */
function letter(at: number): string {
  const last = String.fromCodePoint(FIRST_LETTER + (at % LETTERS));
  return at < LETTERS ? last : letter(Math.floor(at / LETTERS) - 1) + last;
}

function markOf(
  cell: PolicyCell | undefined,
  letters: ReadonlyMap<string, string>,
  unlabelled: ReadonlySet<string>,
): string {
  if (cell === undefined) return Mark.noPort;
  if (cell.allowed) return Mark.whole;
  if (unlabelled.has(cell.from) || unlabelled.has(cell.to)) return Mark.unknown;
  return letters.get(cell.open.join(', ')) ?? Mark.nothing;
}

function wholeWords(asked: string): string {
  return asked === EVERYTHING ? 'everything' : `all of ${asked}`;
}
