/** `weft lab list`: the labs of this machine. */
import { runningDaemon } from './daemon-process.ts';
import { existingNamespaces, labNames, nodeFiles, nodesOnDisk } from './lab-directory.ts';

/** A lab in short. Keys are stable. */
export interface ListedLab {
  readonly name: string;
  readonly nodes: number;
  /** Nodes whose daemon runs. */
  readonly running: number;
  /** Network namespaces that have the lab's names. */
  readonly namespaces: number;
}

/** All of them, by name; what a crash left of one is one. */
export function listLabs(): ListedLab[] {
  return labNames().map((name) => {
    const nodes = nodesOnDisk(name);
    return {
      name,
      nodes: nodes.length,
      running: nodes.filter((node) => runningDaemon(nodeFiles(name, node)) !== undefined).length,
      namespaces: existingNamespaces(name).length,
    };
  });
}
