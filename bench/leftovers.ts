/**
 * What a run that was killed, and could not clean up, has left: daemons, namespaces, files. All carry the name of the run,
 * and that the process that made them, which is no more.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcesses } from '../src/lab/daemon-process.ts';
import { removeLabDirectory } from '../src/lab/lab-directory.ts';
import { processesInNamespaces } from '../src/lab/process-identity.ts';
import { runCommand } from '../src/linux/command.ts';

const NAMESPACES = '/run/netns';
const NAME = /^(weftbench(\d+))-/;

/** What the names of everything that this run makes begin with. */
export function runName(): string {
  return `weftbench${process.pid}`;
}

/** Removes what earlier runs left; nothing of one that still runs. */
export async function removeLeftovers(): Promise<void> {
  const namespaces = leftIn(NAMESPACES);
  await endProcesses(processesInNamespaces(namespaces.map((netns) => join(NAMESPACES, netns))), 'SIGTERM');
  await removeNamespaces(namespaces);
  for (const netns of namespaces) removeLabDirectory(NAME.exec(netns)?.[1] ?? netns);
  for (const directory of leftIn(tmpdir())) rmSync(join(tmpdir(), directory), { recursive: true, force: true });
}

/** Removes named namespaces, those that there are, and with them every device in them. */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  for (const netns of names.filter((name) => existsSync(join(NAMESPACES, name)))) {
    await runCommand(['ip', 'netns', 'delete', netns], { purpose: `remove the namespace ${netns}` });
  }
}

function leftIn(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => {
    const pid = NAME.exec(name)?.[2];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
}
