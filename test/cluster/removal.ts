/** Taking a cluster down: works from names and files alone, so also on what a crash has left. */
import { join } from 'node:path';
import { endProcesses } from '../../src/lab/daemon-process.ts';
import { existingNamespaces, namespacePath } from '../../src/lab/lab-directory.ts';
import { processesInNamespaces } from '../../src/lab/process-identity.ts';
import { runCommand } from '../../src/linux/command.ts';
import { killTasksOf, removeCgroups } from '../support/cgroups.ts';
import { unmountBelow } from '../support/mounts.ts';
import { Background } from './background.ts';
import { nodesOnDisk } from './node.ts';
import { checkClusterName, clusterDirectory, namespacesPrefix, removeClusterDirectory } from './places.ts';

/** What was there and is gone. */
export interface Removal {
  readonly namespaces: number;
  readonly processes: number;
  /** Whether the cluster had files. */
  readonly files: boolean;
}

/** Removes everything of a cluster: processes, namespaces, control groups, mounts, files. Nothing there is no error. */
export async function takeDown(name: string): Promise<Removal> {
  checkClusterName(name);
  const directory = clusterDirectory(name);
  const namespaces = existingNamespaces(namespacesPrefix(name));
  const nodes = [...new Set([...nodesOnDisk(directory), ...namespaces.flatMap(nodeOf)])];
  const backgrounds = [join(directory, 'control-plane'), ...nodes.map((node) => join(directory, node, 'programs'))].map(
    (place) => new Background(place),
  );
  const started = backgrounds.flatMap((background) => background.names.flatMap((one) => background.process(one) ?? []));
  const inside = processesInNamespaces(namespaces.map(namespacePath));
  // At once: what is in a node ends with its first process, and a kubelet that goes in order would only be slow about it.
  const processes = new Map([...started, ...inside].map((one) => [one.pid, one]));
  await endProcesses([...processes.values()], 'SIGKILL');
  for (const node of nodes) {
    const cgroup = `weft-${namespacesPrefix(name)}-${node}`;
    await killTasksOf(cgroup);
    removeCgroups(cgroup);
  }
  if (namespaces.length > 0) {
    await runCommand(['ip', '-batch', '-'], {
      purpose: `remove the namespaces of cluster ${name}`,
      input: namespaces.map((netns) => `netns del ${netns}\n`).join(''),
    });
  }
  await unmountBelow(directory);
  const files = removeClusterDirectory(name);
  return { namespaces: namespaces.length, processes: processes.size, files };
}

/** The node that a namespace is of. */
function nodeOf(netns: string): string[] {
  const [node] = /n\d+$/.exec(netns) ?? [];
  return node === undefined ? [] : [node];
}
