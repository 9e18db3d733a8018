/** `weft report`. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { configFileOf, DEFAULT_CONFIG_FILE } from '../daemon/config/config-place.ts';
import type { ControlClient } from '../client/control-client.ts';
import type { OutputOptions } from './output.ts';
import type { Report } from './report-archive.ts';

interface ReportOptions extends OutputOptions {
  readonly output?: string;
  readonly config?: string;
}

const LAB_CONFIG_FILE = 'config.yaml';

/** Adds the command. */
export function registerReport(program: Command): void {
  program
    .command('report')
    .description('pack what a bug report needs into one archive, without keys and payload; works without a daemon, too')
    .option('-o, --output <file>', 'the archive (default: weft-report-NODE-TIME.tar.gz in this directory)')
    .option(
      '--config <file>',
      "configuration that goes into it (default: the daemon's; without a daemon the one that it would read)",
    )
    .option('--json', 'print JSON')
    .action(report);
}

async function report({ output, ...options }: ReportOptions, command: Command): Promise<void> {
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
  const { nodeName, configFile } = await daemonOf(client);
  const config = options.config ?? configFile;
  const archive = output ?? `weft-report-${nodeName}-${compactTime(new Date())}.tar.gz`;
  const made = await writeReport(archive, reportSources(client, config), new Redaction(knownKeys(config)));
  print(options, made, () => formatReport(made));
}

/** What the daemon says of itself; where none answers, what is likely: `configFile` is `undefined` if it was started without one. */
async function daemonOf(client: ControlClient): Promise<{ nodeName: string; configFile: string | undefined }> {
  try {
    const { nodeName, configFile } = await client.status();
    return { nodeName, configFile: configFile ?? undefined };
  } catch {
    return { nodeName: hostname(), configFile: likelyConfig(client.socketPath) };
  }
}

/** What a daemon with this socket would read: in a lab it is beside the socket. */
function likelyConfig(socketPath: string): string {
  const file = join(dirname(socketPath), LAB_CONFIG_FILE);
  return existsSync(file) ? file : (configFileOf(undefined, process.env) ?? DEFAULT_CONFIG_FILE);
}

/** `20261122T201500Z`. */
function compactTime(time: Date): string {
  return time.toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

/** What was made, what is missing, and what to look at before it is given away. */
function formatReport({ file, sizeBytes, files, missing, removed }: Report): string {
  const lines = [
    `${file}: ${files.length} files, ${Math.ceil(sizeBytes / 1_000)} kB`,
    ...byReason(missing).map(([reason, names]) => `without ${names.join(', ')}: ${reason}`),
    `Keys and passwords were removed (${removed} found); nothing of what pods send is in it.`,
    'Names and addresses of nodes and pods, and the rules of the firewall, are: look at it before you publish it.',
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** What is missing for the same reason, together: without a daemon that is all that it would say. */
function byReason(missing: Report['missing']): readonly [string, readonly string[]][] {
  const names = new Map<string, string[]>();
  for (const { file, reason } of missing) names.set(reason, [...(names.get(reason) ?? []), file]);
  return [...names];
}
