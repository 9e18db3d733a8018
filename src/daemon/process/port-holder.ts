/** Who holds a port, so that "address already in use" comes with a name. Reads /proc: proc_net(5), proc_pid_fd(5). */
import { WeftError } from '../../errors.ts';
import { processName } from '../../linux/process-state.ts';
import { ownersOfSockets } from '../../linux/socket-owner.ts';
import { readSocketTable, tableAddress, type SocketRow, type SocketTableName } from '../../linux/socket-table.ts';
import { formatEndpoint, type Endpoint } from '../../wire/address.ts';

const TCP_LISTEN = '0A';

/**
 * Names whoever holds a port in the calling thread's network namespace: `held by weft (pid 123)`; `undefined` if nobody.
 *
 * A socket on all addresses holds the port for each of them.
 */
export async function describePortHolder(protocol: 'udp' | 'tcp', endpoint: Endpoint): Promise<string | undefined> {
  const holder = findPortHolder(protocol, endpoint);
  return await Promise.resolve(holder === undefined ? undefined : `held by ${holder}`);
}

/** The same without a word before it, and at once: `weft (pid 123)`. */
function findPortHolder(protocol: 'udp' | 'tcp', endpoint: Endpoint): string | undefined {
  const inodes = [...inodesAt(protocol, endpoint), ...inodesAt(`${protocol}6`, endpoint)];
  if (inodes.length === 0) return undefined;
  const holders = ownersOfSockets(inodes);
  if (holders.length > 0) return holders.map((pid) => `${processName(pid)} (pid ${pid})`).join(', ');
  // A socket of the kernel's own, such as that of a vxlan device, is in the table and in no process.
  return 'the kernel (a vxlan device? see "ip -d link show type vxlan"), or by a process that cannot be seen from here';
}

/** The error for a port that is taken. @param purpose completes "cannot ...": `listen for gossip`. */
export async function portInUse(protocol: 'udp' | 'tcp', endpoint: Endpoint, purpose: string): Promise<WeftError> {
  const holder = await describePortHolder(protocol, endpoint);
  const port = `${protocol.toUpperCase()} port ${formatEndpoint(endpoint)}`;
  const details = { protocol, endpoint: formatEndpoint(endpoint), holder: holder ?? null };
  return new WeftError('port-in-use', `cannot ${purpose}: ${port} is ${holder ?? 'taken'}`, details);
}

function inodesAt(table: SocketTableName, endpoint: Endpoint): string[] {
  return readSocketTable(table)
    .filter(({ state }) => table.startsWith('udp') || state === TCP_LISTEN)
    .filter((row) => collides(row, endpoint))
    .map(({ inode }) => inode);
}

function collides(row: SocketRow, { address, port }: Endpoint): boolean {
  if (row.port !== port) return false;
  const isIpv6 = row.address.length === 32;
  // A socket on :: takes the IPv4 port, too, unless it asked not to.
  if (/^0+$/.test(row.address)) return isIpv6 || address.family === 4;
  if (address.bytes.every((octet) => octet === 0)) return isIpv6 === (address.family === 6);
  return row.address === tableAddress(address);
}
