/** `weft kubernetes check`. */
import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from './duration.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import type { OutputOptions } from './output.ts';

interface CheckOptions extends OutputOptions {
  readonly outside?: { readonly address: string; readonly port: number };
  readonly image?: string;
  readonly node?: readonly string[];
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  /** In ms. */
  readonly timeout: number;
}

const DEFAULT_PORT = 443;
const DEFAULT_TIMEOUT_MS = 120_000;
/** Of a program that Ctrl-C ended, as shells have it. */
const INTERRUPTED = 130;
const MAX_NODES = 2;

const NOTES = `
It needs kubectl, and the right to make namespaces and pods. What it makes is in a
namespace of its own, which it removes, also after Ctrl-C. What fails, weft explains
at the node of the client. Exit code 1 if anything failed.`;

/** Adds `check` to `kubernetes`. */
export function addKubernetesCheck(kubernetes: Command): void {
  kubernetes
    .command('check')
    .description(
      "try a cluster's network with pods of its own: pod to pod, to services, to outside, node to pod, DNS, largest packets",
    )
    .option('--outside <address>', `an address outside, with ADDRESS,PORT another port than ${DEFAULT_PORT}`, outside)
    .option('--image <image>', "with Node.js and a shell; otherwise that of weft's pods")
    .option('--node <names>', 'on these one or two nodes, n1,n2; otherwise the first two', nodes)
    .option('--timeout <time>', 'how long its pods may take to run', parseDuration, DEFAULT_TIMEOUT_MS)
    .option('-n, --namespace <name>', 'where the pods of weft are (default: weft)')
    .option('--context <name>', 'for kubectl')
    .option('--kubeconfig <file>', 'for kubectl')
    .option('--json', 'print JSON, at the end')
    .addHelpText('after', NOTES)
    .action(check);
}

async function check(options: CheckOptions): Promise<void> {
  const [
    { Kubectl },
    { WEFT_NAMESPACE },
    { checkCluster },
    { formatOutcome, formatSummary, isGood },
    output,
    terminal,
  ] = await Promise.all([
    import('../kubectl/kubectl.ts'),
    import('../kubectl/daemon-pods.ts'),
    import('../kubectl/cluster-check.ts'),
    import('./kubernetes-check-view.ts'),
    import('./output.ts'),
    import('../terminal/terminal.ts'),
  ]);
  const { context, kubeconfig } = options;
  const given = Object.entries({ context, kubeconfig }).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`, value],
  );
  const interrupted = new AbortController();
  const hear = (): void => {
    if (!interrupted.signal.aborted) process.stderr.write('weft: ending; what was made is removed\n');
    interrupted.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, hear);
  try {
    const result = await checkCluster({
      kubectl: new Kubectl({ options: given }),
      weftNamespace: options.namespace ?? WEFT_NAMESPACE,
      image: options.image,
      nodes: options.node,
      outside: options.outside,
      readyMs: options.timeout,
      signal: interrupted.signal,
      onProgress: (text) => process.stderr.write(`weft: ${text}\n`),
      onOutcome: (outcome) => {
        if (options.json !== true) process.stdout.write(formatOutcome(outcome, terminal.standardOutput()));
      },
    });
    output.print(options, result, () => formatSummary(result, terminal.standardOutput()));
    if (!isGood(result)) process.exitCode = ExitCode.failure;
  } finally {
    for (const signal of signals) process.off(signal, hear);
    if (interrupted.signal.aborted) process.exitCode = INTERRUPTED;
  }
}

function outside(text: string): { address: string; port: number } {
  const [address = '', port = String(DEFAULT_PORT), ...more] = text.split(',');
  const isAddress = /^[\d.]+$|^[\da-fA-F.]*:[\da-fA-F:.]*$/.test(address);
  if (!isAddress || more.length > 0) throw new InvalidArgumentError('Not an address, or ADDRESS,PORT.');
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw new InvalidArgumentError(`${port} is not a port.`);
  return { address, port: Number(port) };
}

function nodes(text: string): readonly string[] {
  const names = text.split(',').filter((name) => name !== '');
  if (names.length === 0 || names.length > MAX_NODES) throw new InvalidArgumentError('Not one or two names.');
  if (new Set(names).size < names.length) throw new InvalidArgumentError('Twice the same.');
  return names;
}
