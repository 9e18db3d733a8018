/** `weft report`. */
import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { ControlClient } from './control-client.ts';
import type { OutputOptions } from './output.ts';
import type { Report } from './report-archive.ts';

interface ReportOptions extends OutputOptions {
  readonly output?: string;
  readonly config: string;
}

const CONFIG_FILE = '/etc/weft/weft.yaml';

/** Adds the command. */
export function registerReport(program: Command): void {
  program
    .command('report')
    .description('pack what a bug report needs into one archive, without keys and payload; works without a daemon, too')
    .option('-o, --output <file>', 'the archive (default: weft-report-NODE-TIME.tar.gz in this directory)')
    .option('--config <file>', 'configuration that goes into it', CONFIG_FILE)
    .option('--json', 'print JSON')
    .action(report);
}

async function report({ output, config, ...options }: ReportOptions, command: Command): Promise<void> {
  const [{ readingClient }, { print }, { reportSources }, { writeReport }, { Redaction }, { knownKeys }] =
    await Promise.all([
      import('./daemon-socket.ts'),
      import('./output.ts'),
      import('./report-sources.ts'),
      import('./report-archive.ts'),
      import('./redaction.ts'),
      import('./report-keys.ts'),
    ]);
  const client = readingClient(command);
  const archive = output ?? `weft-report-${await nodeName(client)}-${compactTime(new Date())}.tar.gz`;
  const made = await writeReport(archive, reportSources(client, config), new Redaction(knownKeys(config)));
  print(options, made, () => formatReport(made));
}

/** The name of the machine, if no daemon says its own. */
async function nodeName(client: ControlClient): Promise<string> {
  try {
    return (await client.status()).nodeName;
  } catch {
    return hostname();
  }
}

/** `20261122T201500Z`. */
function compactTime(time: Date): string {
  return time.toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

/** What was made, what is missing, and what to look at before it is given away. */
export function formatReport({ file, sizeBytes, files, missing, removed }: Report): string {
  const lines = [
    `${file}: ${files.length} files, ${Math.ceil(sizeBytes / 1_000)} kB`,
    ...missing.map(({ file: name, reason }) => `without ${name}: ${reason}`),
    `Keys and passwords were removed (${removed} found); nothing of what pods send is in it.`,
    'Names and addresses of nodes and pods, and the rules of the firewall, are: look at it before you publish it.',
  ];
  return lines.map((line) => `${line}\n`).join('');
}
