/** Names of pods, nodes and services, put together: who is called what, where it is answered, and whom pods of this node are. */
import type { Pod } from '../api/control-api.ts';
import type { PodIndex } from '../directory/pod-index.ts';
import { descriptorLimit } from '../linux/descriptors.ts';
import type { Member, MemberChange } from '../membership/announcement.ts';
import type { NamedNode } from '../names/name-table.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../wire/address.ts';
import { parsePrefix } from '../wire/prefix.ts';
import type { Composition } from './composition.ts';
import { POD_GATEWAY } from './host/pod-devices.ts';
import type { NameAddress } from './names/name-listener.ts';
import { Names, type ServicesToName } from './names/names.ts';
import type { NamesPlace } from './names/names-messages.ts';
import { packAddresses } from './names/packed-addresses.ts';
import type { Pods } from './pods/pods.ts';
import type { Gossip } from './gossip/gossip.ts';
import type { ThreadReserve } from './process/thread-reserve.ts';
import type { Resources } from './resources.ts';
import type { ThisNode } from './this-node.ts';

const RESOLVER_FILE = '/etc/resolv.conf';

/** What is kept of descriptors, and the share of the others that sockets at the IPv6 gateways of pods may take: two for each pod. */
const KEPT_DESCRIPTORS = 1_024;
const GATEWAY_SHARE = 1 / 4;

export interface NamesParts {
  readonly node: ThisNode;
  readonly pods: Pods;
  /** Of another node that is a member. */
  readonly podsOf: PodIndex['of'];
  /** None until gossip has begun. */
  readonly members: () => readonly Member[];
  /** Whether this node has heard of others, if there are said to be any, and of the pods of all that it has heard of: of some, maybe, not yet. */
  readonly isSettled: () => boolean;
  /** Absent: services have no names. */
  readonly services?: ServicesToName;
  readonly resources: Resources;
  readonly reserve: ThreadReserve;
}

/** What has names and is told of changes. */
export interface ComposedNames {
  readonly names: Names;
  podsChanged(): void;
  membersChanged(changes: readonly MemberChange[]): void;
  /** Pods of these nodes are not what they were. */
  nodesChanged(identities: readonly string[]): void;
  /** Services, or backends of those that are headless, are not what they were. */
  servicesChanged(): void;
}

/** Begins to answer; `undefined` if the configuration does not want it. */
export function composeNames(
  { config, events, logger, opened }: Composition,
  { node, pods, podsOf, members, isSettled, services, resources, reserve }: NamesParts,
): ComposedNames | undefined {
  const { enabled, domain, ttlSeconds, resolvers } = config.names;
  if (!enabled) return undefined;
  const names = new Names({
    domain,
    nodeName: config.nodeName,
    clusterPrefixes: config.clusterPrefixes,
    ttlSeconds,
    resolvers,
    resolverFile: RESOLVER_FILE,
    mostDescriptors: () => resources.doors.descriptors.mostOfNames,
    identities: () => new Set([node.identity, ...members().map(({ announcement }) => announcement.identity)]),
    node: (identity) => {
      // At once, and not when gossip has begun.
      if (identity === node.identity)
        return { name: config.nodeName, addresses: node.nodeAddresses, pods: pods.list().filter(isThere).map(named) };
      const member = members().find(({ announcement }) => announcement.identity === identity);
      if (member === undefined || member.state === 'dead' || member.state === 'left') return undefined;
      const { name, nodeAddresses } = member.announcement;
      const others = podsOf(identity).filter(({ isSuperseded }) => !isSuperseded);
      return { name, addresses: nodeAddresses, pods: packed(others) };
    },
    ...(services === undefined ? {} : { services }),
    place: () => placeOf(node.nodeAddresses, pods.list().filter(isThere)),
    isSettled,
    events,
    logger,
    nowMs: () => performance.now(),
    reserve,
  });
  opened.defer(() => names.close());
  return {
    names,
    podsChanged: () => {
      names.placeChanged();
      names.nodeChanged(node.identity);
    },
    nodesChanged: (identities) => {
      for (const identity of identities) names.nodeChanged(identity);
    },
    servicesChanged: () => names.servicesChanged(),
    membersChanged: (changes) => {
      for (const { before, after } of changes) names.nodeChanged((after ?? before)!.announcement.identity);
    },
  };
}

/** Whether gossip has found the cluster, as far as this node can tell. @param members this node included */
export function isSettled({ hasSeeds }: Pick<Gossip, 'hasSeeds'>, members: readonly Member[]): boolean {
  return members.filter(({ state }) => state === 'alive').length > (hasSeeds ? 1 : 0);
}

/** Where names are answered: at the node's own addresses, and at the gateway of pods, which over IPv6 is another one at each device. */
function placeOf(nodeAddresses: readonly IpAddress[], pods: readonly Pod[]): NamesPlace {
  const asking = pods.map(({ hostDevice, addresses, allowSources }) => ({
    device: hostDevice,
    addresses: addresses.flatMap((text) => parseIpAddress(text) ?? []),
    allowSources: allowSources.flatMap((text) => parsePrefix(text) ?? []),
  }));
  const hasFamily = (family: 4 | 6) => (pod: (typeof asking)[number]) =>
    pod.addresses.some((address) => address.family === family);
  const mostGateways = Math.max(0, Math.floor((descriptorLimit() - KEPT_DESCRIPTORS) * GATEWAY_SHARE));
  const addresses: NameAddress[] = [
    ...nodeAddresses.map((address) => ({ host: formatIpAddress(address) })),
    ...(asking.some(hasFamily(4)) ? [{ host: POD_GATEWAY[4] }] : []),
    ...asking
      .filter(hasFamily(6))
      .slice(0, mostGateways / 2)
      .map(({ device }) => ({ host: `${POD_GATEWAY[6]}%${device}`, device })),
  ];
  const gateways = [POD_GATEWAY[4], POD_GATEWAY[6]].flatMap((text) => parseIpAddress(text) ?? []);
  return { addresses, own: [...nodeAddresses, ...gateways], pods: asking };
}

/** What the thread needs of pods. */
function packed(pods: NamedNode['pods']): NamedNode['pods'] {
  const addresses = packAddresses(pods);
  return pods.map(({ name, namespace }, at) => ({ name, namespace, addresses: addresses[at]! }));
}

function isThere({ state }: Pod): boolean {
  return state !== 'gone';
}

function named({ name, namespace, addresses }: Pod): NamedNode['pods'][number] {
  return { name, namespace, addresses: addresses.flatMap((text) => parseIpAddress(text) ?? []) };
}
