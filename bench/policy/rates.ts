/**
 * What policies cost packets: traffic between two pods of one node, and of two, while six policies select both, and while none does. The
 * first packet of a flow is judged, of TCP as of UDP that nobody answers; those behind it are asked one rule, whatever the number of policies.
 */
import { readFileSync } from 'node:fs';
import { enterNetworkNamespace } from '../../src/linux/network-namespace.ts';
import { type SwitchedTraffic, tcpRatio, udpRatio } from '../within-run.ts';
import * as cluster from './policy-cluster.ts';
import type { LabPod, PolicyLab } from './policy-lab.ts';

/** Per pair: the rate with policies to the rate without. */
export interface RateFigures {
  readonly title: string;
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/** Where the pods are: the first has traffic to the second, and to the third. */
const pods = ['from', 'near', 'far'].map((name): cluster.ClusterPod => ({
  namespace: cluster.namespaceName(0),
  name,
  labels: { app: 'service-1', tier: 'backend', traffic: 'yes' },
}));

/** Who has traffic may have it. By its name it is asked last. */
const traffic = {
  metadata: { namespace: cluster.namespaceName(0), name: 'traffic' },
  spec: trafficSpec(),
};

/** @param lab with all policies, and left so */
export async function measureRates(
  lab: PolicyLab,
  pairs: number,
  progress: (step: string) => void,
): Promise<readonly RateFigures[]> {
  const { pods: here } = await lab.attach(lab.a, pods.slice(0, 2));
  const { pods: there } = await lab.attach(await lab.startSecond(), pods.slice(2));
  const [from, near, far] = [...here, ...there] as [LabPod, LabPod, LabPod];
  // Without them the pods have no policy. All others stay.
  await setTraffic(lab, false);
  const figures: RateFigures[] = [];
  for (const [title, to] of [
    ['within a node', near],
    ['between two nodes', far],
  ] as const) {
    const switched = trafficBetween(lab, from, to);
    const [tcp, udp]: number[][] = [[], []];
    for (let pair = 0; pair < pairs; pair++) {
      progress(`traffic ${title}: pair ${pair + 1} of ${pairs}`);
      tcp!.push(await tcpRatio(switched, pair));
      udp!.push(await udpRatio(switched, pair));
    }
    figures.push({ title, tcp: tcp!, udp: udp! });
  }
  await setTraffic(lab, true);
  return figures;
}

function trafficBetween(lab: PolicyLab, from: LabPod, to: LabPod): SwitchedTraffic {
  return {
    ends: { a: { podNetns: from.netns }, b: { podNetns: to.netns, podAddress: to.address } },
    arrived: async () => Promise.resolve(receivedBytes(to.netns)),
    turnOn: async () => {
      await setTraffic(lab, true);
      return async () => setTraffic(lab, false);
    },
  };
}

/** Policies of the namespace are there, or not. What allows the traffic is there first, and goes last. */
async function setTraffic({ world, table }: PolicyLab, isThere: boolean): Promise<void> {
  const tellTraffic = (): void => world.tell({ resource: 'networkpolicies', object: traffic, isGone: !isThere });
  await table.after(() => {
    if (isThere) tellTraffic();
    for (let index = 0; index < cluster.POLICIES; index += cluster.NAMESPACES) world.tellPolicy(index, 0, !isThere);
    if (!isThere) tellTraffic();
  }, QUIET_MS);
}

/** What the interface of a pod received, in bytes. */
function receivedBytes(netns: string): number {
  const leave = enterNetworkNamespace(`/run/netns/${netns}`);
  try {
    const text = readFileSync('/proc/thread-self/net/dev', 'utf8');
    return Number(/^\s*eth0:\s*(\d+)/m.exec(text)![1]);
  } finally {
    leave();
  }
}

function trafficSpec(): object {
  const others = [{ podSelector: { matchLabels: { traffic: 'yes' } } }];
  const ports = [
    { protocol: 'TCP', port: 5_201 },
    { protocol: 'UDP', port: 9_000 },
  ];
  return {
    podSelector: { matchLabels: { traffic: 'yes' } },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ from: others, ports }],
    egress: [{ to: others, ports }],
  };
}

/** When nothing follows for so long, in ms, all of the policies are there. */
const QUIET_MS = 300;
