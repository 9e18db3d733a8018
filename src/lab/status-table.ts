/** A lab's status as text, within 80 columns. Pure. */
import type { LabNodeStatus, LabStatus } from './status.ts';

/** A block per node: its process and endpoint, its prefixes, and a line for each pod. */
export function formatLabStatus(status: LabStatus): string {
  return status.nodes.map(formatNode).join('');
}

function formatNode(node: LabNodeStatus): string {
  const process = node.pid === null ? 'down' : `up, pid ${node.pid}`;
  const pods = node.pods.map(
    (pod) => `  ${`${node.name}/${pod.name}`.padEnd(8)}  ${pod.addresses.join('  ') || '-'}\n`,
  );
  return `${node.name}  ${process}  ${node.endpoint}  ${node.prefixes.join('  ')}\n${pods.join('')}`;
}
