/** `weft cni`: puts the CNI plugin where container runtimes look for it. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError } from 'commander';
import { INTERFACE_NAME_RULE, isInterfaceName } from '../api/interface-name.ts';
import type { ControlClient } from '../client/control-client.ts';
import type { GivenConflist, InstalledNetwork } from '../cni/conflist.ts';
import type { InstalledFile, Installation } from '../cni/installation.ts';
import { WeftError } from '../errors.ts';
import { parseDuration } from './duration.ts';
import type { OutputOptions } from './output.ts';

/** Where runtimes look, if they are not told otherwise. */
const DIRECTORIES = { bin: '/opt/cni/bin', conf: '/etc/cni/net.d' } as const;

interface CniOptions extends OutputOptions {
  readonly binDir: string;
  readonly confDir: string;
  readonly force?: true;
}

interface InstallOptions extends CniOptions {
  readonly plugin?: string;
  readonly conf?: string;
  readonly alongside?: string;
  readonly wait?: number;
  readonly pluginOnly?: true;
}

/** From one look at a node that is not ready to the next, in ms. */
const LOOK_INTERVAL_MS = 250;

/** Adds `cni` with its verbs. */
export function registerCni(program: Command): void {
  const cni = program.command('cni').description('the plugin for container runtimes');
  cni
    .command('install')
    .description('put the plugin and its network in place, once this node is ready')
    .option('--plugin <file>', 'the plugin; otherwise the one beside this program, made by npm run build:cni')
    .option('--conf <file>', 'a network of your own with weft-cni in its chain; otherwise weft makes one')
    .option(
      '--alongside <interface>',
      'as a second network: weft-cni behind the plugins of the network that is there, with this interface in each container',
      parseInterface,
    )
    .option('--bin-dir <directory>', 'where the runtime looks for plugins', DIRECTORIES.bin)
    .option('--conf-dir <directory>', 'where the runtime looks for networks', DIRECTORIES.conf)
    .option('--wait <time>', 'for how long to wait until this node is ready: 60s', parseDuration)
    .option('--plugin-only', 'no network: the daemon puts it in place, as weft daemon --cni-conf-dir does')
    .option('--force', 'write over a network that was changed by hand')
    .option('--json', 'print JSON')
    .action(installPlugin);
  cni
    .command('uninstall')
    .description('take them away; the plugin stays as long as containers need it')
    .option('--bin-dir <directory>', 'where the runtime looks for plugins', DIRECTORIES.bin)
    .option('--conf-dir <directory>', 'where the runtime looks for networks', DIRECTORIES.conf)
    .option('--force', 'also a network that was changed by hand, and the plugin although containers need it')
    .option('--json', 'print JSON')
    .action(uninstallPlugin);
}

async function installPlugin(options: InstallOptions, command: Command): Promise<void> {
  const [{ controlClient }, { print }, installation] = await Promise.all([
    import('./daemon-socket.ts'),
    import('./output.ts'),
    import('../cni/installation.ts'),
  ]);
  const client = controlClient(command);
  const where = directoriesOf(options);
  const program = options.plugin ?? ownPlugin();
  if (options.pluginOnly === true) {
    refuseWithPluginOnly(options);
    const files = [installation.installProgram(program, where.binDirectory)];
    print(options, { files }, () => formatFiles(files));
    return;
  }
  const network = async () => await readyNetwork(client, options);
  if (options.conf !== undefined && options.alongside !== undefined)
    throw new WeftError('usage', '--alongside makes the network, which --conf is: give one of them');
  const choice = {
    ...(options.conf !== undefined && { given: readGiven(options.conf) }),
    ...(options.alongside !== undefined && { alongside: options.alongside }),
    force: options.force ?? false,
  };
  const files = await installation.install(program, network, where, choice);
  const before = installation.networksBefore(where, choice);
  const after = installation.networksAfter(where, choice);
  const missing = installation.missingPlugins(where, choice);
  print(options, { files, before, after, missing }, () => {
    const notices = [
      before.length === 0 ? '' : `notice: runtimes take the first network, which is ${before[0]!}\n`,
      after.length === 0 ? '' : `notice: only who asks for them by name gets the networks of ${after.join(', ')}\n`,
      missing.length === 0
        ? ''
        : `notice: ${missing.join(', ')} is not in ${where.binDirectory}, and the chain needs it\n`,
    ];
    return formatFiles(files) + notices.join('');
  });
}

