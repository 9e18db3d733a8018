/** `weft flows`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Flow, FlowReport } from '../explain/flow-report.ts';
import { parseMoment } from './moment.ts';
import { POD_HELP } from './pod-help.ts';
import { printable } from '../terminal/printable.ts';
import { WATCH_HELP, type WatchOptions } from './watch.ts';
import { type Cell, fits, formatTable, toned, wrap } from '../terminal/table.ts';
import { bold, type Terminal } from '../terminal/terminal.ts';

interface FlowsOptions extends WatchOptions {
  readonly node?: string;
  readonly all?: true;
  readonly since?: number;
  readonly limit?: string;
  readonly dropped?: true;
  readonly probes?: true;
  readonly pod?: string;
}

/** A line for each flow, where there is room, and in a pipe. */
const wideColumns = [
  { title: 'LAST' },
  { title: 'VERDICT' },
  { title: 'PROTO' },
  { title: 'SOURCE' },
  { title: 'DESTINATION' },
  { title: 'PACKETS', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'ROUTE' },
  { title: 'AT' },
] as const;

/** Three lines for each, where there is less: two addresses of IPv6 and their ports have room below each other. */
const narrowColumns = [{ title: 'LAST' }, { title: 'VERDICT', wraps: true }, { title: 'FLOW', wraps: true }] as const;

/** As many as fill a few screens, with the newest on top. */
const DEFAULT_LIMIT = '100';

/** Adds the command. */
export function registerFlows(program: Command): void {
  program
    .command('flows')
    .description('show recent flows and what became of their packets, by the flight recorder')
    .option('--node <name>', 'of another node')
    .option('--all', 'of all nodes')
    .option('--pod <name>', POD_HELP)
    .option('--since <time>', 'only what was seen since then: 90s, 10m, or a time (2026-01-31T12:00:00Z)', since)
    .option('--limit <number>', 'most flows of each node, those that were seen last', whole, DEFAULT_LIMIT)
    .option('--dropped', 'only what was dropped')
    .option('--probes', "also weft's own probes of paths")
    .option('--watch', WATCH_HELP)
    .option('--json', 'print JSON')
    .action(async (options: FlowsOptions, command: Command) => {
      const [{ readingClient }, { printOrWatch }, { placeOfPod }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./watch.ts'),
        import('./pod-option.ts'),
      ]);
      const client = readingClient(command);
      const place = options.pod === undefined ? undefined : await placeOfPod(client, options.pod);
      const query = {
        ...(options.node !== undefined && { node: options.node }),
        ...(options.all === true && { all: 'true' }),
        ...(options.since !== undefined && { since: new Date(options.since).toISOString() }),
        ...(options.limit !== undefined && { limit: options.limit }),
        ...(options.dropped === true && { dropped: 'true' }),
        ...(options.probes === true && { probes: 'true' }),
        ...(place !== undefined && { address: place.addresses.join(',') }),
      };
      await printOrWatch(options, async () => await client.flows(query), formatFlows);
    });
}

/** A table for each node. */
export function formatFlows(reports: readonly FlowReport[], terminal: Terminal): string {
  return reports
    .map((report) => formatReport(report, reports.length > 1, terminal))
    .join(reports.length > 1 ? '\n' : '');
}

function formatReport(report: FlowReport, isNamed: boolean, terminal: Terminal): string {
  const { node, error, packetsSince, dropsSince, flows, omitted } = report;
  const title = isNamed ? `${bold(`on ${node}`, terminal)}\n` : '';
  if (error !== '') return `${title}${lines(error, terminal)}`;
  if (packetsSince === '') return `${title}${lines('no flight recorder runs here: set recorder.size', terminal)}`;
  const covered = `recorded: packets since ${moment(packetsSince)} UTC, drops since ${moment(dropsSince)} UTC`;
  const rest = omitted === 0 ? '' : lines(`${omitted} more flows are not shown: raise --limit`, terminal);
  if (flows.length === 0) return `${title}no flows\n${lines(covered, terminal)}`;
  const wide = flows.map(wideRow);
  const table = fits(wideColumns, wide, terminal)
    ? formatTable(wideColumns, wide, terminal)
    : formatTable(narrowColumns, flows.map(narrowRow), terminal);
  return `${title}${table}${rest}${lines(covered, terminal)}`;
}

function wideRow(flow: Flow): Cell[] {
  const { protocol, packets, bytes, route, origin, relay } = flow;
  const [source, destination] = ends(flow);
  const at = relay === '' ? origin : [origin, `through ${relay}`];
  return [timeOf(flow), verdictOf(flow), protocol, source, destination, packets, bytes, route, at];
}

function narrowRow(flow: Flow): Cell[] {
  const { protocol, packets, bytes, route, origin, relay } = flow;
  const [source, destination] = ends(flow);
  const at = route === '' ? '' : ` by ${route}`;
  const node = origin === '' ? '' : ` at ${origin}`;
  const through = relay === '' ? '' : ` through ${relay}`;
  const count = `${packets} ${packets === 1 ? 'packet' : 'packets'}, ${bytes} bytes${at}${node}${through}`;
  return [timeOf(flow), verdictOf(flow), [`${protocol} ${source}`, `to ${destination}`, count]];
}

function timeOf({ last }: Flow): string {
  return last.slice('2026-01-01T'.length, -'.000Z'.length);
}

function verdictOf({ verdict, reason, rule }: Flow): Cell {
  return toned([verdict, reason, printable(rule)], verdict === 'dropped' ? 'bad' : undefined);
}

function ends(flow: Flow): [string, string] {
  const { source, sourcePort, sourcePod, destination, destinationPort, destinationPod } = flow;
  const hasPorts = sourcePort + destinationPort > 0;
  const [from, to] = hasPorts
    ? [withPort(source, sourcePort), withPort(destination, destinationPort)]
    : [source, destination];
  return [withPod(from, sourcePod), withPod(to, destinationPod)];
}

function withPod(end: string, pod: string): string {
  return pod === '' ? end : `${end} (${pod})`;
}

function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function lines(text: string, { widthColumns = Infinity }: Terminal): string {
  return wrap(text, widthColumns)
    .map((line) => `${line}\n`)
    .join('');
}

/** Without what every day and every second has in common. */
function moment(time: string): string {
  return time.slice(0, '2026-01-01T00:00:00'.length).replace('T', ' ');
}

function since(text: string): number {
  return parseMoment(text, Date.now());
}

function whole(text: string): string {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Not a whole number.');
  return text;
}
