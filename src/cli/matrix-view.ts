/** The matrix of a cluster as text. Pure. */
import type { Answers, Matrix, MatrixRow } from '../api/matrix-api.ts';
import { formatRoundTrip } from './duration.ts';
import { formatTable, wrap } from '../terminal/table.ts';
import { bold, type Terminal, warning } from '../terminal/terminal.ts';

/** Behind the round trip to a node that is reached through another. */
const RELAYED = '*';
/** Between two columns. */
const GAP_COLUMNS = 2;
/** For names of nodes at the left. */
const MAX_NAME_COLUMNS = 24;

/** Nodes to nodes, nodes to pods, and below them what was lost, by whom. */
export function formatMatrix(matrix: Matrix, terminal: Terminal): string {
  const { nodes, pods, rows, count, silent, asked, lossy } = matrix;
  const times = count === 1 ? 'once' : `${count} times`;
  const head = `${plural(nodes.length, 'node')}, ${plural(pods.length, 'pod')}. The node of a row asked that of the column, ${times}.`;
  const others = nodes.filter((node) => rows.some((row) => row.nodes.some((one) => one.node === node)));
  const withPods = nodes.filter((node) => pods.some((pod) => nodeOf(pod) === node));
  const parts = [
    `${head}\n`,
    ...(others.length === 0
      ? []
      : [
          `${bold('Data ports', terminal)}: mean round trip in ms through the tunnel, from weft to weft\n` +
            formatGrid('DATA PORT', others, rows, portCell, terminal),
        ]),
    ...formatRelays(matrix, terminal),
    ...(withPods.length === 0
      ? []
      : [
          `${bold('Pods', terminal)}: addresses that answered each time, of all there; mean round trip in ms\n` +
            formatGrid('PODS AT', withPods, rows, podCell, terminal),
        ]),
    ...formatLosses(matrix, terminal),
    ...formatSilence(silent, terminal),
    ...(lossy === 0 ? [] : formatSettling(rows, terminal)),
  ];
  const unasked = silent.length === 0 ? '' : `, but ${plural(silent.length, 'node')} could not be asked`;
  const summary =
    lossy === 0
      ? `All ${asked} answered each time${unasked}.`
      : `${asked - lossy} of ${asked} answered each time${unasked}.`;
  return [...parts, lossy === 0 && silent.length === 0 ? `${summary}\n` : warned(summary, terminal)].join('\n');
}

/** Whether all that was asked answered each time. */
export function isWhole({ lossy, silent }: Matrix): boolean {
  return lossy === 0 && silent.length === 0;
}

/** Tables of as many columns as fit beside each other. */
function formatGrid(
  title: string,
  columns: readonly string[],
  rows: readonly MatrixRow[],
  cell: (row: MatrixRow, column: string) => string,
  terminal: Terminal,
): string {
  const texts = new Map(columns.map((column) => [column, rows.map((row) => cell(row, column))]));
  const widthOf = (column: string): number =>
    GAP_COLUMNS + Math.max(column.length, ...texts.get(column)!.map((text) => text.length));
  const left = Math.max(title.length, ...rows.map(({ from }) => Math.min(from.length, MAX_NAME_COLUMNS)));
  const blocks: string[][] = [[]];
  let room = 0;
  for (const column of columns) {
    room -= widthOf(column);
    if (room < 0 && blocks.at(-1)!.length > 0) blocks.push([]);
    if (blocks.at(-1)!.length === 0) room = (terminal.widthColumns ?? Infinity) - left - widthOf(column);
    blocks.at(-1)!.push(column);
  }
  return blocks
    .map((block) =>
      formatTable(
        [{ title }, ...block.map((column) => ({ title: column, align: 'right' as const }))],
        rows.map((row, index) => [row.from, ...block.map((column) => texts.get(column)![index]!)]),
        terminal,
      ),
    )
    .join('\n');
}

function portCell({ from, nodes }: MatrixRow, column: string): string {
  if (from === column) return '';
  const one = nodes.find(({ node }) => node === column);
  if (one === undefined) return '?';
  const { meanMs, sent, lost, relay } = one;
  if (meanMs === null) return 'lost';
  return `${lost === 0 ? '' : `${lost}/${sent} lost `}${formatMs(meanMs)}${relay === '' ? '' : RELAYED}`;
}

