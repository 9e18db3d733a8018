/** Schemas of single config values: text or a YAML scalar in, a parsed value out. A problem completes "KEY: ...". */
import {
  formatIpAddress,
  parseEndpoint,
  parseIpAddress,
  parseMacAddress,
  type Endpoint,
  type IpAddress,
  type MacAddress,
} from '../../wire/address.ts';
import { type AddressPool, parsePool } from '../../services/address-pool.ts';
import { mayBePlaces } from '../../services/read-service-addresses.ts';
import { formatPrefix, parsePrefix, type Prefix, prefixAround } from '../../wire/prefix.ts';
import { parseDomainName } from '../../names/domain-name.ts';
import { type NameServerAddress, parseServerAddress } from '../../names/resolver-configuration.ts';
import { parsed, problem, show, text, type Problem } from './config-schema.ts';
import { MAX_PORT } from '../../wire/udp.ts';

/** A node to begin gossip with: by address, or by a name that is resolved when it is needed. */
export interface Seed {
  readonly host: string;
  /** `undefined`: this node's own gossip port. */
  readonly port: number | undefined;
}

/** Where a server is: by address, or by a name that is resolved when it is needed. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** An endpoint whose port may be left to another key. */
export interface PartialEndpoint {
  readonly address: IpAddress;
  readonly port: number | undefined;
}

/** CPUs from `first` to `last`, both included. */
export interface CpuRange {
  readonly first: number;
  readonly last: number;
}

/** Longest name of a network device: IFNAMSIZ without its final zero (linux/if.h). */
const MAX_DEVICE_NAME_LENGTH = 15;

/** Longest path of a Unix socket: sun_path without its final zero (unix(7)). */
export const MAX_SOCKET_PATH_BYTES = 107;

/** Largest number of a CPU: one less than the CPU_SETSIZE of sched_setaffinity(2). */
const MAX_CPU = 1023;

/** Largest DSCP: the field is 6 bits wide (RFC 2474, section 3). */
const MAX_DSCP = 63;

const NAME_PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const DNS_NAME = /^(?=.{1,253}$)[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,62})(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,62}))*\.?$/;

/** A whole number from `min` to `max`, given as a number or as decimal digits. */
export function integer(min: number, max: number) {
  return parsed((input): number | Problem => {
    const value = typeof input === 'string' && /^-?\d+$/.test(input) ? Number(input) : input;
    if (typeof value !== 'number' || !Number.isInteger(value)) return problem(`${show(input)} is not a whole number`);
    if (value < min) return problem(`${value} is smaller than ${min}`);
    if (value > max) return problem(`${value} is larger than ${max}`);
    return value;
  });
}

/** One of `choices`. */
export function choice<const Choice extends string>(choices: readonly Choice[]) {
  return text((input): Choice | Problem => {
    return choices.find((one) => one === input) ?? problem(`${show(input)} is none of ${choices.join(', ')}`);
  });
}

/** Begin of a file name. */
export function namePrefix() {
  return text((input): string | Problem => {
    if (NAME_PREFIX.test(input)) return input;
    return problem(
      `${show(input)} is not up to 64 letters, digits, dots, hyphens and underscores, the first a letter or digit`,
    );
  });
}

/** A switch: `on` or `off`, or what YAML and others write for it, `true` or `false`. */
export function onOrOff() {
  return parsed((input): boolean | Problem => {
    if (input === 'on' || input === 'true' || input === true) return true;
    if (input === 'off' || input === 'false' || input === false) return false;
    return problem(`${show(input)} is neither on nor off`);
  });
}

/** A CPU or a range of them: `3`, `0-1`. */
export function cpuRange() {
  return parsed((input): CpuRange | Problem => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(String(input)) ?? [];
    if (first === undefined) return problem(`${show(input)} is not a CPU like 3, or a range like 0-1`);
    const range = { first: Number(first), last: Number(last) };
    if (range.last < range.first) return problem(`${show(input)} ends before it begins`);
    return range.last > MAX_CPU ? problem(`${range.last} is larger than ${MAX_CPU}`) : range;
  });
}

