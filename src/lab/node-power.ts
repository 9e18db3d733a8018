/** `weft lab kill`, `stop` and `start`: a node's daemon goes away in one of two ways, and comes back. */
import { endDaemon, startDaemon } from './daemon-process.ts';
import { findNode, loadLab, nodeFiles } from './lab-directory.ts';

/** `kill -9`: no goodbye to the others, who must find out. Whether a daemon was running. */
export async function killNode(labName: string, nodeName: string): Promise<boolean> {
  const node = findNode(loadLab(labName), nodeName);
  return endDaemon(nodeFiles(labName, node.name), 'SIGKILL');
}

/** An orderly stop; the daemon's pods and routes stay. Whether a daemon was running. */
export async function stopNode(labName: string, nodeName: string): Promise<boolean> {
  const node = findNode(loadLab(labName), nodeName);
  return endDaemon(nodeFiles(labName, node.name), 'SIGTERM');
}

/** Starts the daemon again, with the state it left, and waits until it answers. @throws ConflictError `lab-node-running`. */
export async function startNode(labName: string, nodeName: string): Promise<void> {
  const plan = loadLab(labName);
  await startDaemon(plan, findNode(plan, nodeName));
}
