/** Addresses of a Service, and of those who may use them, as `read-service.ts` has the rest. */
import type { ObjectValue } from '../policy/object-value.ts';
import { readAddress, readPrefix } from '../policy/read-prefix.ts';
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import { parsePrefix, type Prefix, prefixContains } from '../wire/prefix.ts';
import { type AddressPool, poolOverlaps } from './address-pool.ts';
import { WANTED_ANNOTATION } from './balancer-annotations.ts';
import { ipFamilyPolicies, type ServiceRecord, type ServiceType } from './service-record.ts';

const NONE = 'None';

/** Of one service, of each kind: there each of its ports is once. Kubernetes has no limit but the length of the object. */
const MAX_ADDRESSES = 64;

/** Of one service: all of them stand at each port of each address of its load balancer. */
const MAX_SOURCES = 256;

/** One of each family. */
const MAX_CLUSTER_ADDRESSES = 2;

/**
 * Where no service may be. The API server asks this of `externalIPs` alone, and of multicast only for the link; it checks other addresses
 * when it assigns them. Here it is asked of every address: a node would lose what it sends to itself, and to its link.
 */
const special = [
  ['may not be in the loopback range (127.0.0.0/8, ::1/128)', '127.0.0.0/8', '::1/128'],
  ['may not be in the link-local range (169.254.0.0/16, fe80::/10)', '169.254.0.0/16', 'fe80::/10'],
  ['may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)', '224.0.0.0/24', 'ff02::/16'],
  ['may not be in the multicast range (224.0.0.0/4, ff00::/8)', '224.0.0.0/4', 'ff00::/8'],
].map(([problem, ...prefixes]) => ({ problem: problem!, prefixes: prefixes.map((text) => parsePrefix(text)!) }));

type ClusterAddresses = Pick<ServiceRecord, 'clusterAddresses' | 'isHeadless' | 'ipFamilies' | 'ipFamilyPolicy'>;

/** `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy`, which have to agree. */
export function readClusterAddresses(spec: ObjectValue, type: ServiceType, hasSelector: boolean): ClusterAddresses {
  const values = clusterValues(spec);
  const isHeadless = values[0]?.value === NONE;
  if (isHeadless && type !== 'ClusterIP') values[0]!.invalid(`may not be set to 'None' for ${type} services`);
  const places = isHeadless ? [] : values.map(readPlace);
  // Whether families agree is asked of addresses alone.
  const clusterAddresses = places.includes(undefined) ? [] : places.filter((place) => place !== undefined);
  const ipFamilies = readFamilies(spec.field('ipFamilies'));
  clusterAddresses.forEach(({ family }, index) => {
    const expected = ipFamilies[index];
    if (expected !== undefined && expected !== family)
      values[index]!.invalid(`expected an IPv${expected} value as indicated by \`ipFamilies[${index}]\``);
  });
  if (clusterAddresses.length === MAX_CLUSTER_ADDRESSES && clusterAddresses[0]!.family === clusterAddresses[1]!.family)
    spec.field('clusterIPs').invalid('may specify no more than one IP for each IP family');
  const policy = spec.field('ipFamilyPolicy');
  const usual = isHeadless && !hasSelector ? 'RequireDualStack' : 'SingleStack';
  const ipFamilyPolicy = (policy.isSet ? policy.oneOf(ipFamilyPolicies) : undefined) ?? usual;
  if (ipFamilyPolicy === 'SingleStack') {
    const need = "must be 'RequireDualStack' or 'PreferDualStack' when multiple";
    if (clusterAddresses.length > 1) policy.invalid(`${need} cluster IPs are specified`, ipFamilyPolicy);
    if (ipFamilies.length > 1) policy.invalid(`${need} IP families are specified`, ipFamilyPolicy);
  }
  return {
    clusterAddresses,
    isHeadless,
    ipFamilies: [...ipFamilies, ...clusterAddresses.slice(ipFamilies.length).map(({ family }) => family)],
    ipFamilyPolicy,
  };
}

/** At most two; `None` alone. */
function clusterValues(spec: ObjectValue): readonly ObjectValue[] {
  const [single, list] = [spec.field('clusterIP'), spec.field('clusterIPs')];
  const first = single.text() ?? '';
  const values = list.entries(MAX_ADDRESSES);
  if (values.length === 0) return first === '' ? [] : [single];
  if (first === '') list.invalid('must be empty when `clusterIP` is not specified');
  else if (values[0]!.value !== first) list.invalid('first value must match `clusterIP`');
  if (values[0]!.value === NONE && values.length > 1) list.invalid("'None' must be the first and only value");
  if (values.length > MAX_CLUSTER_ADDRESSES) list.invalid('may only hold up to 2 values');
  return values.slice(0, MAX_CLUSTER_ADDRESSES);
}