/** Name of an interface for `--alongside`. */
export function parseInterface(text: string): string {
  if (isInterfaceName(text)) return text;
  throw new InvalidArgumentError(`Not a name for an interface: ${INTERFACE_NAME_RULE}.`);
}

/** The one beside this program. In the image it is compressed: it has a Node of its own in it. */
function ownPlugin(): string {
  const directory = import.meta.url.endsWith('.ts') ? '../../dist/' : '../';
  const [plain, compressed] = ['weft-cni', 'weft-cni.zst'].map((name) =>
    fileURLToPath(new URL(`${directory}${name}`, import.meta.url)),
  ) as [string, string];
  return !existsSync(plain) && existsSync(compressed) ? compressed : plain;
}

function refuseWithPluginOnly({ conf, alongside, wait, force }: InstallOptions): void {
  const given = { '--conf': conf, '--alongside': alongside, '--wait': wait, '--force': force };
  const without = Object.entries(given).filter(([, value]) => value);
  if (without[0] === undefined) return;
  throw new WeftError(
    'usage',
    `${without[0][0]} is about the network, which --plugin-only leaves out: give one of them`,
  );
}

/** What the network has to know, when the node could attach a container. @throws WeftError `cni-not-ready` */
async function readyNetwork(client: ControlClient, { wait = 0, binDir }: InstallOptions): Promise<InstalledNetwork> {
  const { isDaemonAbsent } = await import('../cni/daemon.ts');
  const endMs = performance.now() + wait;
  for (;;) {
    const { ready, problem, spool } = await client.attachmentStatus().catch((error: unknown) => {
      if (isDaemonAbsent(error)) return { ready: false, problem: (error as WeftError).message, spool: '' };
      throw error;
    });
    if (ready) return { socket: resolve(client.socketPath), spool };
    if (performance.now() >= endMs) {
      const message = `the plugin is in ${binDir}, but no network that uses it, as no container could be attached: ${problem}`;
      throw new WeftError('cni-not-ready', `${message}\nweft cni install --wait 60s waits until one could`, {
        problem,
      });
    }
    await sleep(LOOK_INTERVAL_MS);
  }
}

function readGiven(source: string): GivenConflist {
  try {
    return { text: readFileSync(source, 'utf8'), source };
  } catch (error) {
    throw new WeftError('usage', `--conf: ${source} cannot be read: ${(error as Error).message}`);
  }
}

async function uninstallPlugin(options: CniOptions, command: Command): Promise<void> {
  const [{ controlClient }, { print }, { uninstall }, { isDaemonAbsent }] = await Promise.all([
    import('./daemon-socket.ts'),
    import('./output.ts'),
    import('../cni/installation.ts'),
    import('../cni/daemon.ts'),
  ]);
  const attached = await controlClient(command)
    .attachments()
    .then(
      (all) => all.length,
      (error: unknown) => {
        if (isDaemonAbsent(error)) return undefined;
        throw error;
      },
    );
  const files = uninstall(attached, directoriesOf(options), options.force);
  const count = attached ?? 'not known, as no daemon answers';
  print(options, { files, attached: attached ?? null }, () => {
    return `${formatFiles(files)}interfaces that are attached through CNI: ${count}\n`;
  });
}

function directoriesOf({ binDir, confDir }: CniOptions): Installation {
  return { binDirectory: resolve(binDir), confDirectory: resolve(confDir) };
}

function formatFiles(files: readonly InstalledFile[]): string {
  return files.map(({ path, outcome, why }) => `${path}: ${outcome}${why === '' ? '' : `, as ${why}`}\n`).join('');
}
