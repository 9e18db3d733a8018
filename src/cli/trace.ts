/** `weft trace`. */
import { type Command, Option } from 'commander';
import type { TraceRequest } from '../api/trace-api.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import { MAX_PORT, refuseAlienPorts, wholeFrom } from './number-option.ts';
import type { OutputOptions } from './output.ts';

interface TraceOptions extends OutputOptions {
  readonly proto?: 'icmp' | 'udp' | 'tcp';
  readonly dport?: number;
  readonly count?: number;
  readonly size?: number;
  readonly 4?: true;
  readonly 6?: true;
}

/** As `daemon/probes/tracer.ts` has them. */
const MAX_COUNT = 31;
const MAX_SIZE_BYTES = 65_535;

const NOTES = `
The packet leaves the pod of the source as one of its own, through the kernel of
its node, whose rules (nftables) say what they did with it, there and at the
other node. Rules of iptables from before nftables do not: weft doctor does.`;

/** Adds the command. */
export function registerTrace(program: Command): void {
  program
    .command('trace <source> <destination>')
    .description(
      'send a marked packet from one pod, node or address to another, and show what weft does with it at each hook of ' +
        'each node; fails if nothing comes back',
    )
    .addOption(new Option('--proto <protocol>', 'icmp (an echo), udp, or tcp (a SYN)').choices(['icmp', 'udp', 'tcp']))
    .option('--dport <port>', 'destination port of udp and tcp (default: 80)', wholeFrom(1, MAX_PORT))
    .option('-c, --count <number>', 'packets, one after the other, 1 to 31 (default: 1)', wholeFrom(1, MAX_COUNT))
    .option('-s, --size <bytes>', 'length of the IP packet', wholeFrom(1, MAX_SIZE_BYTES))
    .option('-4', 'over IPv4: the default where both ends have it')
    .option('-6', 'over IPv6')
    .option('--json', 'print JSON')
    .addHelpText('after', NOTES)
    .action(async (source: string, destination: string, options: TraceOptions, command: Command) => {
      refuseAlienPorts(command, options.proto, { dport: options.dport });
      const [{ controlClient }, { print }, { standardOutput }, { formatTrace }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
        import('./trace-view.ts'),
      ]);
      const trace = await controlClient(command).trace(requestOf(source, destination, options));
      print(options, trace, () => formatTrace(trace, standardOutput()));
      const isReached = trace.probes.some(
        ({ fate, roundTripMs }) => ['answered', 'local'].includes(fate) || (fate !== 'dropped' && roundTripMs !== null),
      );
      if (!isReached) process.exitCode = ExitCode.failure;
    });
}

function requestOf(
  source: string,
  destination: string,
  { proto, dport, count, size, 4: isV4, 6: isV6 }: TraceOptions,
): TraceRequest {
  return {
    source,
    destination,
    ...(proto === undefined ? {} : { protocol: proto }),
    ...(dport === undefined ? {} : { destinationPort: dport }),
    ...(count === undefined ? {} : { count }),
    ...(size === undefined ? {} : { sizeBytes: size }),
    ...(isV6 === true ? { family: 6 } : isV4 === true ? { family: 4 } : {}),
  };
}
