/** Tables of sockets in the calling thread's network namespace, as /proc/net has them: proc_net(5). */
import { readFileSync } from 'node:fs';
import type { Endpoint, IpAddress } from '../wire/address.ts';

export type SocketTableName = 'udp' | 'udp6' | 'tcp' | 'tcp6';

/** One socket. */
export interface SocketRow {
  /** Local address as the table prints it; see {@link tableAddress}. */
  readonly address: string;
  readonly port: number;
  /** Two hexadecimal digits; `0A` is a TCP socket that listens. */
  readonly state: string;
  /** `0` for a socket of the kernel's own. */
  readonly inode: string;
  /** Datagrams that the kernel dropped at it; 0 for TCP. */
  readonly drops: number;
}

const Column = { localAddress: 1, state: 3, inode: 9, drops: 12 } as const;

/** All sockets of one table; none where there is no such table, as without IPv6. */
export function readSocketTable(table: SocketTableName): SocketRow[] {
  return textOf(`/proc/thread-self/net/${table}`).trimEnd().split('\n').slice(1).map(rowOf);
}

/** Datagrams that the kernel dropped at the UDP socket bound to exactly `endpoint`, because nobody read it in time. */
export function readUdpDrops({ address, port }: Endpoint): number {
  const wanted = tableAddress(address);
  const rows = readSocketTable(address.family === 4 ? 'udp' : 'udp6');
  return rows.find((row) => row.port === port && row.address === wanted)?.drops ?? 0;
}

/** Inode of the netlink socket that has this port, the address of netlink(7); `undefined`: there is none now. */
export function netlinkInode(protocol: number, port: number): string | undefined {
  const rows = textOf('/proc/thread-self/net/netlink').trimEnd().split('\n').slice(1);
  const columns = rows.map((line) => line.trim().split(/\s+/));
  return columns.find((row) => row[1] === `${protocol}` && row[2] === `${port}`)?.[9];
}

/** An address as these tables print it: words of 32 bits in host order, which is little-endian wherever weft runs. */
export function tableAddress({ bytes }: IpAddress): string {
  const words: string[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    const octets = [...bytes.subarray(at, at + 4)].toReversed();
    words.push(octets.map((octet) => octet.toString(16).padStart(2, '0')).join(''));
  }
  return words.join('').toUpperCase();
}

function rowOf(line: string): SocketRow {
  const columns = line.trim().split(/\s+/);
  const [address = '', port = ''] = (columns[Column.localAddress] ?? '').split(':');
  return {
    address,
    port: Number.parseInt(port, 16),
    state: columns[Column.state] ?? '',
    inode: columns[Column.inode] ?? '',
    drops: Number(columns[Column.drops] ?? 0),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
