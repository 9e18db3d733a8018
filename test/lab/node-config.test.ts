import test from 'ava';
import { nodeFiles } from '../../src/lab/lab-directory.ts';
import { nodeConfig } from '../../src/lab/node-config.ts';
import { planLab } from '../../src/lab/topology.ts';

test('a node is configured like a real machine, with everything of its own in the directory of the lab', (t) => {
  const plan = planLab({
    name: 'blue',
    nodes: 2,
    podsPerNode: 0,
    underlayMtuBytes: 1500,
    ipv6Underlay: false,
    plainUnderlay: false,
    settings: {},
  });
  t.deepEqual(nodeConfig(plan, plan.nodes[0]!, nodeFiles('blue', 'n1')), {
    nodeName: 'n1',
    underlay: { interface: 'eth0' },
    clusterPrefixes: ['10.244.0.0/16', 'fd00:10:244::/48'],
    nodePrefixes: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
    gossip: { seeds: ['198.18.0.2'], keyFile: '/run/weft-lab/blue/gossip.key' },
    stateDir: '/run/weft-lab/blue/n1/state',
    control: { socket: '/run/weft-lab/blue/n1/weft.sock', readOnlySocket: '/run/weft-lab/blue/n1/weft-ro.sock' },
    capture: { remote: 'on' },
    faults: 'on',
    pods: { netnsPrefix: 'blue-n1-' },
    logLevel: 'info',
  });
});

test('on a plain underlay every packet has a complete checksum', (t) => {
  const plan = planLab({
    name: 'blue',
    nodes: 1,
    podsPerNode: 0,
    underlayMtuBytes: 1500,
    ipv6Underlay: false,
    plainUnderlay: true,
    settings: {},
  });
  const config = nodeConfig(plan, plan.nodes[0]!, nodeFiles('blue', 'n1')) as { dataplane: object };
  t.deepEqual(config.dataplane, { remoteChecksum: 'off' });
});
