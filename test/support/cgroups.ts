/** Control groups in which container runtimes of a test put their tasks. */
import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './program.ts';
import { until } from './until.ts';

const CGROUPS = '/sys/fs/cgroup';

/** A task that is killed ends at once, on a machine that has the time. */
const DEADLINE_MS = 60_000;

/** Ends every task in the groups of this name, and waits for it. */
export async function killTasksOf(name: string): Promise<void> {
  const trees = treesOf(name);
  if (trees.length === 0) return;
  const list = 'find "$@" -name cgroup.procs -exec cat {} + | sort -u';
  await until(
    `no task is left in ${name}`,
    async () => {
      await runProgram(['sh', '-c', `${list} | xargs -r kill -KILL`, 'sh', ...trees]);
      return (await runProgram(['sh', '-c', list, 'sh', ...trees])).stdout === '';
    },
    DEADLINE_MS,
  );
}

/** Removes the groups of this name, and those in them. */
export function removeCgroups(name: string): void {
  const remove = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) remove(join(directory, entry.name));
    rmdirSync(directory);
  };
  for (const tree of treesOf(name)) remove(tree);
}

/** Of version 1 there is a tree for each controller; of version 2, one. */
function treesOf(name: string): string[] {
  const roots = [CGROUPS, ...readdirSync(CGROUPS).map((controller) => join(CGROUPS, controller))];
  return roots.flatMap((root) => {
    try {
      return readdirSync(root).includes(name) ? [join(root, name)] : [];
    } catch {
      // A file, not a controller.
      return [];
    }
  });
}
