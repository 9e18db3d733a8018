/** The configuration of a lab node's daemon: the same file that a real machine would have. Pure. */
import type { NodeFiles } from './lab-directory.ts';
import { withSettings } from './settings.ts';
import type { LabPlan, NodePlan } from './topology.ts';
import { UNDERLAY_DEVICE } from './underlay-links.ts';

/** Content of `config.yaml`, as an object. */
export function nodeConfig(plan: LabPlan, node: NodePlan, files: NodeFiles): object {
  const config = {
    nodeName: node.name,
    // Said, and not left to the daemon's choice: a lab of one node has no seed that a route could lead to. Not the address,
    // which may change while the daemon runs.
    underlay: { interface: UNDERLAY_DEVICE },
    clusterPrefixes: plan.clusterPrefixes,
    nodePrefixes: node.prefixes,
    gossip: { seeds: node.seeds, keyFile: files.keyFile },
    stateDir: files.stateDir,
    control: { socket: files.socket, readOnlySocket: files.readOnlySocket },
    capture: { remote: 'on' },
    faults: 'on',
    // Namespaces have names on the whole machine, and another lab or node may have a pod of that name, too.
    pods: { netnsPrefix: `${node.netns}-` },
    // Between nodes that agree on it, inner checksums are left to the outer one: right, but not what a capture expects.
    ...(plan.spec.plainUnderlay && { dataplane: { remoteChecksum: 'off' } }),
    logLevel: 'info',
  };
  return withSettings(config, plan.spec.settings);
}