function readFamilies(list: ObjectValue): readonly (4 | 6)[] {
  const seen = new Set<string>();
  return list.entries(MAX_ADDRESSES).flatMap((entry) => {
    const family = entry.oneOf(['IPv4', 'IPv6']);
    if (family === undefined) return [];
    if (seen.has(family)) entry.duplicate();
    seen.add(family);
    return family === 'IPv4' ? 4 : 6;
  });
}

/** `externalIPs` */
export function readExternalAddresses(list: ObjectValue): readonly IpAddress[] {
  return distinct(list.entries(MAX_ADDRESSES).flatMap((entry) => readPlace(entry) ?? []));
}

/** `status.loadBalancer.ingress`: those of a load balancer that leaves them in packets. */
export function readLoadBalancerAddresses(status: ObjectValue, type: ServiceType): readonly IpAddress[] {
  status.allow(['conditions', 'loadBalancer']);
  const balancer = status.field('loadBalancer');
  balancer.allow(['ingress']);
  const list = balancer.field('ingress');
  const entries = list.entries(MAX_ADDRESSES);
  if (entries.length > 0 && type !== 'LoadBalancer') {
    list.forbidden("may only be used when `spec.type` is 'LoadBalancer'");
    return [];
  }
  return distinct(entries.flatMap((entry) => readIngress(entry) ?? []));
}

function readIngress(entry: ObjectValue): IpAddress | undefined {
  entry.allow(['hostname', 'ip', 'ipMode', 'ports']);
  const [ip, mode] = [entry.field('ip'), entry.field('ipMode')];
  if ((ip.text() ?? '') === '') {
    if (mode.isSet) mode.forbidden('may not be specified when `ip` is not set');
    return undefined;
  }
  const address = readPlace(ip);
  // A proxy sends to node ports: to others, packets to its address have to go through it.
  return mode.isSet && mode.oneOf(['Proxy', 'VIP']) === 'Proxy' ? undefined : address;
}

/** `loadBalancerSourceRanges`; `undefined`: it says nothing. */
export function readLoadBalancerSources(list: ObjectValue, type: ServiceType): readonly Prefix[] | undefined {
  const entries = list.entries(MAX_SOURCES);
  if (entries.length === 0) return undefined;
  // The API server calls the field `LoadBalancerSourceRanges` here.
  if (type !== 'LoadBalancer') list.forbidden("may only be used when `type` is 'LoadBalancer'");
  return entries.flatMap((entry) => {
    const text = entry.text();
    if (text === undefined) return [];
    // It was part of an annotation once, with spaces.
    const prefix = readPrefix(text.trim());
    if (prefix === undefined) entry.invalid('must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)');
    return prefix ?? [];
  });
}

/** The annotation, or `loadBalancerIP`, which the API server takes for any text, and leaves to those who give addresses. */
export function readWantedAddresses(
  annotations: ObjectValue,
  field: ObjectValue,
  type: ServiceType,
): readonly IpAddress[] {
  const single = field.value === '' ? undefined : readPlace(field);
  const annotation = annotations.entry(WANTED_ANNOTATION);
  const text = annotation.text() ?? '';
  const wanted = parseWanted(text);
  if (typeof wanted === 'string') annotation.invalid(wanted);
  if (type !== 'LoadBalancer' || typeof wanted === 'string') return [];
  if (text === '') return single === undefined ? [] : [single];
  return wanted;
}

/** Addresses with commas between them, or what is wrong with them. */
function parseWanted(text: string): readonly IpAddress[] | string {
  const addresses: IpAddress[] = [];
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === '') continue;
    const address = readAddress(part);
    if (address === undefined || !mayBePlace(address)) return `${part} is no address that a service may have`;
    if (addresses.some(({ family }) => family === address.family)) return 'may only hold one address of each family';
    addresses.push(address);
  }
  return addresses;
}

/** An address at which a service may be. */
function readPlace(value: ObjectValue): IpAddress | undefined {
  const text = value.text();
  if (text === undefined) return undefined;
  const address = readAddress(text);
  if (address === undefined) {
    value.invalid('must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
    return undefined;
  }
  if (isUnspecified(address)) value.invalid(`may not be unspecified (${text})`);
  const range = specialRangeOf(address);
  if (range !== undefined) value.invalid(range.problem);
  return address;
}

/** Whether a service, or a backend of one, may be at an address. */
export function mayBePlace(address: IpAddress): boolean {
  return !isUnspecified(address) && specialRangeOf(address) === undefined;
}

/** Whether a service may be at every address of a pool. */
export function mayBePlaces(pool: AddressPool): boolean {
  return !isUnspecified(pool.first) && !special.some(({ prefixes }) => prefixes.some((one) => poolOverlaps(pool, one)));
}

function isUnspecified({ bytes }: IpAddress): boolean {
  return bytes.every((octet) => octet === 0);
}

function specialRangeOf(address: IpAddress) {
  return special.find(({ prefixes }) => prefixes.some((prefix) => prefixContains(prefix, address)));
}

function distinct(addresses: readonly IpAddress[]): readonly IpAddress[] {
  return [...new Map(addresses.map((address) => [formatIpAddress(address), address])).values()];
}
