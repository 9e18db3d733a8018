/**
 * Connections as the kernel tracks them, by netlink(7).
 *
 * Chosen: messages of our own. Instead of: conntrack(8). Because: that reads all connections of the node once for each address and
 * direction, which for the 32 pods of a node that is emptied takes longer than all the rest; and it is one program less to be there.
 */
import { SystemCallError } from '../errors.ts';
import type { IpAddress } from '../wire/address.ts';
import {
  countConnectionsMessage,
  deletionMessage,
  deletionOf,
  markMessage,
  soughtAddresses,
  type TrackedConnection,
  trackedConnection,
} from './connection-message.ts';
import { ConnectionSocket } from './connection-socket.ts';
import { Gathering } from './gathering.ts';

/**
 * Has the kernel forget all connections from and to these addresses: an established one would be remembered for five days, and
 * whoever gets the address next would be sent what belongs to it.
 *
 * @throws SystemCallError where the kernel does not tell of them: it has none, or lacks nf_conntrack_netlink.
 */
export async function forgetConnections(addresses: readonly IpAddress[]): Promise<void> {
  if (addresses.length > 0) await forgetting.add(addresses);
}

/** Looks at each connection. @throws SystemCallError as {@link forgetConnections} */
export async function visitConnections(visit: (connection: TrackedConnection) => void): Promise<void> {
  const socket = new ConnectionSocket('list connections');
  try {
    await socket.list((listed) => {
      const connection = trackedConnection(listed);
      if (connection !== undefined) visit(connection);
      return undefined;
    });
  } finally {
    socket.close();
  }
}

/**
 * Has the kernel forget those of its connections for which `isGone` says so.
 *
 * @returns how many. @throws SystemCallError as {@link forgetConnections}
 */
export async function forgetConnectionsThat(isGone: (connection: TrackedConnection) => boolean): Promise<number> {
  const socket = new ConnectionSocket('forget connections');
  try {
    const messages = await socket.list((listed) => {
      const connection = trackedConnection(listed);
      return connection !== undefined && isGone(connection) ? deletionMessage(listed) : undefined;
    });
    await socket.change(messages);
    return messages.length;
  } finally {
    socket.close();
  }
}

/** Whether the kernel tells of its connections, and so forgets what it is asked to. It loads what it needs for that. */
export function tellsOfConnections(): boolean {
  try {
    return withSocket('look for connections', (socket) => socket.ask(countConnectionsMessage()) === undefined);
  } catch (error) {
    if (error instanceof SystemCallError) return false;
    throw error;
  }
}

/**
 * Sets a bit of the mark of connections, or clears it, and leaves the other bits to whom they belong.
 *
 * @param isMarked whether a connection is to have it; `undefined`: that is left as it is.
 * @returns how many had it set, and cleared. @throws SystemCallError as {@link forgetConnections}
 */
export async function markConnections(
  bit: number,
  isMarked: (connection: TrackedConnection) => boolean | undefined,
): Promise<{ readonly set: number; readonly cleared: number }> {
  const socket = new ConnectionSocket('mark connections');
  try {
    const changes = await socket.list((listed) => {
      const connection = trackedConnection(listed);
      const isWanted = connection && isMarked(connection);
      if (isWanted === undefined || isWanted === ((connection!.mark & bit) !== 0)) return undefined;
      const message = markMessage(listed, bit, isWanted);
      return message && { message, isWanted };
    });
    await socket.change(changes.map(({ message }) => message));
    const set = changes.filter(({ isWanted }) => isWanted).length;
    return { set, cleared: changes.length - set };
  } finally {
    socket.close();
  }
}

/** Of pods that are removed at one time, all connections are looked at once. */
const forgetting = new Gathering<readonly IpAddress[]>(async (all) => {
  const sought = soughtAddresses(all.flat());
  const socket = new ConnectionSocket('forget the connections of a pod');
  try {
    await socket.change(await socket.list((listed) => deletionOf(listed, sought)));
  } finally {
    socket.close();
  }
  return [];
});

function withSocket<Value>(purpose: string, use: (socket: ConnectionSocket) => Value): Value {
  const socket = new ConnectionSocket(purpose);
  try {
    return use(socket);
  } finally {
    socket.close();
  }
}
