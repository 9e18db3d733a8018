/** `weft explain`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { TextQuery } from '../client/control-client.ts';
import { parseDuration } from './duration.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import { addExplainDrop } from './explain-drop.ts';
import { parseMoment } from './moment.ts';
import { MAX_PORT, refuseAlienPorts, wholeFrom } from './number-option.ts';
import type { OutputOptions } from './output.ts';

interface ExplainOptions extends OutputOptions {
  readonly proto?: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly size?: number;
  readonly 4?: true;
  readonly 6?: true;
  readonly node?: string;
  readonly around?: number;
  readonly window?: number;
}

/** As `explain/packet-description.ts` has it, and says why. */
const MAX_SIZE_BYTES = 16_384;

/** Adds the command, and the one below it. */
export function registerExplain(program: Command): void {
  const explain = program
    .command('explain')
    .description('say what would become of a packet, node by node, and why; nothing is sent')
    .argument('<source>', 'a pod, a node or an address')
    .argument('<destination>', 'another')
    .option('--proto <protocol>', 'tcp, udp, icmp or a number; otherwise icmp, as ping sends it')
    .option('--sport <port>', 'source port of tcp and udp; otherwise 40000', wholeFrom(0, MAX_PORT))
    .option('--dport <port>', 'destination port of tcp and udp; otherwise 80', wholeFrom(0, MAX_PORT))
    .option(
      '-s, --size <bytes>',
      `length of the IP packet, up to ${MAX_SIZE_BYTES}: what nodes ask each other has room for no more`,
      wholeFrom(1, MAX_SIZE_BYTES),
    )
    .option('-4', 'over IPv4: the default where both ends have it')
    .option('-6', 'over IPv6')
    .option('--node <name>', 'let it come in at this node, whoever has the source address')
    .option(
      '--around <time>',
      'show as well what became of such packets so long ago (90s, 10m), or at a time (21:20:16)',
      around,
    )
    .option('--window <time>', 'how far before and after that (10s, 5m); otherwise 30s', wholeSeconds)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nA pod is written web, shop/web in another namespace, n2/web where several bear that name; deploy/web, sts/db, ds/agent\nand job/load mean the first pod. Fails if the packet would not get there.',
    )
    .action(async (source: string, destination: string, options: ExplainOptions, command: Command) => {
      const { proto, sport, dport } = options;
      refuseAlienPorts(command, proto, { sport, dport });
      const [{ readingClient }, { print }, { standardOutput }, { formatExplanation, isGood }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
        import('./explain-view.ts'),
      ]);
      const explanation = await readingClient(command).explain(queryOf(source, destination, options));
      print(options, explanation, () => formatExplanation(explanation, standardOutput()));
      if (!isGood(explanation.fate)) process.exitCode = ExitCode.failure;
    });
  addExplainDrop(explain);
}

function queryOf(source: string, destination: string, options: ExplainOptions): TextQuery {
  const { proto, sport, dport, size, 4: isV4, 6: isV6, node, around, window } = options;
  return {
    source,
    destination,
    ...(proto !== undefined && { protocol: proto }),
    ...(sport !== undefined && { sourcePort: String(sport) }),
    ...(dport !== undefined && { destinationPort: String(dport) }),
    ...(size !== undefined && { size: String(size) }),
    ...(isV6 === true ? { family: '6' } : isV4 === true && { family: '4' }),
    ...(node !== undefined && { node }),
    ...(around !== undefined && { around: new Date(around).toISOString() }),
    ...(window !== undefined && { window: String(window) }),
  };
}

function wholeSeconds(text: string): number {
  const seconds = parseDuration(text) / 1_000;
  if (!Number.isInteger(seconds)) throw new InvalidArgumentError('Not whole seconds.');
  return seconds;
}

function around(text: string): number {
  return parseMoment(text, Date.now());
}
