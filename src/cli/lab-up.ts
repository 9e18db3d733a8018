/** `weft lab up`. */
import { InvalidArgumentError, type Command } from 'commander';
import { type LabSettings, withSetting } from '../lab/settings.ts';
import { formatLabStatus } from '../lab/status-table.ts';
import { bringUp } from '../lab/up.ts';
import { type LabOptions, verb } from './lab-options.ts';
import { print } from './output.ts';

interface UpOptions extends LabOptions {
  readonly nodes: number;
  readonly pods: number;
  readonly underlayMtu: number;
  readonly ipv6Underlay?: true;
  readonly plainUnderlay?: true;
  readonly set: LabSettings;
}

/** Exit codes of a shell for a command that a signal ended. */
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Adds the command. */
export function registerUp(lab: Command): void {
  verb(lab, 'up', 'make a lab and wait until its nodes have found each other')
    .option('--nodes <count>', 'number of nodes', wholeNumber, 3)
    .option('--pods <count>', 'pods on each node', wholeNumber, 2)
    .option('--underlay-mtu <bytes>', 'MTU of the links between the nodes', wholeNumber, 1500)
    .option('--ipv6-underlay', 'no IPv4 between the nodes')
    .option('--plain-underlay', 'no offloads between the nodes: a capture shows single, complete packets')
    .option(
      '--set <key=value>',
      'a configuration key of all nodes, such as relay=off; may be repeated',
      (text: string, settings: LabSettings) => withSetting(settings, text),
      {},
    )
    .action(async (options: UpOptions) => {
      const spec = {
        name: options.name,
        nodes: options.nodes,
        podsPerNode: options.pods,
        underlayMtuBytes: options.underlayMtu,
        ipv6Underlay: options.ipv6Underlay ?? false,
        plainUnderlay: options.plainUnderlay ?? false,
        settings: options.set,
      };
      const report = (step: string): boolean => process.stderr.write(`lab ${options.name}: ${step}\n`);
      const status = await interruptible((signal) => bringUp(spec, report, signal));
      if (status === undefined) return;
      print(options, status, () => formatLabStatus(status));
    });
}

/**
 * Calls `attempt` with a signal that Ctrl-C or SIGTERM aborts. What it throws then is no failure to report, only the exit code
 * of a shell for a command that a signal ended.
 */
async function interruptible<Result>(attempt: (signal: AbortSignal) => Promise<Result>): Promise<Result | undefined> {
  const interruption = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    process.exitCode = signal === 'SIGINT' ? SIGNAL_EXIT_CODES.SIGINT : SIGNAL_EXIT_CODES.SIGTERM;
    interruption.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    return await attempt(interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    process.stderr.write('weft: interrupted; nothing of the lab is left\n');
    return undefined;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It is not a whole number.');
  return Number(text);
}
