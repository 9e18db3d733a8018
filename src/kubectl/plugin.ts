/** `kubectl weft`: a command of weft, run where the daemon runs that knows most about it. */
import { openSync, closeSync } from 'node:fs';
import { constants } from 'node:os';
import { choosePod, listDaemonPods, type DaemonPod } from './daemon-pods.ts';
import type { Kubectl } from './kubectl.ts';
import { podOfText } from './plugin-arguments.ts';

export interface PluginCall {
  readonly kubectl: Kubectl;
  /** Of weft's own pods. */
  readonly namespace: string;
  /** Where somebody wants it to run. */
  readonly node: string | undefined;
  /** Whom the command is about, as it was written: where nothing is wanted, it runs at that pod's node. */
  readonly subject: string | undefined;
  /** Of `weft`. */
  readonly args: readonly string[];
  /** A file that takes what the command writes; absent: standard output. */
  readonly outputFile?: string | undefined;
  /** Whether it reads standard input. */
  readonly reads: boolean;
  /** Standard error. */
  readonly say: (text: string) => void;
}

/** A signal so long after the first one is another one, in ms: programs in between may pass on the first one twice. */
const IMPATIENCE_MS = 500;
/** Of a program that a signal ended: as shells have it. */
const SIGNAL_BASE = 128;

/** Gives the exit code of the command. @throws as `listDaemonPods`, `choosePod` */
export async function runInDaemonPod(call: PluginCall): Promise<number> {
  const { kubectl, namespace, node, subject, say } = call;
  const pods = await listDaemonPods(kubectl, namespace);
  const known = node ?? (subject === undefined ? undefined : await nodeOf(kubectl, pods, subject));
  const pod = choosePod(pods, namespace, known);
  if (known === undefined && pods.length > 1)
    say(`weft: asking ${pod.node}; --node, before the command, chooses another\n`);
  return await execute(call, pod);
}

async function execute({ kubectl, namespace, args, outputFile, reads }: PluginCall, pod: DaemonPod): Promise<number> {
  const hasTerminal = [process.stdin, process.stdout, process.stderr].every(({ isTTY }) => isTTY);
  const withTerminal = hasTerminal && outputFile === undefined;
  const passesInput = withTerminal || reads;
  const output = outputFile === undefined ? 'inherit' : openSync(outputFile, 'w');
  // Without a terminal there is no Ctrl-C over there: the command ends when its standard input does, which stays open here.
  const weft = passesInput ? ['weft', ...args] : ['weft', '--end-with-stdin', ...args];
  const where = ['-n', namespace, pod.name, '-c', pod.container];
  const signals = new SignalListener(withTerminal);
  const { child, ended } = kubectl.start(
    ['exec', withTerminal ? '-it' : '-i', ...where, '--', ...weft],
    [passesInput ? 'inherit' : 'pipe', output, 'inherit'],
    withTerminal,
  );
  signals.hear = (isFirst) => {
    if (isFirst && child.stdin !== null) child.stdin.end();
    else child.kill('SIGKILL');
  };
  if (typeof output === 'number') closeSync(output);
  child.stdin?.on('error', () => undefined);
  try {
    const { code, signal } = await ended;
    return code ?? SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal]);
  } finally {
    signals.release();
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** From before the program starts, which may write, and be answered by a signal, at once. */
class SignalListener {
  /** Called for the first signal, and for a later one of somebody impatient. */
  hear: (isFirst: boolean) => void = () => undefined;
  readonly #isElsewhere: boolean;
  #firstMs: number | undefined;

  /** @param isElsewhere whether the terminal is kubectl's: it passes on what is typed. */
  constructor(isElsewhere: boolean) {
    this.#isElsewhere = isElsewhere;
    for (const signal of SIGNALS) process.on(signal, this.#listen);
  }

  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listen);
  }

  readonly #listen = (): void => {
    if (this.#isElsewhere) return;
    const nowMs = performance.now();
    if (this.#firstMs === undefined) this.hear(true);
    else if (nowMs - this.#firstMs > IMPATIENCE_MS) this.hear(false);
    this.#firstMs ??= nowMs;
  };
}

/** The node of the pod that is meant, if weft runs there, and somebody may ask Kubernetes for it. */
async function nodeOf(kubectl: Kubectl, pods: readonly DaemonPod[], text: string): Promise<string | undefined> {
  const running = pods.filter(({ problem }) => problem === '');
  const [first = ''] = text.split('/');
  // Where names of Nodes have dots, weft calls them by the part before the first one.
  const named = running.find(({ node }) => node === first || node.startsWith(`${first}.`));
  if (named !== undefined) return named.node;
  const pod = podOfText(text);
  if (pod === undefined) return undefined;
  const { stdout, exitCode } = await kubectl.result(
    ['get', 'pod', pod.name, '-n', pod.namespace, '--ignore-not-found', '-o', 'jsonpath={.spec.nodeName}'],
    { purpose: `find the node of ${text}` },
  );
  const isKnown = exitCode === 0 && running.some(({ node }) => node === stdout.trim());
  return isKnown ? stdout.trim() : undefined;
}
