#!/usr/bin/env -S node --max-semi-space-size=2
/** `kubectl weft`: kubectl starts a program `kubectl-weft` of PATH for it. */
import { Command } from 'commander';
import { WeftError } from '../errors.ts';
import { Kubectl } from '../kubectl/kubectl.ts';
import { WEFT_NAMESPACE } from '../kubectl/daemon-pods.ts';
import { runInDaemonPod } from '../kubectl/plugin.ts';
import { partArguments, writingToOutput } from '../kubectl/plugin-arguments.ts';
import { reportFailure } from './failure.ts';
import { buildProgram } from './program.ts';

interface PluginOptions {
  readonly node?: string;
  readonly namespace: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly cluster?: string;
  readonly user?: string;
}

/** What of a command of weft has to be known here. */
interface Known {
  readonly node?: string;
  readonly all?: true;
  readonly pod?: string;
  readonly write?: string;
  readonly rotate?: unknown;
}

const NOTES = `
What stands before COMMAND is for kubectl, what stands behind it for weft; --context
and --kubeconfig may stand behind it, too. KUBECONFIG counts as for kubectl.
The command runs in the pod of weft's daemon: explain and trace at the node of the
source, what has --pod at the node of that pod, others at the first node. Names of
pods have their namespace, as for weft itself: shop/web, deploy/web, shop/deploy/web.

  kubectl weft explain shop/web default/db
  kubectl weft --node n2 status
  kubectl weft capture --all -w - tcp port 80 | wireshark -k -i -
  kubectl weft capture --pod shop/web -w web.pcapng       a file of this machine`;

/** Commands that are about the machine on which they run. */
const local: readonly string[] = ['completion', 'daemon', 'kubernetes', 'lab'];
/** Commands that may be given something on standard input. */
const reading: readonly string[] = ['key', 'reset'];
const fromSource: readonly string[] = ['explain', 'trace'];
const ofPod: readonly string[] = ['capture', 'drops', 'flows'];

const program = new Command('kubectl weft')
  .description("run a command of weft in the pod of weft's daemon on the right node of a Kubernetes cluster")
  .usage('[options] COMMAND [arguments of weft]')
  .argument('[command...]')
  .option('--node <name>', 'run it at this node')
  .option('-n, --namespace <name>', 'where the pods of weft are', WEFT_NAMESPACE)
  .option('--context <name>', 'for kubectl')
  .option('--kubeconfig <file>', 'for kubectl')
  .option('--cluster <name>', 'for kubectl')
  .option('--user <name>', 'for kubectl')
  .passThroughOptions()
  .addHelpText('after', NOTES)
  .showHelpAfterError('(--help shows what is possible)')
  .exitOverride()
  .action(async (words: readonly string[], options: PluginOptions) => {
    if (words.length === 0) program.help({ error: true });
    process.exitCode = await run(words, options);
  });

try {
  await program.parseAsync(process.argv.slice(2), { from: 'user' });
} catch (error) {
  process.exitCode = await reportFailure(error);
}

async function run(words: readonly string[], options: PluginOptions): Promise<number> {
  const { kubectl: behind, weft } = partArguments(words);
  const { name, operands, known } = await understood(weft);
  if (local.includes(name))
    throw new WeftError(
      'usage',
      `weft ${name} is about the machine on which it runs: without kubectl, weft ${weft.join(' ')}`,
    );
  if (name === 'report')
    throw new WeftError('usage', 'weft report writes a file, and its pod would have it: see docs/kubernetes.md');
  if (known.rotate !== undefined)
    throw new WeftError('usage', '--rotate writes files where weft runs, which is in its pod: leave it out');
  const isWritten = name === 'capture' && known.write !== undefined;
  const file = known.write === '-' ? undefined : known.write;
  if (isWritten && file === undefined && process.stdout.isTTY)
    throw new WeftError('usage', '--write -: standard output is a terminal; pipe it to a program');
  const ofCluster = ['context', 'kubeconfig', 'cluster', 'user'] as const;
  const given = ofCluster.flatMap((key) => (options[key] === undefined ? [] : [`--${key}`, options[key]]));
  return await runInDaemonPod({
    kubectl: new Kubectl({ options: [...given, ...behind] }),
    namespace: options.namespace,
    node: options.node,
    subject: subjectOf(name, operands, known),
    args: isWritten ? writingToOutput(weft) : weft,
    outputFile: isWritten ? file : undefined,
    reads: reading.includes(name),
    say: (text) => process.stderr.write(text),
  });
}

/** The command that is meant, by the parser of weft itself. What that does not know is left to the one in the cluster. */
async function understood(args: readonly string[]) {
  const weft = await buildProgram(args);
  const [name = '', ...rest] = args;
  const command = weft.commands.find((one) => one.name() === name);
  const end = rest.includes('--') ? rest.indexOf('--') : rest.length;
  const operands = command === undefined ? [] : command.parseOptions(rest.slice(0, end)).operands;
  return { name, operands: [...operands, ...rest.slice(end + 1)], known: command?.opts<Known>() ?? {} };
}

function subjectOf(name: string, operands: readonly string[], { pod, all, node }: Known): string | undefined {
  if (fromSource.includes(name)) return operands.length > 1 ? operands[0] : undefined;
  return ofPod.includes(name) && all === undefined && node === undefined ? pod : undefined;
}