/** `copy`, or a DSCP as a number. */
export function dscpOrCopy() {
  return parsed((input): 'copy' | number | Problem => {
    if (input === 'copy') return input;
    const value = typeof input === 'string' && /^\d+$/.test(input) ? Number(input) : input;
    const isDscp = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_DSCP;
    return isDscp ? value : problem(`${show(input)} is neither copy nor a number from 0 to ${MAX_DSCP}`);
  });
}

/** Lower-case DNS label (RFC 1123, section 2.1): what Kubernetes accepts as a name, too. */
export function dnsLabel() {
  return text((input): string | Problem =>
    DNS_LABEL.test(input)
      ? input
      : problem(`${show(input)} is not a DNS label: lower-case letters, digits and hyphens, at most 63`),
  );
}

/** Longest name of an object in Kubernetes, and its syntax: a DNS subdomain (RFC 1123, section 2.1). */
const KUBERNETES_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** Name of an object in Kubernetes. */
export function kubernetesName() {
  return text((input): string | Problem =>
    KUBERNETES_NAME.test(input)
      ? input
      : problem(
          `${show(input)} is not a name in Kubernetes: lower-case letters, digits, hyphens and dots, at most 253`,
        ),
  );
}

/** Name of a host, in lower case and without a dot at its end. */
export function hostName() {
  return text((input): string | Problem => {
    const isName = DNS_NAME.test(input) && /[a-zA-Z_-]/.test(input);
    return isName ? input.toLowerCase().replace(/\.$/, '') : problem(`${show(input)} is not the name of a host`);
  });
}

/** Longest domain: a name and a namespace, of 63 characters each, have room below it. */
const MAX_DOMAIN_LENGTH = 100;

/** A domain for names of pods, as labels in lower case. */
export function domainName() {
  return text((input): readonly string[] | Problem => {
    const labels = parseDomainName(input);
    if (labels === undefined) return problem(`${show(input)} is not a domain like weft.internal`);
    if (labels.join('.').length > MAX_DOMAIN_LENGTH)
      return problem(`${show(input)} is longer than the ${MAX_DOMAIN_LENGTH} characters that leave room for names`);
    // Asked of the whole network by multicast (RFC 6762), and never of a server.
    if (labels.at(-1) === 'local') return problem(`${show(input)} is of multicast DNS: take another one than .local`);
    return labels;
  });
}

/** A server of names: `ADDRESS` or `ADDRESS:PORT`. */
export function serverAddress() {
  return text(
    (input): NameServerAddress | Problem =>
      parseServerAddress(input) ?? problem(`${show(input)} is not ADDRESS or ADDRESS:PORT`),
  );
}

/** Name of a network device. */
export function deviceName() {
  return text((input): string | Problem => {
    if (input.length > MAX_DEVICE_NAME_LENGTH) {
      return problem(`${show(input)} is longer than ${MAX_DEVICE_NAME_LENGTH} characters`);
    }
    // What the kernel's dev_valid_name() refuses, and % because TUNSETIFF takes it for a pattern.
    if (input === '.' || input === '..' || !/^[^\s/:%]+$/.test(input)) {
      return problem(`${show(input)} is not a name for a network device`);
    }
    return input;
  });
}

/** Absolute path of a directory. */
export function directory() {
  return text((input): string | Problem =>
    input.startsWith('/') ? input : problem(`${show(input)} is not an absolute path`),
  );
}

/** Absolute path of a file. */
export function file() {
  return text((input): string | Problem =>
    input.startsWith('/') && !input.endsWith('/') ? input : problem(`${show(input)} is not an absolute path of a file`),
  );
}

/** Absolute path of a Unix socket. */
export function socketPath() {
  return text((input): string | Problem => {
    if (!input.startsWith('/')) return problem(`${show(input)} is not an absolute path`);
    if (Buffer.byteLength(input) > MAX_SOCKET_PATH_BYTES) {
      return problem(`${show(input)} is longer than the ${MAX_SOCKET_PATH_BYTES} bytes that a Unix socket may have`);
    }
    return input;
  });
}

