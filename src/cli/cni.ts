/** `weft cni`: puts the CNI plugin where container runtimes look for it. */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { InstalledFile, Installation } from '../cni/installation.ts';
import type { OutputOptions } from './output.ts';

/** Where runtimes look, if they are not told otherwise. */
const DIRECTORIES = { bin: '/opt/cni/bin', conf: '/etc/cni/net.d' } as const;

interface CniOptions extends OutputOptions {
  readonly binDir: string;
  readonly confDir: string;
}

interface InstallOptions extends CniOptions {
  readonly plugin?: string;
}

/** Adds `cni` with its verbs. */
export function registerCni(program: Command): void {
  const cni = program.command('cni').description('the plugin for container runtimes');
  cni
    .command('install')
    .description('put the plugin and its network in place, once this node is ready')
    .option('--plugin <file>', 'the plugin; otherwise the one beside this program, made by npm run build:cni')
    .option('--bin-dir <directory>', 'where the runtime looks for plugins', DIRECTORIES.bin)
    .option('--conf-dir <directory>', 'where the runtime looks for networks', DIRECTORIES.conf)
    .option('--json', 'print JSON')
    .action(installPlugin);
  cni
    .command('uninstall')
    .description('take them away; the plugin stays as long as containers need it')
    .option('--bin-dir <directory>', 'where the runtime looks for plugins', DIRECTORIES.bin)
    .option('--conf-dir <directory>', 'where the runtime looks for networks', DIRECTORIES.conf)
    .option('--json', 'print JSON')
    .action(uninstallPlugin);
}

async function installPlugin(options: InstallOptions, command: Command): Promise<void> {
  const [{ controlClient }, { print }, { install, networksBefore }, { WeftError }] = await Promise.all([
    import('./daemon-socket.ts'),
    import('./output.ts'),
    import('../cni/installation.ts'),
    import('../errors.ts'),
  ]);
  const client = controlClient(command);
  const { ready, problem, spool } = await client.attachmentStatus();
  if (!ready)
    throw new WeftError('cni-not-ready', `nothing was installed, as no container could be attached: ${problem}`);
  const where = directoriesOf(options);
  const program =
    options.plugin ??
    fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../dist/weft-cni' : '../weft-cni', import.meta.url));
  const files = install(program, { socket: client.socketPath, spool }, where);
  const before = networksBefore(where);
  print(options, { files, before }, () => {
    const notice = before.length === 0 ? '' : `notice: runtimes take the first network, which is ${before[0]!}\n`;
    return formatFiles(files) + notice;
  });
}

async function uninstallPlugin(options: CniOptions, command: Command): Promise<void> {
  const [{ controlClient }, { print }, { uninstall }, { WeftError }] = await Promise.all([
    import('./daemon-socket.ts'),
    import('./output.ts'),
    import('../cni/installation.ts'),
    import('../errors.ts'),
  ]);
  const attached = await controlClient(command)
    .attachments()
    .then(
      (all) => all.length,
      (error: unknown) => {
        if (error instanceof WeftError && error.code === 'daemon-not-running') return undefined;
        throw error;
      },
    );
  const files = uninstall(attached, directoriesOf(options));
  print(options, { files }, () => formatFiles(files));
}

function directoriesOf({ binDir, confDir }: CniOptions): Installation {
  return { binDirectory: binDir, confDirectory: confDir };
}

function formatFiles(files: readonly InstalledFile[]): string {
  return files.map(({ path, outcome, why }) => `${path}: ${outcome}${why === '' ? '' : `, as ${why}`}\n`).join('');
}
