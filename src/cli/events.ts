/** `weft events`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { HistoryEvent } from '../api/control-api.ts';
import type { ControlClient } from '../client/control-client.ts';
import { parseMoment } from './moment.ts';
import type { OutputOptions } from './output.ts';

interface EventsOptions extends OutputOptions {
  readonly since?: number;
  readonly kind?: string;
  readonly watch?: true;
}

/** How often to look for what is new, in ms. */
const WATCH_INTERVAL_MS = 500;

/** Adds the command. */
export function registerEvents(program: Command): void {
  program
    .command('events')
    .description('show what happened to members, routes and this node')
    .option('--since <time>', 'begin so long ago (90s, 10m, 2h, 1d), or at a time (2026-01-31T12:00:00Z)', since)
    .option('--kind <kinds>', 'only these kinds, or groups of them: member,route-removed')
    .option('--watch', 'go on and show what happens')
    .option('--json', 'print JSON; with --watch, an object on each line')
    .action(async (options: EventsOptions, command: Command) => {
      const { readingClient } = await import('./daemon-socket.ts');
      const client = readingClient(command);
      await (options.watch === true ? watchEvents(client, options) : listEvents(client, options));
    });
}

function since(text: string): number {
  return parseMoment(text, Date.now());
}

async function listEvents(client: ControlClient, options: EventsOptions): Promise<void> {
  const [{ print }, { formatEvents }, { standardOutput }] = await Promise.all([
    import('./output.ts'),
    import('./event-lines.ts'),
    import('../terminal/terminal.ts'),
  ]);
  const events = await client.events(queryOf(options));
  print(options, events, () => formatEvents(events, Date.now(), standardOutput()));
}

async function watchEvents(client: ControlClient, options: EventsOptions): Promise<void> {
  const [{ EventLines }, { standardOutput }] = await Promise.all([
    import('./event-lines.ts'),
    import('../terminal/terminal.ts'),
  ]);
  const lines = new EventLines(standardOutput(), Date.now());
  const write = (events: readonly HistoryEvent[]): void => {
    const text =
      options.json === true ? events.map((event) => `${JSON.stringify(event)}\n`).join('') : lines.lines(events);
    process.stdout.write(text);
  };
  if (options.json !== true) process.stdout.write(lines.title());
  for (let after = 0; ; await sleep(WATCH_INTERVAL_MS)) {
    const events = await client.events({ ...queryOf(options), after });
    after = events.at(-1)?.number ?? after;
    write(events);
  }
}

function queryOf({ since, kind }: EventsOptions): { since?: string; kind?: string } {
  return {
    ...(since !== undefined && { since: new Date(since).toISOString() }),
    ...(kind !== undefined && { kind }),
  };
}
