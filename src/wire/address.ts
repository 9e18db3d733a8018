/**
 * Addresses: IP (RFC 791; text of IPv6 by RFC 4291 and RFC 5952), MAC, and endpoints on the underlay.
 *
 * Control-plane values, made once at the edge. The packet path compares bytes in place and never makes one of these.
 */
import { equalOctets, readU16, writeU16 } from './octets.ts';
import { MAX_PORT } from './udp.ts';

/** An IPv4 or IPv6 address. `bytes` is 4 or 16 long, in network order, and is never written after creation. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
}

/** A MAC address: 6 bytes. */
export type MacAddress = Uint8Array;

/** An IP address and a UDP (or TCP) port on the underlay. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

const IPV6_GROUPS = 8;
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/**
 * Reads the text of an address, or gives undefined.
 *
 * Strict: IPv4 is four decimal octets without leading zeros (some readers take those for octal). IPv6 may end in a dotted
 * IPv4 address, and stays IPv6 then. No zone, no brackets, no surrounding space.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  const isIpv6 = text.includes(':');
  const bytes = isIpv6 ? parseIpv6(text) : parseIpv4(text);
  return bytes && { family: isIpv6 ? 6 : 4, bytes };
}

/** Text of an address: dotted, or as RFC 5952 recommends; IPv4-mapped addresses with a dotted tail (section 5). */
export function formatIpAddress(address: IpAddress): string {
  const { bytes } = address;
  if (address.family === 4) return bytes.join('.');
  if (equalOctets(bytes, 0, MAPPED_PREFIX, 0, MAPPED_PREFIX.length)) return `::ffff:${bytes.slice(12).join('.')}`;
  const groups = Array.from({ length: IPV6_GROUPS }, (_, index) => readU16(bytes, index * 2));
  const [runAt, runLength] = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (runLength < 2) return hex.join(':');
  return `${hex.slice(0, runAt).join(':')}::${hex.slice(runAt + runLength).join(':')}`;
}

/** Order of addresses: IPv4 before IPv6, then by number. For `Array.sort`. */
export function compareIpAddresses(a: IpAddress, b: IpAddress): number {
  if (a.family !== b.family) return a.family - b.family;
  for (let index = 0; index < a.bytes.length; index++) {
    const difference = a.bytes[index]! - b.bytes[index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether two addresses are the same. An IPv4-mapped IPv6 address is not the IPv4 address. */
export function equalIpAddresses(a: IpAddress, b: IpAddress): boolean {
  return compareIpAddresses(a, b) === 0;
}

/** Reads six two-digit hexadecimal octets with colons between them, or gives undefined. */
export function parseMacAddress(text: string): MacAddress | undefined {
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16));
}

/** Text of a MAC address: lower case, with colons. */
export function formatMacAddress(mac: MacAddress): string {
  return Array.from(mac, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/**
 * Reads `192.0.2.1:4789` or `[2001:db8::1]:4789`, or gives undefined. Names are not addresses.
 *
 * @param defaultPort allows the port, and then the brackets, to be absent. Ports are 1 to 65535.
 */
export function parseEndpoint(text: string, defaultPort?: number): Endpoint | undefined {
  const bare = parseIpAddress(text);
  if (bare) return defaultPort === undefined ? undefined : { address: bare, port: defaultPort };
  const [, bracketed, plain, digits] = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::([1-9][0-9]{0,4}))?$/.exec(text) ?? [];
  const address = parseIpAddress(bracketed ?? plain ?? '');
  const port = digits === undefined ? defaultPort : Number(digits);
  if (!address || port === undefined || port > MAX_PORT) return undefined;
  if ((address.family === 6) !== (bracketed !== undefined)) return undefined;
  return { address, port };
}

/** Text of an endpoint, as {@link parseEndpoint} reads it: IPv6 addresses in brackets. */
export function formatEndpoint(endpoint: Endpoint): string {
  const address = formatIpAddress(endpoint.address);
  return endpoint.address.family === 6 ? `[${address}]:${endpoint.port}` : `${address}:${endpoint.port}`;
}

/** Whether address and port are the same. */
export function equalEndpoints(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && equalIpAddresses(a.address, b.address);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => /^(?:0|[1-9][0-9]{0,2})$/.test(octet))) return undefined;
  const numbers = octets.map(Number);
  return numbers.every((number) => number <= 0xff) ? Uint8Array.from(numbers) : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (!head || !tail) return undefined;
  const missing = IPV6_GROUPS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const bytes = new Uint8Array(IPV6_GROUPS * 2);
  head.forEach((group, index) => writeU16(bytes, index * 2, group));
  tail.forEach((group, index) => writeU16(bytes, (head.length + missing + index) * 2, group));
  return bytes;
}

/** The 16-bit groups of `text`, none if it is empty. A dotted IPv4 address at its end makes two, if `isEnd`. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const dotted = isEnd && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (!dotted) return undefined;
    groups.push(readU16(dotted, 0), readU16(dotted, 2));
  }
  return groups;
}

/** Where the first of the longest runs of zeros begins, and its length, which may be 0. */
function longestZeroRun(groups: readonly number[]): [at: number, length: number] {
  let bestAt = 0;
  let bestLength = 0;
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > bestLength) {
      bestLength = length;
      bestAt = index - length + 1;
    }
  }
  return [bestAt, bestLength];
}
