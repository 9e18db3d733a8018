/** Checks between keys, once each of them is fine by itself. */
import { equalIpAddresses, formatIpAddress, parseIpAddress, type IpAddress } from '../../wire/address.ts';
import {
  formatPrefix,
  parsePrefix,
  prefixContains,
  prefixCovers,
  prefixesOverlap,
  type Prefix,
} from '../../wire/prefix.ts';
import { captureSocketPath } from '../../api/capture-api.ts';
import { poolOverlaps, poolsOverlap } from '../../services/address-pool.ts';
import { ClaimedPrefixes } from '../../routing/claimed-prefixes.ts';
import { MAX_NODE_ADDRESSES } from '../../membership/limits.ts';
import type { ConfigSteps } from './config-file.ts';
import type { ConfigPath, ConfigValues } from './config-key.ts';
import { readOnlySocketPath } from './config-place.ts';
import { MAX_SOCKET_PATH_BYTES } from './config-value.ts';

/** A contradiction; it is reported at the key that should change. */
export interface Contradiction {
  readonly path: ConfigPath;
  readonly below: ConfigSteps;
  readonly problem: string;
}

/** Fewest bits behind a node prefix: room for the node's address and one pod. */
const MIN_HOST_BITS = 2;

/** Every contradiction, in the order of the keys. */
export function contradictions(values: ConfigValues): Contradiction[] {
  return [
    ...checkClusterPrefixes(values.clusterPrefixes),
    ...checkNodePrefixes(values),
    ...checkOutside('underlay.address', [], values['underlay.address'], values.clusterPrefixes),
    ...values['gossip.seeds'].flatMap((seed, index) =>
      checkOutside('gossip.seeds', [index], parseIpAddress(seed.host), values.clusterPrefixes),
    ),
    ...checkServicePrefixes(values),
    ...checkPools(values),
    ...checkPorts(values),
    ...checkStaticPeers(values),
    ...checkSockets(values),
    ...checkKeyFile(values),
    ...checkKubernetes(values),
  ];
}

function checkClusterPrefixes(prefixes: readonly Prefix[]): Contradiction[] {
  return prefixes.flatMap((prefix, index) => {
    const at = { path: 'clusterPrefixes', below: [index] } as const;
    const text = formatPrefix(prefix);
    if (prefix.lengthBits === 0) return [{ ...at, problem: `${text} would take all traffic of the node` }];
    return overlaps(prefix, prefixes.slice(0, index)).map((other) => ({
      ...at,
      problem: `${text} overlaps ${formatPrefix(other)}, which is there already`,
    }));
  });
}

/** What is wrong with the prefixes of a node, wherever they come from: sentences without a key in front. */
export function problemsOfNodePrefixes(prefixes: Pick<ConfigValues, 'nodePrefixes' | 'clusterPrefixes'>): string[] {
  return checkNodePrefixes(prefixes).map(({ problem }) => problem);
}

function checkNodePrefixes({
  nodePrefixes,
  clusterPrefixes,
}: Pick<ConfigValues, 'nodePrefixes' | 'clusterPrefixes'>): Contradiction[] {
  // The node has an address in each, and announces them all.
  if (nodePrefixes.length > MAX_NODE_ADDRESSES) {
    const problem = `are ${nodePrefixes.length}, and at most ${MAX_NODE_ADDRESSES} can be announced: aggregate them`;
    return [{ path: 'nodePrefixes', below: [], problem }];
  }
  return nodePrefixes.flatMap((prefix, index) => {
    const at = { path: 'nodePrefixes', below: [index] } as const;
    const problems = overlaps(prefix, nodePrefixes.slice(0, index)).map((other) => ({
      ...at,
      problem: `${formatPrefix(prefix)} overlaps ${formatPrefix(other)}, which is there already`,
    }));
    const maxLengthBits = prefix.address.bytes.length * 8 - MIN_HOST_BITS;
    if (prefix.lengthBits > maxLengthBits) {
      problems.push({
        ...at,
        problem: `${formatPrefix(prefix)} has no room for pods: /${maxLengthBits} is the longest`,
      });
    }
    return [...problems, ...checkInside(prefix, clusterPrefixes, at)];
  });
}