function podCell({ pods }: MatrixRow, column: string): string {
  const there = pods.filter(({ pod }) => nodeOf(pod) === column);
  const whole = there.filter(({ lost }) => lost === 0);
  const answered = there.flatMap(({ meanMs }) => meanMs ?? []);
  const mean = answered.reduce((sum, ms) => sum + ms, 0) / answered.length;
  return `${whole.length}/${there.length}${answered.length === 0 ? '' : ` ${formatMs(mean)}`}`;
}

/** As `formatRoundTrip`; the unit stands above the table. */
function formatMs(ms: number): string {
  return formatRoundTrip(ms).replace(' ms', '');
}

/** A line for each relay, with all that goes through it. */
function formatRelays({ rows }: Matrix, terminal: Terminal): string[] {
  const relayed = rows.flatMap(({ from, nodes }) =>
    nodes.flatMap(({ node, relay }) => (relay === '' ? [] : { relay, ends: `${from} to ${node}` })),
  );
  return [...Map.groupBy(relayed, ({ relay }) => relay)].map(([relay, those]) =>
    warned(`${RELAYED} through ${relay}: ${those.map(({ ends }) => ends).join(', ')}`, terminal),
  );
}

/**
 * A line for each target that did not always answer. Of a node whose data port is lost the pods are not named as well, nor by a
 * node that could ask none.
 */
function formatLosses({ rows }: Matrix, terminal: Terminal): string[] {
  const losses = rows.flatMap(({ from, nodes, pods }) => {
    const cut = new Set(nodes.flatMap(({ node, meanMs }) => (meanMs === null ? node : [])));
    const ports = nodes.map((one) => ({ from, target: `${one.node}, data port`, answers: one }));
    const addresses = pods
      .filter(({ pod }) => !cut.has(nodeOf(pod)) && whyNone(pods) === undefined)
      .map((one) => ({ from, target: `${one.pod}, ${one.address}`, answers: one }));
    return [...ports, ...addresses].filter(({ answers }) => answers.lost > 0);
  });
  const mute = rows.flatMap(({ from, pods }) => {
    const reason = whyNone(pods);
    return reason === undefined ? [] : `pods could not be asked from ${from}: ${reason}`;
  });
  const byTarget = Map.groupBy(losses, ({ target, answers }) => `${target}: ${tellLoss(answers)}`);
  const lines = [...byTarget].map(([text, those]) => {
    // Nobody asks itself for its data port.
    const askers = rows.filter(({ from }) => !text.startsWith(`${from},`)).length;
    const isFromAll = askers > 1 && those.length === askers;
    return `${text}, asked from ${isFromAll ? 'every node' : those.map(({ from }) => from).join(', ')}`;
  });
  const all = [...lines, ...mute];
  if (all.length === 0) return [];
  return [`${bold('Losses', terminal)}\n${all.map((line) => warned(line, terminal)).join('')}`];
}

/** Why a node could ask no pod at all: several, and the same reason for each. */
function whyNone(pods: MatrixRow['pods']): string | undefined {
  const [first] = pods;
  const isNone =
    pods.length > 1 && pods.every(({ lost, sent, problem }) => lost === sent && problem === first!.problem);
  return isNone && first!.problem !== '' ? first!.problem : undefined;
}

/** A line for all nodes that could not be asked for the same reason. */
function formatSilence(silent: Matrix['silent'], terminal: Terminal): string[] {
  const byReason = Map.groupBy(silent, ({ node, message }) => message.replace(`node ${node}: `, ''));
  return [...byReason].map(([reason, those]) =>
    warned(`${those.map(({ node }) => node).join(', ')} could not be asked: ${reason}`, terminal),
  );
}

/** Right after many nodes have started, what was lost says little. */
function formatSettling(rows: Matrix['rows'], terminal: Terminal): string[] {
  const young = rows.filter(({ settling }) => settling.length > 0);
  if (young.length === 0) return [];
  const who = young.map(({ from, settling }) => `${from} has just met ${settling.join(', ')}`).join('; ');
  const text = `Still settling: ${who}. What was lost may come of that: ask again in some seconds.`;
  return [warned(text, terminal)];
}

function tellLoss({ sent, lost, problem }: Answers): string {
  const share = lost === sent ? 'no answer' : `${lost} of ${sent} lost`;
  return problem === '' ? share : `${share} (${problem})`;
}

function warned(text: string, terminal: Terminal): string {
  return wrap(text, terminal.widthColumns ?? Infinity)
    .map((line) => `${warning(line, terminal)}\n`)
    .join('');
}

function nodeOf(pod: string): string {
  return pod.slice(0, pod.indexOf('/'));
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
