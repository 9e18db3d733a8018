/**
 * A node of the compose lab, in a container of its own: the daemon, and pods, each a process in a network namespace that it holds.
 *
 * Chosen: processes hold the namespaces. Instead of: names under /run/netns. Because: those are mounts, which AppArmor denies a
 * container. The price is that pods end with the container; they are made again, with the same addresses, when it starts.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlClient } from '../client/control-client.ts';
import { DAEMON_NODE_OPTIONS } from '../daemon/process/heap.ts';
import { namespaceIdentity } from '../linux/namespace-files.ts';
import { ensureClusterKey } from './cluster-key.ts';

/** Pods that are small: what they hold is a namespace and a web server. */
const POD_NODE_OPTIONS: readonly string[] = ['--max-semi-space-size=1', '--max-old-space-size=32'];

const POLL_MS = 50;

/** Time for the daemon to leave in peace before it is killed: less than the ten seconds that an engine waits. */
const STOP_DEADLINE_MS = 8_000;

/** A pod that is to be there. */
export interface ContainerPod {
  readonly name: string;
  /** Empty: the next free ones. */
  readonly addresses: readonly string[];
}

export interface ContainerNodeOptions {
  /** The daemon's control socket. */
  readonly socket: string;
  /** Made with a new key if it is not there; nodes that share it are of one cluster. Absent: gossip is not authenticated. */
  readonly keyFile: string | undefined;
  readonly pods: readonly ContainerPod[];
  /** Hosts that each pod asks for a greeting over HTTP. */
  readonly greeted: readonly string[];
  /** Told what a person may want to know. */
  readonly say: (line: string) => void;
}

/** Runs until the daemon or a pod ends, or `interruption`. @returns the exit code, which is that of the daemon if it came first. */
export async function runContainerNode(options: ContainerNodeOptions, interruption: AbortSignal): Promise<number> {
  if (options.keyFile !== undefined) ensureClusterKey(options.keyFile);
  const children = new Set<ChildProcess>();
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    children.add(child.once('exit', () => children.delete(child)));
    return child;
  };
  const daemon = start(process.execPath, [...DAEMON_NODE_OPTIONS, beside('../cli/main'), 'daemon']);
  try {
    const ended = once(daemon, 'exit').then(([code]) => (code as number | null) ?? 1);
    const client = new ControlClient(options.socket);
    if (!(await answers(client, daemon, interruption))) return interruption.aborted ? 0 : await ended;
    const { nodeName } = await client.status();
    const held = await Promise.all(options.pods.map((pod) => addPod(pod, nodeName, { client, start, ...options })));
    options.say(`${nodeName} is up. Try: docker compose exec ${nodeName} weft matrix`);
    const lost = held.map(({ process, name }) => once(process, 'exit').then(() => name));
    const end = await Promise.race([ended, ...lost, aborted(interruption).then(() => 0)]);
    if (typeof end === 'number') return end;
    options.say(`the process that held pod ${end} has ended, and so does this node`);
    return 1;
  } finally {
    await endAll(children);
  }
}

interface PodTools extends ContainerNodeOptions {
  readonly client: ControlClient;
  readonly start: (program: string, args: readonly string[]) => ChildProcess;
}

async function addPod(
  { name, addresses }: ContainerPod,
  nodeName: string,
  { client, start, greeted, say }: PodTools,
): Promise<{ name: string; process: ChildProcess }> {
  const program = [process.execPath, ...POD_NODE_OPTIONS, beside('hello')];
  const others = greeted.filter((host) => host.split('.')[0] !== name && !addresses.includes(host));
  const child = start('unshare', ['--net', '--', ...program, name, nodeName, ...others]);
  const pid = child.pid ?? 0;
  // Until unshare(1) has made it, the namespace is still the node's own.
  while (child.exitCode === null && namespaceIdentity(`/proc/${pid}/ns/net`) === namespaceIdentity('/proc/self/ns/net'))
    await sleep(POLL_MS);
  const pod = await client.addPod(name, { pid, ...(addresses.length > 0 && { addresses }) });
  say(`pod ${name} has ${pod.addresses.join(' and ')}`);
  return { name, process: child };
}

/** Waits until the daemon answers. @returns whether it does: no, if it ended, or nobody waits any more. */
async function answers(client: ControlClient, daemon: ChildProcess, interruption: AbortSignal): Promise<boolean> {
  for (;;) {
    if (daemon.exitCode !== null || daemon.signalCode !== null || interruption.aborted) return false;
    try {
      await client.status();
      return true;
    } catch {
      await sleep(POLL_MS);
    }
  }
}

/** The daemon in order, and pods with it. */
async function endAll(children: ReadonlySet<ChildProcess>): Promise<void> {
  const ends = [...children].map((child) => once(child, 'exit'));
  for (const child of children) child.kill('SIGTERM');
  const timer = setTimeout(() => {
    for (const child of children) child.kill('SIGKILL');
  }, STOP_DEADLINE_MS);
  await Promise.all(ends);
  clearTimeout(timer);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** A program of this room, or near it: source or compiled, as this one is. */
function beside(path: string): string {
  return join(import.meta.dirname, `${path}${extname(import.meta.filename)}`);
}
