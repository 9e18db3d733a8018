/** A daemon in a mount namespace of its own makes namespaces of pods that nobody else finds under their names. */
import { isSeenBy, sharesMountsWith } from '../../linux/mount-namespace.ts';
import { NETNS_DIRECTORY } from '../../linux/namespace-files.ts';
import type { Notice } from '../../api/control-api.ts';

const INIT_PID = 1;

/** What to know before any is made; of the daemon. */
export function hiddenNamespacesNotices(): Notice[] {
  // The first process cannot always be looked at; who started this one mostly can.
  const isHidden = [INIT_PID, process.ppid].some((pid) => sharesMountsWith(pid, NETNS_DIRECTORY) === false);
  if (!isHidden) return [];
  const message =
    'this daemon runs in a mount namespace of its own: network namespaces that "weft pod add --new" makes will not be seen ' +
    `outside of it under ${NETNS_DIRECTORY}; start it without one (systemd: no ProtectSystem, PrivateTmp or ProtectHome), ` +
    'or add pods with --netns or --pid';
  return [{ code: 'netns-hidden', message }];
}

/**
 * Whether a namespace that was just made is seen outside; of its pod.
 *
 * @param clientPid who asked for it; `undefined`: unknown.
 */
export function hiddenNamespaceNotices(netns: string, clientPid: number | undefined): Notice[] {
  const pids = [INIT_PID, ...(clientPid === undefined ? [] : [clientPid])];
  if (!pids.some((pid) => isSeenBy(pid, netns) === false)) return [];
  const path = `/proc/${process.pid}/root${netns}`;
  const message =
    `${netns} is seen by this daemon alone, which runs in a mount namespace of its own: ` +
    `from outside, enter it with nsenter --net=${path}`;
  return [{ code: 'netns-hidden', message }];
}
