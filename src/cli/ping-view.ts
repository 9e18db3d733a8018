/** Probes of `weft ping` as text. Pure. */
import type { PingedWay, PingRound } from '../api/ping-api.ts';
import { formatRoundTrip } from './duration.ts';
import { type Column, formatTable, wrap } from '../terminal/table.ts';
import { bold, type Terminal, warning } from '../terminal/terminal.ts';

/** What all probes over one way came to. Keys are stable. */
export interface PingSummary {
  readonly way: PingedWay['way'];
  readonly to: string;
  readonly sent: number;
  readonly lost: number;
  /** `null` if nothing was answered. */
  readonly minMs: number | null;
  readonly meanMs: number | null;
  readonly maxMs: number | null;
  /** The first reason that somebody gave; empty if nobody did. */
  readonly problem: string;
}

const GAP = '  ';
/** Room for `1024 ms`, or a way's name. */
const CELL_COLUMNS = 10;
const NUMBER_COLUMNS = 4;

const summaryColumns: readonly Column[] = [
  { title: 'WAY' },
  { title: 'SENT', align: 'right' },
  { title: 'LOST', align: 'right' },
  { title: 'LEAST', align: 'right' },
  { title: 'MEAN', align: 'right' },
  { title: 'MOST', align: 'right' },
];

