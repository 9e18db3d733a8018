/** `weft explain`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { TextQuery } from './control-client.ts';
import { ExitCode } from './exit-code.ts';
import { addExplainDrop } from './explain-drop.ts';
import { parseMoment } from './moment.ts';
import type { OutputOptions } from './output.ts';

interface ExplainOptions extends OutputOptions {
  readonly proto?: string;
  readonly sport?: string;
  readonly dport?: string;
  readonly size?: string;
  readonly ipv6?: true;
  readonly node?: string;
  readonly around?: number;
  readonly window?: string;
}

/** Adds the command, and the one below it. */
export function registerExplain(program: Command): void {
  const explain = program
    .command('explain')
    .description('say what would become of a packet, node by node, and why; nothing is sent')
    .argument('<source>', 'a pod, a node or an address')
    .argument('<destination>', 'another')
    .option('--proto <protocol>', 'tcp, udp, icmp or a number; otherwise icmp, as ping sends it')
    .option('--sport <port>', 'source port of tcp and udp; otherwise 40000', whole)
    .option('--dport <port>', 'destination port of tcp and udp; otherwise 80', whole)
    .option('--size <bytes>', 'length of the IP packet', whole)
    .option('-6, --ipv6', 'over IPv6, where both ends have IPv4, too')
    .option('--node <name>', 'let it come in at this node, whoever has the source address')
    .option('--around <time>', 'show as well what became of such packets so long ago (90s, 10m), or at a time', around)
    .option('--window <seconds>', 'how far before and after that; otherwise 30', whole)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nA pod is written web, or n2/web where several bear that name. Fails if the packet would not get there.',
    )
    .action(async (source: string, destination: string, options: ExplainOptions, command: Command) => {
      const [{ readingClient }, { print }, { standardOutput }, { formatExplanation, isGood }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('./terminal.ts'),
        import('./explain-view.ts'),
      ]);
      const explanation = await readingClient(command).explain(queryOf(source, destination, options));
      print(options, explanation, () => formatExplanation(explanation, standardOutput()));
      if (!isGood(explanation.fate)) process.exitCode = ExitCode.failure;
    });
  addExplainDrop(explain);
}

function queryOf(source: string, destination: string, options: ExplainOptions): TextQuery {
  const { proto, sport, dport, size, ipv6, node, around, window } = options;
  return {
    source,
    destination,
    ...(proto !== undefined && { protocol: proto }),
    ...(sport !== undefined && { sourcePort: sport }),
    ...(dport !== undefined && { destinationPort: dport }),
    ...(size !== undefined && { size }),
    ...(ipv6 === true && { family: '6' }),
    ...(node !== undefined && { node }),
    ...(around !== undefined && { around: new Date(around).toISOString() }),
    ...(window !== undefined && { window }),
  };
}

/** Whether it is too large is for the daemon to say. */
function whole(text: string): string {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Not a whole number.');
  return text;
}

function around(text: string): number {
  return parseMoment(text, Date.now());
}
