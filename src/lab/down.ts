/** `weft lab down`. */
import { runCommand } from '../linux/command.ts';
import { endProcesses, runningDaemon } from './daemon-process.ts';
import { existingNamespaces, namespacePath, nodeFiles, nodesOnDisk, removeLabDirectory } from './lab-directory.ts';
import { processesInNamespaces } from './process-identity.ts';
import { checkLabName } from './topology.ts';

/** What was there and is gone. */
export interface DownReport {
  readonly name: string;
  readonly namespaces: number;
  readonly processes: number;
  /** Whether the lab had files. */
  readonly files: boolean;
}

/**
 * Removes everything of a lab: its processes, those that others started in its namespaces, the namespaces with all that
 * is in them, its files. Works from names alone, so also on what a crash has left; nothing there is no error.
 */
export async function takeDown(labName: string): Promise<DownReport> {
  checkLabName(labName);
  const namespaces = existingNamespaces(labName);
  const daemons = nodesOnDisk(labName).flatMap((node) => runningDaemon(nodeFiles(labName, node)) ?? []);
  const strangers = processesInNamespaces(namespaces.map(namespacePath)).filter(
    (found) => !daemons.some(({ pid }) => pid === found.pid),
  );
  const processes = [...daemons, ...strangers];
  await endProcesses(processes, 'SIGTERM');
  if (namespaces.length > 0) {
    await runCommand(['ip', '-batch', '-'], {
      purpose: `remove the namespaces of lab ${labName}`,
      input: namespaces.map((netns) => `netns del ${netns}\n`).join(''),
    });
  }
  const files = removeLabDirectory(labName);
  return { name: labName, namespaces: namespaces.length, processes: processes.length, files };
}