/** Who is meant, and what each way is. */
export function formatIntroduction({ target, ways }: PingRound, terminal: Terminal): string {
  const { kind, label, node, remark } = target;
  const place = {
    node: `${label} is a node`,
    pod: `${label} is a pod at node ${node}`,
    address: node === '' ? `${label} is at no node` : `${label} is at node ${node}`,
  }[kind];
  const titles = ways.map(titleOf);
  const isAway = ways.some(({ way }) => way === 'data-port');
  const width = Math.max(0, ...titles.map((title) => title.length));
  const indent = ' '.repeat(2 + width + GAP.length);
  const room = (terminal.widthColumns ?? Infinity) - indent.length;
  const lines = [
    `${place}. One probe a line over each way:`,
    ...ways.flatMap((way, index) =>
      wrap(explain(way, node, isAway), room).map((text, line) =>
        line === 0 ? `  ${titles[index]!.padEnd(width)}${GAP}${text}` : indent + text,
      ),
    ),
    ...(remark === ''
      ? []
      : wrap(`Note: ${remark}`, terminal.widthColumns ?? Infinity).map((text) => warning(text, terminal))),
    '',
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** The line above the rows. */
export function formatHead(ways: readonly PingedWay[], terminal: Terminal): string {
  const titles = ways.map((way) => titleOf(way).toUpperCase().padStart(CELL_COLUMNS));
  return `${bold([' '.repeat(NUMBER_COLUMNS), ...titles].join(GAP), terminal)}\n`;
}

/** A line for one round, and what somebody said about it that was not said in the round before. */
export function formatRound(
  number: number,
  ways: readonly PingedWay[],
  before: readonly PingedWay[],
  { widthColumns = Infinity }: Terminal,
): string {
  const cells = ways.map(({ roundTripMs }) =>
    (roundTripMs === null ? 'lost' : formatRoundTrip(roundTripMs)).padStart(CELL_COLUMNS),
  );
  const known = new Set(before.map(remarkOf));
  const remarks = ways.filter(({ problem }) => problem !== '').map(remarkOf);
  const indent = `${' '.repeat(NUMBER_COLUMNS)}${GAP}`;
  const news = remarks.filter((text) => !known.has(text)).flatMap((text) => wrap(text, widthColumns - indent.length));
  return [[String(number).padStart(NUMBER_COLUMNS), ...cells].join(GAP), ...news.map((text) => `${indent}${text}`)]
    .map((line) => `${line}\n`)
    .join('');
}

/** What the probes came to, way by way, in the order of their first appearance. */
export function summarize(rounds: readonly PingRound[]): PingSummary[] {
  const byWay = new Map<string, PingedWay[]>();
  for (const way of rounds.flatMap(({ ways }) => ways)) {
    const key = `${way.way} ${way.to}`;
    byWay.set(key, [...(byWay.get(key) ?? []), way]);
  }
  return [...byWay.values()].map((probes) => {
    const { way, to } = probes[0]!;
    const answered = probes.flatMap(({ roundTripMs }) => roundTripMs ?? []);
    const isAnswered = answered.length > 0;
    const mean = answered.reduce((sum, ms) => sum + ms, 0) / answered.length;
    return {
      way,
      to,
      sent: probes.length,
      lost: probes.length - answered.length,
      minMs: isAnswered ? Math.min(...answered) : null,
      meanMs: isAnswered ? Math.round(mean * 1_000) / 1_000 : null,
      maxMs: isAnswered ? Math.max(...answered) : null,
      problem: probes.find(({ problem }) => problem !== '')?.problem ?? '',
    };
  });
}

/** A row for each way, and what all of them mean together. */
export function formatSummary(
  target: PingRound['target'],
  summaries: readonly PingSummary[],
  terminal: Terminal,
): string {
  const rows = summaries.map((summary) => [
    titleOf(summary),
    summary.sent,
    `${Math.round((100 * summary.lost) / summary.sent)}%`,
    ...[summary.minMs, summary.meanMs, summary.maxMs].map((ms) => (ms === null ? '' : formatRoundTrip(ms))),
  ]);
  const { text, isGood } = verdict(target, summaries);
  const lines = wrap(text, terminal.widthColumns ?? Infinity).map((line) => (isGood ? line : warning(line, terminal)));
  return `\n${formatTable(summaryColumns, rows, terminal)}\n${lines.map((line) => `${line}\n`).join('')}`;
}

/**
 * Whether anything came back: from an address in the overlay, if that was asked; otherwise through the tunnel; beside it only
 * where nobody could say anything of that.
 */
export function isReached(summaries: readonly PingSummary[]): boolean {
  const overlay = summaries.filter(({ way }) => way === 'overlay');
  if (overlay.length > 0) return overlay.some(isAnswered);
  const tunnel = summaries.filter((one) => isTunnel(one.way) && (isAnswered(one) || one.problem === ''));
  return (tunnel.length === 0 ? summaries : tunnel).some(isAnswered);
}

function verdict(target: PingRound['target'], summaries: readonly PingSummary[]): Verdict {
  const { label, node } = target;
  const of = (way: PingedWay['way']): readonly PingSummary[] => summaries.filter((one) => one.way === way);
  const [tunnel, overlay, underlay] = [[...of('data-port'), ...of('relay')], of('overlay'), of('underlay')];
  if (summaries.length === 0) return bad(`Nothing can be asked of ${label}: this node knows no way to it.`);
  if (!summaries.some(isAnswered)) return bad(`Nothing comes back from ${label}${whyNothing(summaries, target)}.`);
  if (overlay.length > 0) {
    const silent = overlay.filter((one) => !isAnswered(one));
    if (silent.length < overlay.length && silent.length > 0) {
      return bad(`${label} answers, but not at ${silent.map(({ to }) => to).join(', ')}${because(silent)}.`);
    }
    if (silent.length > 0)
      return bad(`Node ${node} answers through the tunnel, but ${label} does not${because(silent)}.`);
  } else if (!of('data-port').some(isAnswered)) {
    const [relay] = of('relay').filter(isAnswered);
    if (relay === undefined) return bad(beside(label, tunnel));
    return bad(`Nothing comes back from ${label} straight; its packets go through ${relay.to}, and arrive.`);
  }
  const lossy = [...tunnel, ...overlay].filter(({ lost }) => lost > 0);
  if (lossy.length > 0) return bad(`${label} answers, but not each time: ${lossy.map(titleOf).join(', ')}.`);
  const isBlocked = underlay.length > 0 && !underlay.some(isAnswered);
  const more = isBlocked ? ' Nothing answers ICMP beside it, which weft does not need.' : '';
  return { text: `${label} answers${tunnel.length > 0 ? ' through the tunnel' : ''}.${more}`, isGood: true };
}

interface Verdict {
  readonly text: string;
  readonly isGood: boolean;
}

function bad(text: string): Verdict {
  return { text, isGood: false };
}

/** What to say of a node that answers beside the tunnel only. */
function beside(label: string, tunnel: readonly PingSummary[]): string {
  const said = because(tunnel);
  const port = tunnel[0]?.to ?? '';
  if (said !== '') return `The machine of ${label} answers, but its tunnel does not${said}.`;
  const what = `The machine of ${label} answers, but nothing comes back through the tunnel`;
  return `${what}: is UDP to ${port} blocked? See "weft doctor".`;
}

function whyNothing(summaries: readonly PingSummary[], { kind, node }: PingRound['target']): string {
  const said = because(summaries);
  if (said !== '') return said;
  if (kind === 'node') return ': is it up, and the network between';
  return summaries.some(({ way }) => way === 'data-port') ? `, nor from its node: see "weft ping ${node}"` : '';
}

/** The first reason that somebody gave. */
function because(summaries: readonly PingSummary[]): string {
  const said = summaries.find(({ problem }) => problem !== '')?.problem;
  return said === undefined ? '' : `: ${said}`;
}

function isAnswered({ lost, sent }: PingSummary): boolean {
  return lost < sent;
}

function isTunnel(way: PingedWay['way']): boolean {
  return way !== 'underlay';
}

function titleOf({ way, to }: Pick<PingedWay, 'way' | 'to'>): string {
  if (way === 'relay') return `via ${to}`;
  if (way === 'overlay') return to.includes(':') ? 'IPv6' : 'IPv4';
  return way === 'underlay' ? 'underlay' : 'data port';
}

function explain({ way, to }: PingedWay, node: string, isAway: boolean): string {
  const texts = {
    underlay: `ICMP to ${to}, from machine to machine, beside the tunnel`,
    'data-port': `UDP to ${to}, through the tunnel, answered by weft on ${node}`,
    relay: `the same through node ${to}, which is the way that packets take now`,
    overlay: isAway ? `ICMP to ${to}, through the whole path of a pod's packet` : `ICMP to ${to}`,
  };
  return texts[way];
}

function remarkOf(way: PingedWay): string {
  return `${titleOf(way)}: ${way.problem}`;
}
