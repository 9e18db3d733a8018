/** `weft lab exec`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { environmentOf, findPlace, type Place } from './places.ts';
import { resolverFile } from './resolver-file.ts';

/** Exit code of a shell for a program that ended by signal N: 128 + N. */
const SIGNAL_EXIT_BASE = 128;

/**
 * Runs a command in the network namespace of `target`: a node (`n1`), a pod (`n1/p1`), `world` or `switch`. It has this
 * process's terminal; in a node and its pods, `WEFT_SOCKET` leads to the node's daemon.
 *
 * @returns its exit code.
 * @throws NotFoundError `lab-target-not-found`, naming those there are.
 */
export async function execIn(labName: string, target: string, command: readonly string[]): Promise<number> {
  return await runAt(labName, await findPlace(labName, target), command);
}

/** As {@link execIn}, with the place found already. */
export async function runAt(labName: string, place: Place, command: readonly string[]): Promise<number> {
  const inside = [`--net=${place.netns}`, '--', ...withResolver(labName, place), ...command];
  const child = spawn('nsenter', inside, {
    stdio: 'inherit',
    env: { ...process.env, ...launcherOnPath(), ...environmentOf(labName, place) },
  });
  // Ctrl-C reaches the command through the terminal; what it does about it is its own affair.
  process.on('SIGINT', doNothing);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  process.off('SIGINT', doNothing);
  return code ?? SIGNAL_EXIT_BASE + constants.signals[signal ?? 'SIGKILL'];
}

/**
 * What runs a command of a pod so that it asks the pod's node for names, as it would in a container. Not in a node, whose own resolver it
 * is that counts there; and what it mounts, such as by `ip netns add`, would be seen by nobody else.
 */
function withResolver(labName: string, { name }: Place): string[] {
  const file = name.includes('/') ? resolverFile(labName) : undefined;
  const script = 'mount --bind "$0" /etc/resolv.conf 2>/dev/null; exec "$@"';
  return file === undefined ? [] : ['unshare', '--mount', '--', 'sh', '-c', script, file];
}

/** In a checkout, `weft` is its launcher, unless another one is installed. */
function launcherOnPath(): NodeJS.ProcessEnv {
  const scripts = join(import.meta.dirname, '..', '..', 'scripts');
  return existsSync(join(scripts, 'weft')) ? { PATH: `${process.env['PATH'] ?? ''}:${scripts}` } : {};
}

function doNothing(): void {}
