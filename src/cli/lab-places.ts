/** `weft lab exec`, `shell`, `logs` and `list`: labs from the inside. */
import type { Command } from 'commander';
import { formatLogLine } from '../daemon/process/log-text.ts';
import { execIn } from '../lab/exec.ts';
import { listLabs } from '../lab/list.ts';
import { readLog } from '../lab/logs.ts';
import { shellIn } from '../lab/shell.ts';
import { labName } from './lab-options.ts';
import { wholeFrom } from './number-option.ts';
import { print, type OutputOptions } from './output.ts';
import { formatTable } from '../terminal/table.ts';
import { standardOutput } from '../terminal/terminal.ts';

/** Most lines that `-n` takes. */
const MAX_LINES = 999_999_999;

const PLACE = 'node (n1), pod (n1/p1), world or switch';

interface NamedLab {
  readonly name: string;
}

/** Adds the commands. */
export function registerPlaces(lab: Command): void {
  lab
    .command('list')
    .description('show the labs of this machine')
    .option('--json', 'print JSON')
    .action((options: OutputOptions) => {
      const labs = listLabs();
      const format = (): string => (labs.length === 0 ? 'there is no lab\n' : formatLabs(labs));
      print(options, labs, format);
    });
  lab
    .command('exec')
    .description('run a command in a node, a pod, the world or the switch')
    .usage('[options] <place> -- <command...>')
    .addOption(labName())
    .argument('<place>', PLACE)
    .argument('<command...>')
    .action(async (place: string, command: string[], { name }: NamedLab) => {
      process.exitCode = await execIn(name, place, command);
    });
  lab
    .command('shell')
    .description('open a shell in a node, a pod, the world or the switch; its prompt says where')
    .addOption(labName())
    .argument('<place>', PLACE)
    .action(async (place: string, { name }: NamedLab) => {
      process.exitCode = await shellIn(name, place);
    });
  lab
    .command('logs')
    .description('show what the daemon of a node wrote: as text on a terminal, as JSON in a pipe')
    .addOption(labName())
    .option('-f, --follow', 'go on as it writes more, until Ctrl-C')
    .option('-n, --lines <count>', 'only the last lines', wholeFrom(0, MAX_LINES))
    .argument('<node>')
    .action(async (node: string, { name, follow, lines }: NamedLab & { follow?: true; lines?: number }) => {
      const { widthColumns, colour } = standardOutput();
      // As the daemon itself would write it there.
      const asShown = (line: string): string =>
        widthColumns === undefined ? line : formatLogLine(line, colour).trimEnd();
      await readLog(name, node, { follow: follow ?? false, lines }, (line) =>
        process.stdout.write(`${asShown(line)}\n`),
      );
    });
}

function formatLabs(labs: ReturnType<typeof listLabs>): string {
  return formatTable(
    [
      { title: 'NAME' },
      { title: 'NODES', align: 'right' },
      { title: 'RUNNING', align: 'right' },
      { title: 'NAMESPACES', align: 'right' },
    ],
    labs.map(({ name, nodes, running, namespaces }) => [name, nodes, running, namespaces]),
    standardOutput(),
  );
}