/** Addresses of services are translated before anything is routed: what has one of them is reached by nobody. */
function checkServicePrefixes(values: ConfigValues): Contradiction[] {
  const prefixes = values['services.prefixes'] ?? [];
  return prefixes.flatMap((prefix, index) => {
    const at = { path: 'services.prefixes', below: [index] } as const;
    const text = formatPrefix(prefix);
    if (prefix.lengthBits === 0) return [{ ...at, problem: `${text} would take all traffic of the node` }];
    return [
      ...overlaps(prefix, prefixes.slice(0, index)).map(
        (other) => `${text} overlaps ${formatPrefix(other)}, which is there already`,
      ),
      ...overlaps(prefix, values.clusterPrefixes).map(
        (other) => `${text} overlaps ${formatPrefix(other)} of clusterPrefixes`,
      ),
    ].map((problem) => ({ ...at, problem }));
  });
}

/** Who assigns addresses in Kubernetes does not say which: what is not of services is not to be taken from the node. */
export function servicePrefixesOf(values: ConfigValues): readonly Prefix[] {
  return values['services.prefixes'] ?? (asksKubernetes(values) ? [] : usualServicePrefixes(values.clusterPrefixes));
}

/** An address is of one thing alone. */
function checkPools(values: ConfigValues): Contradiction[] {
  const pools = values['services.pools'];
  const enabled = values['services.enabled'];
  if (pools.length > 0 && (enabled === 'off' || (enabled === 'auto' && asksKubernetes(values)))) {
    const problem = 'are given, and weft has no services here: set services.enabled to on, or leave them out';
    return [{ path: 'services.pools', below: [], problem }];
  }
  return pools.flatMap((pool, index) => {
    const other = (list: readonly Prefix[], of: string) =>
      list
        .filter((prefix) => poolOverlaps(pool, prefix))
        .map((prefix) => `${pool.text} overlaps ${formatPrefix(prefix)} of ${of}`);
    return [
      ...pools
        .slice(0, index)
        .filter((one) => poolsOverlap(one, pool))
        .map((one) => `${pool.text} overlaps ${one.text}, which is there already`),
      ...other(values.clusterPrefixes, 'clusterPrefixes'),
      ...other(servicePrefixesOf(values), 'services.prefixes'),
    ].map((problem) => ({ path: 'services.pools' as const, below: [index], problem }));
  });
}

/** Of the families that pods have, without those that the cluster has for pods. */
function usualServicePrefixes(clusterPrefixes: readonly Prefix[]): readonly Prefix[] {
  const usual = ['10.96.0.0/16', 'fd00:10:96::/112'].map((text) => parsePrefix(text)!);
  return usual.filter(
    (prefix) =>
      clusterPrefixes.some(({ address }) => address.family === prefix.address.family) &&
      !clusterPrefixes.some((cluster) => prefixesOverlap(cluster, prefix)),
  );
}

function checkPorts(values: ConfigValues): Contradiction[] {
  if (values['gossip.port'] !== values['vxlan.port']) return [];
  return [{ path: 'gossip.port', below: [], problem: `${values['gossip.port']} is vxlan.port, too` }];
}

function checkSockets(values: ConfigValues): Contradiction[] {
  const socket = values['control.socket'];
  const readOnlySocket = values['control.readOnlySocket'];
  const at = { path: 'control.readOnlySocket', below: [] } as const;
  if (readOnlySocket === socket) return [{ ...at, problem: 'is the same path as control.socket' }];
  if (readOnlySocket === undefined && isTooLong(readOnlySocketPath(socket))) {
    return [{ ...at, problem: `is missing: ${readOnlySocketPath(socket)} is too long for a Unix socket` }];
  }
  if (readOnlySocket !== captureSocketPath(socket)) return [];
  return [{ ...at, problem: 'is the path of the socket for captures, which is named after control.socket' }];
}

function isTooLong(path: string): boolean {
  return Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES;
}

/** Who leaves out both keys wants what is safe, and is told what to do for it. */
function checkKeyFile(values: ConfigValues): Contradiction[] {
  if (!values['gossip.authentication'] || values['gossip.keyFile'] !== undefined) return [];
  const problem =
    'is missing: make a key with "weft key generate /etc/weft/gossip.key", and give every node that file; ' +
    'or, where nobody else reaches the gossip port, set gossip.authentication to off';
  return [{ path: 'gossip.keyFile', below: [], problem }];
}

/** Whether the API of Kubernetes is asked for anything. */
export function asksKubernetes(values: Pick<ConfigValues, 'ipam.mode' | 'kubernetes.enabled'>): boolean {
  return values['ipam.mode'] === 'kubernetes' || values['kubernetes.enabled'] === true;
}

