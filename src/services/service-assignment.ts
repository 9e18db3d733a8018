/**
 * What a cluster assigns to a Service that is given to it: addresses out of its prefixes, and node ports, where the object does not say which
 * it wants. As the API server of Kubernetes does (pkg/registry/core/service): who has some keeps them.
 *
 * Two nodes may assign the same at one time. Then both services are there, and the plan gives it to the first by name.
 */
import type { Random } from '../env/random.ts';
import { ConfigError, ConflictError, ExhaustedError } from '../errors.ts';
import { equalIpAddresses, formatIpAddress, type IpAddress } from '../wire/address.ts';
import { addressAt, formatPrefix, type Prefix, prefixContains } from '../wire/prefix.ts';
import { balancerAddresses, type BalancerMeans, isBalanced } from './balancer-assignment.ts';
import { drawn } from './draw.ts';
import { serviceKey } from './service-planner.ts';
import type { ServiceRecord } from './service-record.ts';

/** Those that Kubernetes has by default (`--service-node-port-range`). */
const FIRST_NODE_PORT = 30_000;
const LAST_NODE_PORT = 32_767;

/** Of a prefix with more addresses, only so many are used. */
const MAX_ADDRESSES = 65_536;

export interface AssignmentMeans extends Pick<BalancerMeans, 'pools' | 'hosts'> {
  /** At most one of each family counts. */
  readonly prefixes: readonly Prefix[];
  /** All other services. */
  readonly others: readonly ServiceRecord[];
  /** The service as it is now; `undefined`: there is none. */
  readonly before: ServiceRecord | undefined;
  readonly random: Random;
}

/** What is assigned: in the order of families, and of ports. */
export interface Assignment {
  readonly clusterAddresses: readonly IpAddress[];
  /** `undefined`: the port has none. */
  readonly nodePorts: readonly (number | undefined)[];
  /** Empty but for a service of type LoadBalancer. */
  readonly balancerAddresses: readonly IpAddress[];
}

/**
 * @throws ConfigError `config-invalid` naming an address outside of the prefixes, a node port out of range, or a family that there is not
 * @throws ConflictError `service-address-taken`, `node-port-taken` @throws ExhaustedError `service-prefix-full`, `node-ports-full`
 * @throws as {@link balancerAddresses}
 */
export function assignTo(service: ServiceRecord, means: AssignmentMeans): Assignment {
  const clusterAddresses = clusterAddressesOf(service, means);
  const families = clusterAddresses.map(({ family }) => family);
  return {
    clusterAddresses,
    nodePorts: nodePortsOf(service, means),
    balancerAddresses: isBalanced(service) ? balancerAddresses(heldBy(service, means), families, means) : [],
  };
}

/** With the addresses that it has now: whoever gives the object may have left them out, or made them up. */
function heldBy(service: ServiceRecord, { before }: AssignmentMeans): ServiceRecord {
  return { ...service, loadBalancerAddresses: before?.loadBalancerAddresses ?? [] };
}

function clusterAddressesOf(service: ServiceRecord, means: AssignmentMeans): readonly IpAddress[] {
  if (service.isHeadless) return [];
  const { prefixes, others, before } = means;
  for (const address of service.clusterAddresses) {
    const text = formatIpAddress(address);
    if (!prefixes.some((prefix) => prefixContains(prefix, address)))
      throw new ConfigError('spec.clusterIPs', `${text} is in none of services.prefixes: ${wordsOf(prefixes)}`);
    const holder = others.find((other) => has(other, address));
    if (holder !== undefined)
      throw new ConflictError('service-address-taken', `service ${serviceKey(holder)} has the address ${text}`);
  }
  return familiesOf(service, prefixes).map((family) => {
    const own = [...service.clusterAddresses, ...(before?.clusterAddresses ?? [])].find(
      (address) => address.family === family,
    );
    return (
      own ??
      freeAddress(
        prefixes.find(({ address }) => address.family === family)!,
        means,
      )
    );
  });
}

