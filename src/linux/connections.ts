/**
 * Connections as the kernel tracks them, by netlink(7).
 *
 * Chosen: messages of our own. Instead of: conntrack(8). Because: that reads all connections of the node once for each address and
 * direction, which for the 32 pods of a node that is emptied takes longer than all the rest; and it is one program less to be there.
 */
import { setImmediate } from 'node:timers/promises';
import { SystemCallError } from '../errors.ts';
import type { IpAddress } from '../wire/address.ts';
import {
  connectionsOf,
  countConnectionsMessage,
  listConnectionsMessage,
  soughtAddresses,
} from './connection-message.ts';
import { checked, errnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Gathering } from './gathering.ts';
import { Abi } from './kernel-abi.ts';
import { acknowledgedError } from './netlink-message.ts';

/** Room for one read: the kernel fills no more than 32 KiB. */
const REPLY_BYTES = 32_768;

/** Connections that are deleted before others have their turn: some 0.1 ms. */
const DELETED_AT_ONCE = 32;

/**
 * Has the kernel forget all connections from and to these addresses: an established one would be remembered for five days, and
 * whoever gets the address next would be sent what belongs to it.
 *
 * @throws SystemCallError where the kernel does not tell of them: it has none, or lacks nf_conntrack_netlink.
 */
export async function forgetConnections(addresses: readonly IpAddress[]): Promise<void> {
  if (addresses.length > 0) await forgetting.add(addresses);
}

/** Whether the kernel tells of its connections, and so forgets what it is asked to. It loads what it needs for that. */
export function tellsOfConnections(): boolean {
  try {
    const fd = openSocket();
    try {
      send(fd, countConnectionsMessage());
      return errorOf(receive(fd)) === undefined;
    } finally {
      libc.close(fd);
    }
  } catch (error) {
    if (error instanceof SystemCallError) return false;
    throw error;
  }
}

const PURPOSE = 'forget the connections of a pod';

/** Of pods that are removed at one time, all connections are looked at once. */
const forgetting = new Gathering<readonly IpAddress[]>(async (all) => {
  const fd = openSocket();
  try {
    // First all are listed: what is deleted meanwhile would move others in the kernel's table.
    const deletions = await listDeletions(fd, soughtAddresses(all.flat()));
    for (const [at, deletion] of deletions.entries()) {
      if (at % DELETED_AT_ONCE === DELETED_AT_ONCE - 1) await setImmediate();
      send(fd, deletion);
      const error = errorOf(receive(fd));
      // It ended by itself.
      if (error !== undefined && error !== 'ENOENT') throw new SystemCallError('netlink', error, PURPOSE);
    }
  } finally {
    libc.close(fd);
  }
  return [];
});

async function listDeletions(fd: number, sought: ReadonlySet<string>): Promise<readonly Uint8Array[]> {
  send(fd, listConnectionsMessage());
  const deletions: Uint8Array[] = [];
  for (;;) {
    const bytes = receive(fd);
    const part = connectionsOf(bytes, sought);
    if (part === undefined) throw new SystemCallError('netlink', errorOf(bytes) ?? 'EPROTO', PURPOSE);
    deletions.push(...part.deletions);
    if (part.isEnd) return deletions;
    // A node may have hundreds of thousands.
    await setImmediate();
  }
}

/** The kernel answers within the call that asks, or that reads on: there is nothing to wait for. */
function openSocket(): number {
  const type = Abi.SOCK_RAW | Abi.SOCK_CLOEXEC | Abi.SOCK_NONBLOCK;
  return checked(libc.socket(Abi.AF_NETLINK, type, Abi.NETLINK_NETFILTER), 'socket', PURPOSE);
}

function send(fd: number, message: Uint8Array): void {
  checked(libc.writeBytes(fd, message, message.length), 'write', PURPOSE);
}

function receive(fd: number): Uint8Array {
  const bytes = new Uint8Array(REPLY_BYTES);
  return bytes.subarray(0, checked(libc.readBytes(fd, bytes, bytes.length), 'read', PURPOSE));
}

/** Name of the error that an answer says; `undefined`: none. */
function errorOf(answer: Uint8Array): string | undefined {
  const error = acknowledgedError(answer);
  return error === undefined || error === 0 ? undefined : errnoName(error);
}
