/** What goes into a report: the daemon's own words, the configuration, and the state of the kernel. */
import { readFileSync } from 'node:fs';
import { controlPaths } from '../daemon/control/control-routes.ts';
import { readVersion } from '../daemon/process/version.ts';
import { WeftError } from '../errors.ts';
import { runCommand } from '../linux/command.ts';
import type { ControlClient } from '../client/control-client.ts';
import { look } from './doctor.ts';

/** One file of a report. */
export interface ReportSource {
  readonly file: string;
  /** Its text. May throw: then the report says why the file is missing. */
  read(): Promise<string> | string;
}

/** Paths of the API that need a question, or have what another path has as well. */
const leftOut: ReadonlySet<string> = new Set(['GET /v1/explain', 'GET /v1/doctor']);

/** File -> program. In the network namespace of whoever runs it, which is the daemon's on a machine with one. */
const programs: Readonly<Record<string, readonly string[]>> = {
  'kernel/links.txt': ['ip', '-details', '-statistics', 'link', 'show'],
  'kernel/addresses.txt': ['ip', '-details', 'address', 'show'],
  'kernel/routes-ipv4.txt': ['ip', '-4', '-details', 'route', 'show', 'table', 'all'],
  'kernel/routes-ipv6.txt': ['ip', '-6', '-details', 'route', 'show', 'table', 'all'],
  'kernel/rules-ipv4.txt': ['ip', '-4', 'rule', 'show'],
  'kernel/rules-ipv6.txt': ['ip', '-6', 'rule', 'show'],
  'kernel/neighbours.txt': ['ip', '-statistics', 'neighbour', 'show'],
  'kernel/nftables.txt': ['nft', 'list', 'ruleset'],
  'kernel/iptables.txt': ['iptables-save'],
  'kernel/ip6tables.txt': ['ip6tables-save'],
  'kernel/udp-sockets.txt': ['ss', '-u', '-a', '-p', '-n', '-m'],
  'kernel/tcp-sockets.txt': ['ss', '-t', '-a', '-p', '-n'],
  'kernel/sysctls.txt': ['sysctl', '--all', '--pattern', String.raw`^net\.(core|ipv4|ipv6)\.|^kernel\.osrelease`],
  'kernel/protocol-counters.txt': ['nstat', '--zeros', '--ignore', '--noupdate'],
  'kernel/version.txt': ['uname', '-a'],
  'log.txt': ['journalctl', '--unit', 'weft', '--lines', '5000', '--no-pager', '--output', 'short-iso-precise'],
};

/** What a report has. */
export function reportSources(client: ControlClient, configFile: string | undefined): readonly ReportSource[] {
  return [
    { file: 'version.json', read: () => pretty(readVersion()) },
    { file: 'config.yaml', read: () => readConfig(configFile) },
    ...readingPaths().map((path) => ({ file: fileOf(path), read: async () => formatted(await client.text(path)) })),
    { file: 'daemon/doctor.json', read: async () => pretty(await look(client)) },
    { file: 'daemon/doctor-all.json', read: async () => pretty(await client.doctor({ all: 'true' })) },
    ...Object.entries(programs).map(([file, argv]) => ({
      file,
      read: async () => runCommand(argv, { purpose: `run ${argv[0]}` }),
    })),
  ];
}

/** All that can be read of a daemon without saying what: so a report has what later versions add, too. */
function readingPaths(): readonly string[] {
  return controlPaths
    .filter((path) => path.startsWith('GET ') && !/[A-Z]/.test(path.slice('GET '.length)) && !leftOut.has(path))
    .map((path) => path.slice('GET '.length));
}

function fileOf(path: string): string {
  return path.startsWith('/v1/')
    ? `daemon/${path.slice('/v1/'.length).replaceAll('/', '-')}.json`
    : `daemon${path}.txt`;
}

function readConfig(file: string | undefined): string {
  if (file === undefined) throw new WeftError('usage', 'the daemon was started without a configuration file');
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new WeftError('usage', `${file} cannot be read (${code}): name it with --config`);
  }
}

function formatted(text: string): string {
  try {
    return pretty(JSON.parse(text));
  } catch {
    return text;
  }
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
