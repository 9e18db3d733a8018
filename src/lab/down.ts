/** `weft lab down`. */
import { basename } from 'node:path';
import { isPlaceReachable, removeOwnNamespace } from '../daemon/pods/pod-namespace.ts';
import { readStoredPods } from '../daemon/pods/stored-pods.ts';
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
 * is in them, those that its daemons made for pods, its files. Works from names and files alone, so also on what a crash has
 * left; nothing there is no error.
 */
export async function takeDown(labName: string): Promise<DownReport> {
  checkLabName(labName);
  const namespaces = existingNamespaces(labName);
  const daemons = nodesOnDisk(labName).flatMap((node) => runningDaemon(nodeFiles(labName, node)) ?? []);
  // What `pod add --new` made has a name of its own; the daemon's record tells that it is ours.
  const made = nodesOnDisk(labName)
    .flatMap((node) => readStoredPods(nodeFiles(labName, node).stateDir))
    .filter((pod) => pod.ownsNetns && isPlaceReachable(pod) && !namespaces.includes(basename(pod.netns)));
  const paths = [...namespaces.map(namespacePath), ...made.map(({ netns }) => netns)];
  const strangers = processesInNamespaces(paths).filter((found) => !daemons.some(({ pid }) => pid === found.pid));
  const processes = [...daemons, ...strangers];
  await endProcesses(processes, 'SIGTERM');
  if (namespaces.length > 0) {
    await runCommand(['ip', '-batch', '-'], {
      purpose: `remove the namespaces of lab ${labName}`,
      input: namespaces.map((netns) => `netns del ${netns}\n`).join(''),
    });
  }
  for (const pod of made) await removeOwnNamespace(pod);
  const files = removeLabDirectory(labName);
  return { name: labName, namespaces: paths.length, processes: processes.length, files };
}
