/** All of the cluster but the nodes that are measured: the API server, and nodes that are there in gossip only. In this process. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { macOfIdentity } from '../../src/daemon/state/node-identity.ts';
import type { Announcement } from '../../src/membership/announcement.ts';
import { GOSSIP_PORT } from '../../src/membership/parameters.ts';
import { type Endpoint, parseEndpoint, parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { VXLAN_PORT } from '../../src/wire/vxlan.ts';
import { kubeconfigOf } from '../../test/support/kubeconfig.ts';
import { KubernetesDouble, type ObjectLine } from '../../test/support/kubernetes-double.ts';
import { PopulationGossip } from '../gossip/population-gossip.ts';
import { NETWORK } from '../gossip/population-member.ts';
import { type BenchNode, ip } from '../site.ts';
import * as cluster from './policy-cluster.ts';

/** Of this process, for all nodes. */
const ADDRESS = '198.18.3.1';

/** Underlay addresses of nodes that are not there, and where nobody answers. */
const NOWHERE = '198.18.64.0/18';

/** The first of the other nodes, whose pods change. */
const TELLING_NODE = 1;

export class World implements AsyncDisposable {
  readonly #api = new KubernetesDouble();
  readonly #cleanUp = new AsyncDisposableStack();
  #gossip: PopulationGossip | undefined;
  #podsToldMs = Infinity;
  #kubeconfig = '';

  /** What all daemons are to be told. Their gossip begins here. */
  get config(): object {
    return {
      kubernetes: { enabled: 'on', kubeconfig: this.#kubeconfig },
      clusterPrefixes: cluster.CLUSTER_PREFIXES,
      gossip: { seeds: [`${ADDRESS}:${GOSSIP_PORT}`] },
    };
  }

  /**
   * Begins to answer. @param nodes that reach it, from whose namespaces a cable leads here. @param keyFile of the gossip of all.
   * @param directory for files
   */
  async open(nodes: readonly BenchNode[], keyFile: string, directory: string): Promise<void> {
    await ip(['link set lo up', `address add ${ADDRESS}/32 dev lo`, `route add local ${NOWHERE} dev lo`]);
    for (const [index, node] of nodes.entries()) await connect(node, index + 1);
    const { place } = this.#cleanUp.use(await this.#api.open(ADDRESS));
    this.#kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(this.#kubeconfig, kubeconfigOf(place));
    const endpoint = parseEndpoint(`${ADDRESS}:${GOSSIP_PORT}`)!;
    const others = Array.from({ length: cluster.OTHER_NODES }, (_, index) => ({
      announcement: announcementOf(TELLING_NODE + index, endpoint),
      pods: cluster.announcedPods(TELLING_NODE + index),
    }));
    this.#gossip = await PopulationGossip.open({
      endpoint,
      nodes: others,
      keyFile,
      onPodsTold: () => (this.#podsToldMs = performance.now()),
    });
    this.#cleanUp.defer(async () => this.#gossip?.close());
    const names = [...nodes.map(({ name }) => name), ...others.map(({ announcement }) => announcement.name)];
    for (const name of names)
      this.tell({ resource: 'nodes', object: { metadata: { name, uid: `u-${name}` } as never } });
    for (let index = 0; index < cluster.NAMESPACES; index++) this.tellNamespace(index);
  }

  /** To all daemons that watch, at once. */
  tell(line: ObjectLine): void {
    this.#api.tell(line);
  }

  /** @param labels in the place of its own */
  tellNamespace(index: number, labels: cluster.Labels = {}): void {
    const metadata = { name: cluster.namespaceName(index), labels: { ...cluster.namespaceLabels(index), ...labels } };
    this.tell({ resource: 'namespaces', object: { metadata } });
  }

  /** @param revision another one has other rules */
  tellPolicy(index: number, revision = 0, isGone = false): void {
    this.tell({ resource: 'networkpolicies', object: cluster.policyObject(index, revision), isGone });
  }

  /** A Pod of a node that is measured. @param labels in the place of its own */
  tellPod(nodeName: string, pod: cluster.ClusterPod, labels: cluster.Labels = {}): void {
    const { namespace, name } = pod;
    const containers = [
      { name: 'c', ports: cluster.ports.map(({ port, ...rest }) => ({ ...rest, containerPort: port })) },
    ];
    const metadata = { namespace, name, uid: uidOf(pod), labels: { ...pod.labels, ...labels } };
    this.tell({ resource: 'pods', object: { metadata, spec: { nodeName, containers } as never } });
  }

  /** The first of the other nodes has these pods. @returns when somebody was told first, which takes a second or so: ask {@link podsToldMs} */
  replacePods(labels: readonly cluster.Labels[] | undefined): void {
    this.#podsToldMs = Infinity;
    this.#gossip?.replacePods(labels === undefined ? [] : cluster.announcedPods(TELLING_NODE, labels));
  }

  /** When somebody was first told of the last {@link replacePods}, as of `performance.now`. */
  get podsToldMs(): number {
    return this.#podsToldMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp.disposeAsync();
  }
}

export function uidOf({ namespace, name }: cluster.ClusterPod): string {
  return `u-${namespace}-${name}`;
}

/** A cable between a node and this process, beside that between nodes. */
async function connect(node: BenchNode, number: number): Promise<void> {
  const [here, there] = [`198.18.4.${number * 4 + 1}`, `198.18.4.${number * 4 + 2}`];
  await ip([
    `link add name world-${node.name} type veth peer name world netns ${node.netns}`,
    `address add ${here}/30 dev world-${node.name}`,
    `link set world-${node.name} up`,
  ]);
  await ip(
    [
      `address add ${there}/30 dev world`,
      'link set world up',
      `route add ${ADDRESS}/32 via ${here}`,
      `route add ${NOWHERE} via ${here}`,
    ],
    node.netns,
  );
  await ip([`route add ${node.underlayAddress}/32 via ${there}`]);
}

function announcementOf(node: number, gossipEndpoint: Endpoint): Announcement {
  const identity = createHash('sha256').update(`policy node ${node}`).digest('hex').slice(0, 32);
  return {
    identity,
    name: `node-${node}`,
    network: NETWORK,
    gossipEndpoint,
    dataEndpoints: [
      { gear: 'userspace', endpoint: { address: parseIpAddress(`198.18.64.${node}`)!, port: VXLAN_PORT } },
    ],
    mac: macOfIdentity(identity),
    nodeAddresses: cluster.nodeAddresses(node).map((text) => parseIpAddress(text)!),
    prefixes: cluster.nodePrefixes(node).map((text) => parsePrefix(text)!),
    mtuBytes: 1450,
    version: '0.1.0',
    capabilities: ['remote-checksum', 'relay'],
    keyIds: [],
    pathReports: [],
  };
}
