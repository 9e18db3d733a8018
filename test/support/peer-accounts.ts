/** The accounts of the peers of one worker, held against those of the worker. */
import type { DirectionAccount, WorkerAccount } from '../../src/dataplane/accounts.ts';
import {
  type PeerCountersMemory,
  type PeerDirectionAccount,
  readPeerAccount,
} from '../../src/dataplane/peer-counters.ts';

const directions = ['egress', 'ingress'] as const;
const fields = ['received', 'originated', 'sent', 'delivered', 'relayed', 'dropped', 'queued'] as const;

/**
 * What is wrong: peers of which more was settled than there was, and sums over all peers that are not the worker's, in which what
 * is queued is counted by itself. Where the worker has nothing queued, no peer may have. Empty if nothing is wrong.
 */
export function peerAccountFaults(account: WorkerAccount, memory: PeerCountersMemory): string[] {
  const peers = Array.from({ length: memory.maxPeers + 1 }, (_, peer) => readPeerAccount(memory, peer));
  return directions.flatMap((direction) => {
    const unequal = peers.flatMap((peer, number) => {
      const { queued } = peer[direction];
      const isLeft = queued < 0 || (account[direction].queued === 0 && queued !== 0);
      return isLeft ? [`${direction} of peer ${number}: ${queued} left over`] : [];
    });
    const worker = valuesOf(account[direction]);
    const wrong = fields.flatMap((field) => {
      const sum = peers.reduce((sum, peer) => sum + peer[direction][field], 0);
      return sum === worker[field] ? [] : [`${direction}.${field}: ${sum} of all peers, and ${worker[field]}`];
    });
    return [...unequal, ...wrong];
  });
}

function valuesOf(account: DirectionAccount): PeerDirectionAccount {
  return { ...account, dropped: Object.values(account.dropped).reduce((sum, count) => sum + count, 0) };
}
