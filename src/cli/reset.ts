/** `weft reset`. */
import type { Command } from 'commander';
import type { Config } from '../daemon/config/config.ts';
import type { ResetReport } from '../daemon/reset.ts';
import type { OutputOptions } from './output.ts';

interface ResetOptions extends OutputOptions {
  readonly yes?: true;
}

/** Adds the command. The options of its configuration come later, see `config-options.ts`. */
export function registerReset(program: Command): void {
  program
    .command('reset')
    .description('remove everything that weft made on this node; the daemon must be stopped')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(reset);
}

async function reset(options: ResetOptions, command: Command): Promise<void> {
  const [{ configChoice }, { loadConfig }, { print }, { resetHost }, { captureSocketPath }] = await Promise.all([
    import('./config-options.ts'),
    import('../daemon/config/config.ts'),
    import('./output.ts'),
    import('../daemon/reset.ts'),
    import('../api/capture-api.ts'),
  ]);
  const config = loadConfig({ ...configChoice(command), env: process.env, allowMissing: true });
  await refuseIfRunning(config, command);
  if (options.yes !== true && !(await confirm(config))) {
    process.stderr.write('nothing was removed\n');
    return;
  }
  const report = await resetHost({
    stateDir: config.stateDir,
    tunDevice: config.tun.device,
    socketPaths: [config.control.socket, config.control.readOnlySocket, captureSocketPath(config.control.socket)],
  });
  print(options, report, () => formatReport(report));
}

async function refuseIfRunning(config: Config, command: Command): Promise<void> {
  const [{ ControlClient }, { WeftError }] = await Promise.all([
    import('../client/control-client.ts'),
    import('../errors.ts'),
  ]);
  const { socket } = command.optsWithGlobals<{ socket?: string }>();
  const path = socket ?? (process.env['WEFT_SOCKET'] || config.control.socket);
  try {
    await new ControlClient(path).version();
  } catch (error) {
    if (error instanceof WeftError && error.code === 'daemon-not-running') return;
    throw error;
  }
  throw new WeftError('daemon-running', `a daemon answers on ${path}: stop it first (systemctl stop weft)`, { path });
}

async function confirm(config: Config): Promise<boolean> {
  const { WeftError } = await import('../errors.ts');
  const what = `all pods, the device ${config.tun.device}, weft's routes and nftables table, and ${config.stateDir}`;
  if (!process.stdin.isTTY) throw new WeftError('usage', `this removes ${what}: add --yes`);
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`This removes ${what}.\nGo on? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

function formatReport(report: ResetReport): string {
  const removed = Object.entries(report).filter(([, items]) => (items as readonly string[]).length > 0);
  if (removed.length === 0) return 'there was nothing to remove\n';
  return removed.map(([what, items]) => `removed ${what}: ${(items as readonly string[]).join(', ')}\n`).join('');
}
