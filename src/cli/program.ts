/** The commands of `weft`, put together. What a command needs to run is imported when it runs: `weft version` starts fast. */
import { Command } from 'commander';
import { readVersion } from '../daemon/process/version.ts';
import { registerAudit } from './audit.ts';
import { registerCapture } from './capture.ts';
import { registerCni } from './cni.ts';
import { registerCompletion } from './completion.ts';
import { registerDaemon } from './daemon.ts';
import { registerDocker } from './docker.ts';
import { registerDoctor } from './doctor.ts';
import { registerDrops } from './drops.ts';
import { registerEvents } from './events.ts';
import { registerExplain } from './explain.ts';
import { registerFault } from './fault.ts';
import { registerFlows } from './flows.ts';
import { registerIpam } from './ipam.ts';
import { registerKey } from './key.ts';
import { registerKubernetes } from './kubernetes.ts';
import { registerMatrix } from './matrix.ts';
import { registerPeer } from './peer.ts';
import { registerPeers } from './peers.ts';
import { registerPing } from './ping.ts';
import { registerPod } from './pod.ts';
import { registerPods } from './pods.ts';
import { registerPolicy } from './policy.ts';
import { registerService } from './service.ts';
import { registerReport } from './report.ts';
import { registerReset } from './reset.ts';
import { registerRoutes } from './routes.ts';
import { registerStatus } from './status.ts';
import { registerTrace } from './trace.ts';
import { registerVersion } from './version.ts';

/** Commands that read the configuration, and so have a flag for each of its keys. */
const configured: readonly string[] = ['daemon', 'reset'];

/** Commands that ask no daemon, or find it by themselves. */
const commandsWithoutDaemon: readonly string[] = [
  'daemon',
  'reset',
  'version',
  'generate',
  'completion',
  'manifest',
  'reset-manifest',
];

/**
 * Builds the program.
 *
 * @param argv arguments of the user. Options of the configuration and the verbs of the lab are only made for those who ask
 *   for them: both need more modules than all the rest.
 */
export async function buildProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command('weft')
    .description('userspace VXLAN overlay: pods of different nodes talk, every packet is accounted for')
    .version(readVersion().version, '--version', 'show the version')
    .option('--socket <path>', "the daemon's socket (WEFT_SOCKET)")
    .option('--end-with-stdin', 'end as after Ctrl-C when standard input ends: for kubectl exec -i')
    .helpCommand('help [command]', 'show help')
    // Beside the flags of the configuration not much is left of 80 columns.
    .configureHelp({ minWidthToWrap: 24 })
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride();
  for (const register of [registerStatus, registerPeers, registerPeer, registerRoutes, registerEvents, registerAudit]) {
    register(program);
  }
  for (const register of [
    registerCapture,
    registerExplain,
    registerFlows,
    registerTrace,
    registerPing,
    registerMatrix,
    registerDoctor,
  ])
    register(program);
  registerDrops(program);
  registerPod(program);
  registerPods(program);
  registerPolicy(program);
  registerService(program);
  registerDocker(program);
  registerCni(program);
  registerKubernetes(program);
  registerIpam(program);
  registerKey(program);
  registerFault(program);
  await registerLab(program, argv);
  for (const register of [registerReport, registerDaemon, registerReset, registerVersion]) register(program);
  registerCompletion(program, buildProgram);
  if (argv.some((argument) => configured.includes(argument))) await addConfigFlags(program);
  program.hook('preAction', async (_program, command) => {
    await endWithInput(program);
    await findDaemon(program, command);
  });
  return program;
}

/** All commands below these are such. */
const groupsWithoutDaemon: readonly string[] = ['lab', 'policy'];

/** Most commands ask the daemon of this machine: where it listens, its configuration may say. */
async function findDaemon(program: Command, command: Command): Promise<void> {
  const isForDaemon =
    !groupsWithoutDaemon.includes(command.parent?.name() ?? '') && !commandsWithoutDaemon.includes(command.name());
  if (!isForDaemon) return;
  const { lookUpSockets } = await import('./daemon-socket.ts');
  await lookUpSockets(program);
}

async function endWithInput(program: Command): Promise<void> {
  if (program.opts<{ endWithStdin?: true }>().endWithStdin !== true) return;
  const { endWithStandardInput } = await import('./end-with-stdin.ts');
  endWithStandardInput();
}

async function addConfigFlags(program: Command): Promise<void> {
  const { addConfigOptions } = await import('./config-options.ts');
  for (const command of program.commands.filter((one) => configured.includes(one.name()))) addConfigOptions(command);
}

async function registerLab(program: Command, argv: readonly string[]): Promise<void> {
  if (argv.includes('lab')) {
    const lab = await import('./lab.ts');
    lab.registerLab(program);
  } else {
    program.command('lab').description('networks of nodes and pods on this machine, to try things in');
  }
}
