/**
 * Files that say whom to ask for names: resolv.conf(5). Read for the node's own resolver, and written for pods.
 */
import { parseIpAddress, type IpAddress } from '../wire/address.ts';
import { parseEndpoint, formatIpAddress } from '../wire/address.ts';

/** A server of names. */
export interface NameServerAddress {
  readonly address: IpAddress;
  /** Device of a link-local address, by name or number; empty otherwise. */
  readonly zone: string;
  readonly port: number;
}

/** Port of DNS (RFC 1035, section 4.2). */
export const DNS_PORT = 53;

/** Servers that are asked at most, as in the C library (MAXNS). */
const MAX_SERVERS = 3;

/** Largest file that is read: what lies beyond is not looked at. */
export const MAX_RESOLVER_FILE_BYTES = 65_536;

/** The first servers that a resolv.conf names. What is no address is passed over, as by the C library; the search list counts for its own. */
export function parseNameServers(text: string): NameServerAddress[] {
  const servers = text.split('\n').flatMap((line) => {
    const [keyword, server] = line.trim().split(/\s+/);
    return keyword === 'nameserver' ? (parseServerAddress(server ?? '') ?? []) : [];
  });
  return servers.slice(0, MAX_SERVERS);
}

/** `ADDRESS`, `ADDRESS%DEVICE` or, beyond what resolv.conf knows, `ADDRESS:PORT`. */
export function parseServerAddress(text: string): NameServerAddress | undefined {
  const [bare = '', zone = ''] = text.split('%');
  const address = parseIpAddress(bare);
  if (address !== undefined) return { address, zone, port: DNS_PORT };
  const endpoint = parseEndpoint(text);
  return endpoint && { ...endpoint, zone: '' };
}

/** The address as a socket takes it: `fe80::1%eth0`. */
export function hostOf({ address, zone }: NameServerAddress): string {
  return formatIpAddress(address) + (zone === '' ? '' : `%${zone}`);
}

/** The same with the port, for people. */
export function formatServerAddress(server: NameServerAddress): string {
  const host = hostOf(server);
  if (server.port === DNS_PORT) return host;
  return server.address.family === 6 ? `[${host}]:${server.port}` : `${host}:${server.port}`;
}

/**
 * Content of a resolv.conf that has a pod ask its node.
 *
 * @param marker first line: whose the file is.
 * @param options more of them.
 */
export function podResolverFile(
  marker: string,
  server: string,
  search: readonly string[],
  options: readonly string[] = [],
): string {
  return [
    marker,
    `nameserver ${server}`,
    `search ${search.join(' ')}`,
    // While the daemon starts again nobody answers: three questions, a second apart, are enough to live through it.
    ['options timeout:1 attempts:3', ...options].join(' '),
    '',
  ].join('\n');
}