/** An IPv4 or IPv6 address. */
export function ipAddress() {
  return text(
    (input): IpAddress | Problem => parseIpAddress(input) ?? problem(`${show(input)} is not an IPv4 or IPv6 address`),
  );
}

/** A prefix without host bits; its problem names the prefix that was probably meant. */
export function prefix() {
  return text((input): Prefix | Problem => {
    const value = parsePrefix(input);
    if (value !== undefined) return value;
    const meant = withoutHostBits(input);
    if (meant === undefined) return problem(`${show(input)} is not a prefix like 10.244.0.0/16 or fd00:10:244::/48`);
    return problem(`${show(input)} has bits behind its length: did you mean ${formatPrefix(meant)}?`);
  });
}

/** Addresses of load balancers: `192.0.2.0/24` or `192.0.2.10-192.0.2.20`. */
export function addressPool() {
  return text((input): AddressPool | Problem => {
    const pool = parsePool(input);
    if (pool === undefined)
      return problem(`${show(input)} is neither a prefix like 192.0.2.0/24 nor a range like 192.0.2.10-192.0.2.20`);
    return mayBePlaces(pool) ? pool : problem(`${show(input)} has addresses that no service may have`);
  });
}

/** MAC address of one station. */
export function unicastMac() {
  return text((input): MacAddress | Problem => {
    const value = parseMacAddress(input);
    if (value === undefined) return problem(`${show(input)} is not a MAC address like 02:00:00:00:00:01`);
    if ((value[0]! & 1) !== 0) return problem(`${show(input)} is a group address: the MAC of one station is needed`);
    if (value.every((octet) => octet === 0)) return problem(`${show(input)} is no station's MAC address`);
    return value;
  });
}

/** `ADDRESS` or `ADDRESS:PORT`. */
export function partialEndpoint() {
  return text((input): PartialEndpoint | Problem => {
    const address = parseIpAddress(input);
    if (address !== undefined) return { address, port: undefined };
    return parseEndpoint(input) ?? problem(`${show(input)} is not ADDRESS or ADDRESS:PORT`);
  });
}

/** `ADDRESS:PORT`, or `undefined` for `off`. */
export function endpointOrOff() {
  return text((input): { endpoint: Endpoint | undefined } | Problem => {
    if (input === 'off') return { endpoint: undefined };
    const endpoint = parseEndpoint(input);
    return endpoint === undefined ? problem(`${show(input)} is neither ADDRESS:PORT nor off`) : { endpoint };
  });
}

/** `HOST`, `HOST:PORT` or `[IPV6]:PORT`; HOST is an address or a DNS name. */
export function seed() {
  return text((input): Seed | Problem => seedIn(input) ?? problem(`${show(input)} is not HOST or HOST:PORT`));
}

/** `HOST:PORT` or `[IPV6]:PORT`, as {@link seed} has it. */
export function hostAndPort() {
  return text((input): HostAndPort | Problem => {
    const read = seedIn(input);
    if (read?.port === undefined) return problem(`${show(input)} is not HOST:PORT`);
    return { host: read.host, port: read.port };
  });
}

function seedIn(input: string): Seed | undefined {
  if (parseIpAddress(input) !== undefined) return { host: input, port: undefined };
  const endpoint = parseEndpoint(input);
  if (endpoint !== undefined) return { host: formatIpAddress(endpoint.address), port: endpoint.port };
  const [, host = '', port] = /^([^:]*)(?::(\d{1,5}))?$/.exec(input) ?? [];
  // An address with an octet too large would pass as a name, and fail late, in DNS.
  const isName = DNS_NAME.test(host) && !/^[\d.]+$/.test(host);
  if (!isName || (port !== undefined && (Number(port) < 1 || Number(port) > MAX_PORT))) return undefined;
  return { host, port: port === undefined ? undefined : Number(port) };
}

function withoutHostBits(input: string): Prefix | undefined {
  const [, addressText = '', lengthText = ''] = /^([^/]+)\/(\d{1,3})$/.exec(input) ?? [];
  const address = parseIpAddress(addressText);
  const lengthBits = Number(lengthText);
  if (address === undefined || lengthBits > address.bytes.length * 8) return undefined;
  return prefixAround(address, lengthBits);
}
