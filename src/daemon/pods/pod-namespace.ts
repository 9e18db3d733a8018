/** The network namespace of a pod: somebody else's, or one that weft made for it. */
import { existsSync, rmSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { ConflictError } from '../../errors.ts';
import { hasDevice } from '../../linux/device-names.ts';
import { batchWord, ipBatch } from '../../linux/iproute.ts';
import { findNamespace, namespaceIdentity, namespaceOfProcess, NETNS_DIRECTORY } from '../../linux/namespace-files.ts';
import { titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';
import type { PodWish } from './pod-request.ts';
import { removeResolverFile } from './pod-resolver-file.ts';

/** Where a pod lives, as its record says it. */
export type PodPlace = Pick<PodRecord, 'netns' | 'netnsIdentity' | 'ownsNetns'>;

/** The network namespace of this process's main thread. */
const OWN_NETNS = '/proc/self/ns/net';

/**
 * The namespace that a request means. One of our own is not made yet, so it has no identity.
 *
 * @param newName under /run/netns, of one of our own.
 * @throws ConflictError `netns-exists` if the name of one of our own is in use, `netns-of-node` for the node's own: a pod's
 *   default route would take the node off its network.
 * @throws NotFoundError `netns-not-found`, `process-not-found`.
 */
export function placeOf(
  newName: string,
  wish: Pick<PodWish, 'netns' | 'pid' | 'newNetns'>,
  clientPid: number | undefined,
): PodPlace {
  if (wish.newNetns) {
    const netns = `${NETNS_DIRECTORY}/${newName}`;
    if (existsSync(netns))
      throw new ConflictError('netns-exists', `there is a network namespace ${netns} already`, { netns });
    return { netns, netnsIdentity: '', ownsNetns: true };
  }
  const { path, identity } =
    wish.pid === undefined ? findNamespace(wish.netns ?? '', clientPid) : namespaceOfProcess(wish.pid);
  if (identity === namespaceIdentity(OWN_NETNS)) {
    const message = `${path} is the network namespace of the node itself: a pod needs one of its own`;
    throw new ConflictError('netns-of-node', message, { netns: path });
  }
  return { netns: path, netnsIdentity: identity, ownsNetns: false };
}

/**
 * Whether the file of a pod's namespace still stands for the namespace that the pod was connected in. It never stands for the node's
 * own: in a container that was started again, process ids and numbers of namespaces are given again, and may be the same.
 */
export function isPlaceReachable({ netns, netnsIdentity }: Pick<PodPlace, 'netns' | 'netnsIdentity'>): boolean {
  const identity = namespaceIdentity(netns);
  return netnsIdentity !== '' && identity === netnsIdentity && identity !== namespaceIdentity(OWN_NETNS);
}

/** @param containerId whose interfaces share one. @throws ConflictError `netns-in-use` if another pod that is there lives in it. */
export function refuseSharing(
  { netns, netnsIdentity }: PodPlace,
  pods: readonly PodRecord[],
  containerId?: string,
): void {
  for (const other of pods) {
    if (containerId !== undefined && other.attachment?.containerId === containerId) continue;
    // The number of a namespace that is gone can be given again.
    if (other.netnsIdentity !== netnsIdentity || !hasDevice(other.hostDevice)) continue;
    throw new ConflictError('netns-in-use', `${netns} is the network namespace of pod ${titleOf(other)}`, {
      pod: titleOf(other),
    });
  }
}

/** Removes a namespace that weft made, unless its name now stands for another. @returns whether there was something. */
export async function removeOwnNamespace(record: PodRecord): Promise<boolean> {
  if (!record.ownsNetns) return false;
  const identity = namespaceIdentity(record.netns);
  const isOther = identity !== undefined && record.netnsIdentity !== '' && record.netnsIdentity !== identity;
  if (!isOther) removeResolverFile(basename(record.netns));
  if (identity === undefined) return removeEmptyFile(record.netns);
  if (isOther) return false;
  const name = basename(record.netns);
  await ipBatch([`netns delete ${batchWord(name)}`], { purpose: `remove the network namespace ${name}` });
  return true;
}

/** What is left of a name under /run/netns when its mount is gone. */
function removeEmptyFile(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file?.isFile() || file.size !== 0) return false;
  rmSync(path);
  return true;
}
