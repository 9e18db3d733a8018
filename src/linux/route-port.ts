/** Whose a port of rtnetlink is: the address of a netlink(7) socket, by which the kernel says who asked for a change. */
import { Abi } from './kernel-abi.ts';
import { processName } from './process-state.ts';
import { ownerOfSocket, ownsSocket } from './socket-owner.ts';
import { netlinkInode } from './socket-table.ts';

/** From one look at all processes to the next, in ms. */
const SEARCH_INTERVAL_MS = 2_000;

/** How long one may take, in ms: mostly some 10; gossip waits meanwhile. */
const SEARCH_MS = 50;

let searchedAtMs = -Infinity;

/**
 * The process that has it now, in this network namespace; `undefined` if none does that can be seen. The first socket of a
 * process has its id as port, others a number at random: these are sought at a limited rate.
 */
export function processAtRoutePort(port: number): { readonly pid: number; readonly name: string } | undefined {
  const inode = netlinkInode(Abi.NETLINK_ROUTE, port);
  // The sockets of the kernel have none.
  if (inode === undefined || inode === '0') return undefined;
  const pid = ownsSocket(port, inode) ? port : search(inode);
  return pid === undefined ? undefined : { pid, name: processName(pid) };
}

function search(inode: string): number | undefined {
  const nowMs = performance.now();
  if (nowMs - searchedAtMs < SEARCH_INTERVAL_MS) return undefined;
  searchedAtMs = nowMs;
  return ownerOfSocket(inode, SEARCH_MS);
}