function checkKubernetes(values: ConfigValues): Contradiction[] {
  const isByNode = values['ipam.mode'] === 'kubernetes';
  const found: Contradiction[] = [];
  if (isByNode && values['kubernetes.enabled'] === false) {
    const problem = 'is off, and ipam.mode is kubernetes, which needs the API: leave one of them out';
    found.push({ path: 'kubernetes.enabled', below: [], problem });
  }
  if (isByNode && values.nodePrefixes.length > 0) {
    const problem =
      'are given, and ipam.mode is kubernetes, where they come from the Node object: leave them out, or set ipam.mode to static';
    found.push({ path: 'nodePrefixes', below: [], problem });
  }
  if (asksKubernetes(values)) {
    if (values['services.enabled'] !== 'on' || values['kubernetes.apiServer'] !== undefined) return found;
    const problem =
      'is missing, and services.enabled is on: weft would have to know the backends of the service of the API to reach it; ' +
      'give HOST:PORT of an API server, or of a load balancer in front of several, or leave services to kube-proxy';
    return [...found, { path: 'kubernetes.apiServer', below: [], problem }];
  }
  for (const path of ['kubernetes.kubeconfig', 'kubernetes.apiServer', 'kubernetes.nodeName'] as const) {
    if (values[path] === undefined) continue;
    const problem = 'is given, and the API is not asked: set kubernetes.enabled to on, or ipam.mode to kubernetes';
    found.push({ path, below: [], problem });
  }
  return found;
}

function checkStaticPeers(values: ConfigValues): Contradiction[] {
  const { staticPeers, clusterPrefixes, nodePrefixes } = values;
  // A peer may have very many prefixes, so they are not compared one by one.
  const taken = new ClaimedPrefixes<{ prefix: Prefix; index: number; owner: string }>();
  for (const prefix of nodePrefixes) taken.claim(prefix, { prefix, index: -1, owner: 'this node' });
  return staticPeers.flatMap((peer, index) => {
    const earlier = staticPeers.slice(0, index);
    const found: Contradiction[] = [];
    const add = (below: ConfigSteps, problem: string): void => {
      found.push({ path: 'staticPeers', below: [index, ...below], problem });
    };
    if (peer.name === values.nodeName) add(['name'], `${peer.name} is the name of this node`);
    if (earlier.some((other) => other.name === peer.name)) add(['name'], `${peer.name} is there already`);
    // Whoever a datagram comes from is told by the sender's address alone.
    const { address } = peer.endpoint;
    if (earlier.some((other) => equalIpAddresses(other.endpoint.address, address))) {
      add(['endpoint'], `${formatIpAddress(address)} is the address of another static peer`);
    }
    const underlay = values['underlay.address'];
    if (underlay !== undefined && equalIpAddresses(underlay, address)) {
      add(['endpoint'], `${formatIpAddress(address)} is underlay.address, this node's own`);
    }
    found.push(...checkOutside('staticPeers', [index, 'endpoint'], address, clusterPrefixes));
    peer.prefixes.forEach((prefix, at) => {
      const below: ConfigSteps = [index, 'prefixes', at];
      found.push(...checkInside(prefix, clusterPrefixes, { path: 'staticPeers', below }));
      const other = taken.claim(prefix, { prefix, index, owner: `static peer ${peer.name}` });
      if (other === undefined) return;
      const owner = other.index === index ? 'the same peer' : other.owner;
      add(['prefixes', at], `${formatPrefix(prefix)} overlaps ${formatPrefix(other.prefix)} of ${owner}`);
    });
    return found;
  });
}

function checkInside(
  prefix: Prefix,
  clusterPrefixes: readonly Prefix[],
  at: Omit<Contradiction, 'problem'>,
): Contradiction[] {
  if (clusterPrefixes.some((cluster) => prefixCovers(cluster, prefix))) return [];
  const known = clusterPrefixes.map(formatPrefix).join(', ');
  return [{ ...at, problem: `${formatPrefix(prefix)} does not lie within clusterPrefixes (${known || 'none'})` }];
}

/** Tunnel traffic to an address inside the overlay would be routed back into the tunnel. */
function checkOutside(
  path: ConfigPath,
  below: ConfigSteps,
  address: IpAddress | undefined,
  clusterPrefixes: readonly Prefix[],
): Contradiction[] {
  if (address === undefined) return [];
  const cluster = clusterPrefixes.find((prefix) => prefixContains(prefix, address));
  if (cluster === undefined) return [];
  const problem = `${formatIpAddress(address)} lies within clusterPrefixes (${formatPrefix(cluster)}): it must be outside`;
  return [{ path, below, problem }];
}

function overlaps(prefix: Prefix, others: readonly Prefix[]): Prefix[] {
  return others.filter((other) => prefixesOverlap(prefix, other));
}
