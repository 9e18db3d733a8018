/** The configuration of a lab node's daemon: the same file that a real machine would have. Pure. */
import type { NodeFiles } from './lab-directory.ts';
import { bareAddress } from './topology.ts';
import type { LabPlan, NodePlan } from './topology.ts';

/** Content of `config.yaml`, as an object. */
export function nodeConfig(plan: LabPlan, node: NodePlan, files: NodeFiles): object {
  return {
    nodeName: node.name,
    // Said, and not left to the daemon's choice: a lab of one node has no seed that a route could lead to.
    underlay: { address: bareAddress(node.underlayAddresses[0]!) },
    clusterPrefixes: plan.clusterPrefixes,
    nodePrefixes: node.prefixes,
    gossip: { seeds: node.seeds },
    stateDir: files.stateDir,
    control: { socket: files.socket, readOnlySocket: files.readOnlySocket },
    // Between nodes that agree on it, inner checksums are left to the outer one: right, but not what a capture expects.
    ...(plan.spec.plainUnderlay && { dataplane: { remoteChecksum: 'off' } }),
    logLevel: 'info',
  };
}
