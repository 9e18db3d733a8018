/** The pods of the whole cluster, for who asks for all of them. */
import { setImmediate } from 'node:timers/promises';
import type { Notice, Pod } from '../../api/control-api.ts';
import type { DirectoryEntry, DirectoryReport, MissingNode } from '../../api/directory-api.ts';
import type { PodDirectory } from '../../directory/pod-directory.ts';
import type { PodIndex } from '../../directory/pod-index.ts';
import { comparePodPorts } from '../../directory/pod-port.ts';
import type { Member } from '../../membership/announcement.ts';
import { formatIpAddress } from '../../wire/address.ts';

export interface DirectoryHandlers {
  directory(): Promise<DirectoryReport>;
}

export interface DirectoryHandlerParts {
  readonly directory: Pick<PodDirectory, 'behind'>;
  readonly index: Pick<PodIndex, 'of'>;
  readonly nodeName: string;
  /** Pods of this node. */
  readonly own: () => readonly Pod[];
  /** All members, this node included. */
  readonly members: () => readonly Member[];
  readonly nowMs: () => number;
}

/** Nodes whose pods are read without a pause: gossip has to wait for that long. */
const NODES_AT_A_TIME = 20;

/** Pods of a node that are not known for longer than this are worth a word, in ms. */
const LONG_MS = 60_000;

/** Names of nodes that a notice has, at most. */
const NAMED = 5;

export function directoryHandlers(parts: DirectoryHandlerParts): DirectoryHandlers {
  return {
    directory: async () => {
      const live = liveMembers(parts);
      const states = new Map(parts.own().map((pod) => [`${pod.namespace}/${pod.name}`, pod.state]));
      const pods: DirectoryEntry[] = [];
      for (const [index, { announcement }] of live.entries()) {
        if (index % NODES_AT_A_TIME === NODES_AT_A_TIME - 1) await setImmediate();
        const { identity, name: node } = announcement;
        const ofNode = parts.index.of(identity).map(({ namespace, name, addresses, labels, ports, isSuperseded }) => ({
          node,
          namespace,
          name,
          addresses: addresses.map(formatIpAddress),
          labels,
          ports: ports.toSorted(comparePodPorts),
          superseded: isSuperseded,
          state: (node === parts.nodeName ? states.get(`${namespace}/${name}`) : undefined) ?? null,
        }));
        pods.push(...ofNode.sort(byName));
      }
      return { pods, missing: missingNodes(parts) };
    },
  };
}

/** What a status must not be silent about: nodes whose pods have not come for long. */
export function directoryNotices(parts: DirectoryHandlerParts): Notice[] {
  const long = missingNodes(parts).filter(
    ({ isEarlier, sinceSeconds }) => !isEarlier && sinceSeconds * 1_000 >= LONG_MS,
  );
  if (long.length === 0) return [];
  const names = long.slice(0, NAMED).map(({ node }) => node);
  const more = long.length > NAMED ? ` and ${long.length - NAMED} more` : '';
  const message =
    `the pods of ${names.join(', ')}${more} are not known here as they are now: ` +
    'no node that was asked has the list; names of their pods may be missing or old';
  return [{ code: 'pods-unknown', message }];
}

function missingNodes(parts: DirectoryHandlerParts): MissingNode[] {
  const { directory, nowMs } = parts;
  const since = new Map(directory.behind().map(({ identity, sinceMs }) => [identity, sinceMs]));
  return liveMembers(parts).flatMap(({ announcement, sinceMs }) => {
    const { identity, name: node, podSummary } = announcement;
    const fromMs = podSummary === undefined ? sinceMs : since.get(identity);
    if (fromMs === undefined) return [];
    const sinceSeconds = Math.max(0, Math.floor((nowMs() - fromMs) / 1_000));
    return [{ node, sinceSeconds, isEarlier: podSummary === undefined }];
  });
}

function liveMembers({ members }: Pick<DirectoryHandlerParts, 'members'>): Member[] {
  return members()
    .filter(({ state }) => state === 'alive' || state === 'suspect')
    .sort((a, b) => (a.announcement.name < b.announcement.name ? -1 : 1));
}

function byName(a: DirectoryEntry, b: DirectoryEntry): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
