/** `weft lab exec`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { NotFoundError } from '../errors.ts';
import { existingNamespaces, loadLab, namespacePath, nodeFiles } from './lab-directory.ts';

/** Exit code of a shell for a program that ended by signal N: 128 + N. */
const SIGNAL_EXIT_BASE = 128;

/**
 * Runs a command in the network namespace of `target`: a node (`n1`), a pod (`n1-p1`), `world` or `switch`. It has this
 * process's terminal; in a node, `WEFT_SOCKET` leads to that node's daemon.
 *
 * @returns its exit code.
 * @throws NotFoundError `lab-target-not-found`, naming those there are.
 */
export async function execIn(labName: string, target: string, command: readonly string[]): Promise<number> {
  const plan = loadLab(labName);
  const netns = target.startsWith(`${labName}-`) ? target : `${labName}-${target}`;
  const existing = existingNamespaces(labName);
  if (!existing.includes(netns)) {
    const names = existing.map((each) => each.slice(labName.length + 1)).sort();
    throw new NotFoundError('lab-target-not-found', `lab ${labName} has no ${target}; it has ${names.join(', ')}`);
  }
  const node = plan.nodes.find((each) => each.netns === netns);
  const child = spawn('nsenter', [`--net=${namespacePath(netns)}`, '--', ...command], {
    stdio: 'inherit',
    env: { ...process.env, ...launcherOnPath(), ...(node && { WEFT_SOCKET: nodeFiles(labName, node.name).socket }) },
  });
  // Ctrl-C reaches the command through the terminal; what it does about it is its own affair.
  process.on('SIGINT', doNothing);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  process.off('SIGINT', doNothing);
  return code ?? SIGNAL_EXIT_BASE + constants.signals[signal ?? 'SIGKILL'];
}

/** In a checkout, `weft` is its launcher, unless another one is installed. */
function launcherOnPath(): NodeJS.ProcessEnv {
  const scripts = join(import.meta.dirname, '..', '..', 'scripts');
  return existsSync(join(scripts, 'weft')) ? { PATH: `${process.env['PATH'] ?? ''}:${scripts}` } : {};
}

function doNothing(): void {}
