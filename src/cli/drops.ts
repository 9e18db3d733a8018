/** `weft drops`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { DropReport } from '../api/drop-api.ts';
import type { ControlClient } from '../client/control-client.ts';
import type { DropGrouping } from './drops-view.ts';
import { POD_HELP } from './pod-help.ts';
import { parseMoment } from './moment.ts';
import type { OutputOptions } from './output.ts';

interface DropsOptions extends OutputOptions {
  readonly by: DropGrouping | 'policy';
  readonly since?: number;
  readonly limit: string;
  readonly probes?: true;
  readonly watch?: true;
  readonly pod?: string;
}

/** How often to look for what is new, in ms. */
const WATCH_INTERVAL_MS = 500;
/** Most records that are asked for at a time: as many as the daemon gives. */
const WATCH_LIMIT = '1000';

const NOTES = `
By reason and peer, drops are counted since the daemon started. By pod, and one
by one, they are known as far as the flight recorder remembers them. With
--watch, each line begins with what they are counted by. What a reason means,
what usually lies behind it and what to do: weft explain drop REASON. What
network policies denied is counted below, by rule; not with --pod or --watch.
--by policy has all of these counts, of all nodes. One by one, as policy-denied,
there are up to 20 packets in a second of each source, and 100 of each rule.`;

/** Adds the command. */
export function registerDrops(program: Command): void {
  program
    .command('drops')
    .description('show which packets this node dropped, and why')
    .addOption(
      new Option('--by <group>', 'what to count by').choices(['reason', 'peer', 'pod', 'policy']).default('reason'),
    )
    .option('--pod <name>', POD_HELP)
    .option('--since <time>', 'recorded ones from then on: 90s, 10m, or a time (2026-01-31T12:00:00Z)', since)
    .option('--limit <number>', 'most recorded ones to show one by one', '10')
    .option('--probes', "also weft's own probes of paths, among those that are shown one by one")
    .option('--watch', 'go on and show drops as they happen')
    .option('--json', 'print JSON; with --watch, an object on each line')
    .addHelpText('after', NOTES)
    .action(async (options: DropsOptions, command: Command) => {
      await refuseContradictions(options, command);
      const { readingClient } = await import('./daemon-socket.ts');
      const client = readingClient(command);
      const { by } = options;
      if (by === 'policy') await showPolicyDrops(client, options);
      else
        await (options.watch === true ? watchDrops(client, { ...options, by }) : showDrops(client, { ...options, by }));
    });
}

/** What commands are told that count by what is recorded here. */
type RecordedOptions = DropsOptions & { readonly by: DropGrouping };

/** Options that are about drops which are recorded one by one. */
const recordedOptions = ['pod', 'since', 'limit', 'probes', 'watch'];

async function refuseContradictions({ pod, watch, by }: DropsOptions, command: Command): Promise<void> {
  const given = recordedOptions.find((name) => command.getOptionValueSource(name) === 'cli');
  if (by === 'policy' && given !== undefined) {
    const { WeftError } = await import('../errors.ts');
    const what = 'what policies deny is counted, and not recorded one by one';
    throw new WeftError('usage', `--by policy and --${given} contradict each other: ${what}`);
  }
  const isByAnother = command.getOptionValueSource('by') === 'cli' && by !== 'pod';
  const other = watch === true ? '--watch' : isByAnother ? `--by ${by}` : undefined;
  if (pod === undefined || other === undefined) return;
  const { WeftError } = await import('../errors.ts');
  throw new WeftError('usage', `--pod and ${other} contradict each other: of a pod there is only what is recorded`);
}

function since(text: string): number {
  return parseMoment(text, Date.now());
}

/** Of all nodes. */
async function showPolicyDrops(client: ControlClient, options: OutputOptions): Promise<void> {
  const [{ print }, { formatPolicyDrops }, { standardOutput }] = await Promise.all([
    import('./output.ts'),
    import('./policy-drops-view.ts'),
    import('../terminal/terminal.ts'),
  ]);
  const report = await client.policyDenials();
  print(options, report, () => formatPolicyDrops(report, standardOutput()));
}

async function showDrops(
  client: ControlClient,
  { by, since: sinceMs, limit, probes, pod, ...options }: RecordedOptions,
): Promise<void> {
  const [{ print }, { formatDrops, formatDropsOf }, { standardOutput }, { placeOfPod }] = await Promise.all([
    import('./output.ts'),
    import('./drops-view.ts'),
    import('../terminal/terminal.ts'),
    import('./pod-option.ts'),
  ]);
  const place = pod === undefined ? undefined : await placeOfPod(client, pod);
  const from = sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() };
  const report = await client.drops({
    limit,
    ...from,
    ...(probes === true && { probes: 'true' }),
    ...(place !== undefined && { address: place.addresses.join(',') }),
  });
  print(options, report, () =>
    place === undefined
      ? formatDrops(report, by, standardOutput())
      : formatDropsOf(report, place.label, standardOutput()),
  );
}

/** Each record on a line; and, where more was dropped than is recorded, how many. */
async function watchDrops(client: ControlClient, { json, by, since: sinceMs, probes }: RecordedOptions): Promise<void> {
  const [{ DropLines }, { standardOutput }] = await Promise.all([
    import('./drops-view.ts'),
    import('../terminal/terminal.ts'),
  ]);
  const lines = new DropLines(standardOutput(), by);
  let from = sinceMs === undefined ? undefined : new Date(sinceMs).toISOString();
  let before: DropReport | undefined;
  if (json !== true) process.stdout.write(lines.title());
  for (;;) {
    const limit = from === undefined ? '0' : WATCH_LIMIT;
    const report = await client.drops({
      limit,
      ...(from !== undefined && { since: from }),
      ...(probes === true && { probes: 'true' }),
    });
    const isFirst = before === undefined && sinceMs === undefined;
    if (json === true) process.stdout.write(report.recent.map((drop) => `${JSON.stringify(drop)}\n`).join(''));
    else if (!isFirst) process.stdout.write(lines.lines(report, before));
    before = report;
    from = report.time;
    await sleep(WATCH_INTERVAL_MS);
  }
}
