/** `weft ping`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { PingRound } from '../api/ping-api.ts';
import { parseDuration } from './duration.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import { wholeFrom } from './number-option.ts';
import type { OutputOptions } from './output.ts';

interface PingOptions extends OutputOptions {
  readonly count: number;
  readonly interval?: number;
  readonly size?: number;
}

/** As `daemon/probes/ping.ts` has them. */
const MIN_SIZE_BYTES = 64;
const MAX_SIZE_BYTES = 65_535;
const DEFAULT_COUNT = 4;
const DEFAULT_INTERVAL_MS = 1_000;

/** Adds the command. */
export function registerPing(program: Command): void {
  program
    .command('ping <target>')
    .description(
      'probe a node (underlay and tunnel), a pod or an overlay address; fails if nothing comes back through the tunnel',
    )
    .option('-c, --count <number>', 'probes over each way; 0: until interrupted', parseCount, DEFAULT_COUNT)
    .option('-i, --interval <time>', 'between two probes, such as 200ms (default: 1s)', parseDuration)
    .option(
      '-s, --size <bytes>',
      'length of the inner packet, never fragmented: does it pass?',
      wholeFrom(MIN_SIZE_BYTES, MAX_SIZE_BYTES),
    )
    .option('--json', 'print JSON, at the end')
    .addHelpText(
      'after',
      '\nTarget: a node (n2), a pod (web, shop/web, deploy/web; n2/web where several bear that name), or an address (10.244.2.7).',
    )
    .action(async (target: string, options: PingOptions, command: Command) => {
      const [{ controlClient }, { print }, { standardOutput }, view] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
        import('./ping-view.ts'),
      ]);
      const client = controlClient(command);
      const terminal = standardOutput();
      const rounds: PingRound[] = [];
      const show = (text: string): void => {
        if (options.json !== true) process.stdout.write(text);
      };
      for await (const round of roundsOf(target, options, (request) => client.ping(request))) {
        const before = rounds.at(-1)?.ways ?? [];
        if (rounds.push(round) === 1) show(view.formatIntroduction(round, terminal));
        const isSame =
          before.length === round.ways.length && before.every(({ way }, at) => way === round.ways[at]!.way);
        if (!isSame) show(view.formatHead(round.ways, terminal));
        show(view.formatRound(rounds.length, round.ways, before, terminal));
      }
      const [first] = rounds;
      if (first === undefined) return;
      const summary = view.summarize(rounds);
      print(options, { target: first.target, rounds: rounds.map(({ ways }) => ways), summary }, () =>
        view.formatSummary(first.target, summary, terminal),
      );
      if (!view.isReached(summary)) process.exitCode = ExitCode.failure;
    });
}

/** One round after the other, until there were enough or somebody presses Ctrl-C. */
async function* roundsOf(
  target: string,
  { count, interval = DEFAULT_INTERVAL_MS, size }: PingOptions,
  ping: (request: { target: string; sizeBytes?: number }) => Promise<PingRound>,
): AsyncGenerator<PingRound> {
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt);
  try {
    // Once it is known who is meant, nobody needs to be asked again.
    let known = target;
    const most = count === 0 ? Infinity : count;
    for (let sent = 1; sent <= most && !interrupted.signal.aborted; sent++) {
      const startedMs = performance.now();
      const round = await ping({ target: known, ...(size === undefined ? {} : { sizeBytes: size }) });
      known = round.target.label;
      yield round;
      const restMs = startedMs + interval - performance.now();
      if (sent < most) await rest(restMs, interrupted.signal);
    }
  } finally {
    process.off('SIGINT', interrupt);
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Not a whole number.');
  return Number(text);
}