/** In the order in which the service names them, and at least one. */
function familiesOf(
  { clusterAddresses, ipFamilies, ipFamilyPolicy }: ServiceRecord,
  prefixes: readonly Prefix[],
): readonly (4 | 6)[] {
  const there = new Set(prefixes.map(({ address }) => address.family));
  const missing = ipFamilies.find((family) => !there.has(family));
  if (missing !== undefined)
    throw new ConfigError('spec.ipFamilies', `services.prefixes has no prefix of IPv${missing}`);
  const named = new Set([...clusterAddresses.map(({ family }) => family), ...ipFamilies]);
  const all = [...new Set([...named, ...there])];
  if (all.length === 0) throw new ConfigError('services.prefixes', 'is empty: there are no addresses for services');
  if (ipFamilyPolicy === 'SingleStack') return named.size > 0 ? [...named] : all.slice(0, 1);
  if (ipFamilyPolicy === 'RequireDualStack' && all.length < 2)
    throw new ConfigError('spec.ipFamilyPolicy', 'services.prefixes has one family alone');
  return all;
}

/** At random: two nodes that assign at one time hardly ever take the same. */
function freeAddress(prefix: Prefix, { others, random }: AssignmentMeans): IpAddress {
  const hostBits = prefix.address.bytes.length * 8 - prefix.lengthBits;
  // Without the first and the last, which elsewhere mean the network and everybody in it.
  const count = Math.min(2 ** Math.min(hostBits, 32) - 2, MAX_ADDRESSES);
  const isFree = (address: IpAddress): boolean => !others.some((other) => has(other, address));
  for (const offset of drawn(count, random)) {
    const address = addressAt(prefix, 1 + offset)!;
    if (isFree(address)) return address;
  }
  throw new ExhaustedError('service-prefix-full', `services have all addresses of ${formatPrefix(prefix)}`);
}

function nodePortsOf(
  service: ServiceRecord,
  { others, before, random }: AssignmentMeans,
): readonly (number | undefined)[] {
  const taken = new Map<string, ServiceRecord>();
  for (const other of others)
    for (const { protocol, nodePort } of other.ports)
      if (nodePort !== undefined) taken.set(`${protocol} ${nodePort}`, other);
  return service.ports.map(({ name, protocol, port, nodePort }, index) => {
    const place = `spec.ports[${index}].nodePort`;
    if (nodePort !== undefined) {
      if (nodePort < FIRST_NODE_PORT || nodePort > LAST_NODE_PORT)
        throw new ConfigError(place, `${nodePort} is not in the range ${FIRST_NODE_PORT}-${LAST_NODE_PORT}`);
      const holder = taken.get(`${protocol} ${nodePort}`);
      if (holder !== undefined)
        throw new ConflictError('node-port-taken', `service ${serviceKey(holder)} has the node port ${nodePort}`);
      taken.set(`${protocol} ${nodePort}`, service);
      return nodePort;
    }
    if (!service.allocatesNodePorts) return undefined;
    // A port that was the only one had no name.
    const earlier = before?.ports.filter((one) => one.protocol === protocol) ?? [];
    const own = (earlier.find((one) => one.name === name) ?? earlier.find((one) => one.port === port))?.nodePort;
    const offset = [
      own === undefined ? -1 : own - FIRST_NODE_PORT,
      ...drawn(LAST_NODE_PORT - FIRST_NODE_PORT + 1, random),
    ].find((one) => one >= 0 && !taken.has(`${protocol} ${FIRST_NODE_PORT + one}`));
    if (offset === undefined)
      throw new ExhaustedError('node-ports-full', `services have all node ports of ${protocol}`);
    taken.set(`${protocol} ${FIRST_NODE_PORT + offset}`, service);
    return FIRST_NODE_PORT + offset;
  });
}

function has({ clusterAddresses }: ServiceRecord, address: IpAddress): boolean {
  return clusterAddresses.some((own) => equalIpAddresses(own, address));
}

function wordsOf(prefixes: readonly Prefix[]): string {
  return prefixes.length === 0 ? 'there are none' : prefixes.map(formatPrefix).join(', ');
}
