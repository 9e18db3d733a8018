/** Peers as the control API shows them. */
import type { PeerCount } from '../dataplane/peer-counters.ts';
import type { Member } from '../membership/announcement.ts';
import type { PathState } from '../paths/path-table.ts';
import type { StaticPeer } from '../routing/static-peer.ts';
import { formatEndpoint, formatMacAddress } from '../wire/address.ts';
import { formatPrefix } from '../wire/prefix.ts';
import { dataEndpointOf, staticKey } from './active-peers.ts';
import type { Peer } from '../api/control-api.ts';

/** What a node knows of a peer, beside what the peer says and what was configured. */
export interface PeerFacts {
  readonly sent: PeerCount;
  /** The direct path; `undefined`: it is not probed. */
  readonly direct: PathState | undefined;
  /** Name of the relay through which its packets go, and the path through it; `undefined`: they go straight. */
  readonly relayed: { readonly relay: string; readonly path: PathState | undefined } | undefined;
  /** Why none, or not all, of what it claims is in use. */
  readonly refusals: readonly string[];
}

export interface PeerViewOptions {
  /** Overlay MTU of this node, in bytes. */
  readonly mtuBytes: number;
  /** What to add to a member's time to get wall-clock time, in ms. */
  readonly memberClockOffsetMs: number;
  /** Since when static peers are there, in ms since 1970. */
  readonly startedMs: number;
  readonly factsOf: (key: string, identity: string, name: string) => PeerFacts;
}

/** Members and static peers, by name. */
export function viewPeers(
  members: readonly Member[],
  staticPeers: readonly StaticPeer[],
  options: PeerViewOptions,
): Peer[] {
  const gossip = members.map(({ announcement, state, sinceMs }): Peer => {
    const { identity, name, mac, prefixes, mtuBytes, version, capabilities, pathReports } = announcement;
    const endpoint = dataEndpointOf(announcement);
    return {
      name,
      identity,
      kind: 'gossip',
      state,
      endpoint: endpoint === undefined ? '' : formatEndpoint(endpoint),
      mac: formatMacAddress(mac),
      prefixes: prefixes.map(formatPrefix),
      mtuBytes,
      version,
      capabilities,
      since: new Date(sinceMs + options.memberClockOffsetMs).toISOString(),
      ...knownOf(options.factsOf(identity, identity, name), Math.min(mtuBytes, options.mtuBytes)),
      pathReports,
    };
  });
  const fixed = staticPeers.map((peer): Peer => {
    const mtuBytes = peer.mtuBytes ?? options.mtuBytes;
    return {
      name: peer.name,
      identity: '',
      kind: 'static',
      state: 'static',
      endpoint: formatEndpoint(peer.endpoint),
      mac: formatMacAddress(peer.mac),
      prefixes: peer.prefixes.map(formatPrefix),
      mtuBytes,
      version: '',
      capabilities: [],
      since: new Date(options.startedMs).toISOString(),
      ...knownOf(options.factsOf(staticKey(peer), '', peer.name), Math.min(mtuBytes, options.mtuBytes)),
      pathReports: [],
    };
  });
  return [...gossip, ...fixed].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

type Known = Pick<Peer, 'sentPackets' | 'sentBytes' | 'path' | 'relay' | 'directPath' | 'refusals'>;

function knownOf({ sent, direct, relayed, refusals }: PeerFacts, mtuBytes: number): Known {
  return {
    sentPackets: sent.packets,
    sentBytes: sent.bytes,
    path: viewPath(relayed === undefined ? direct : relayed.path, mtuBytes),
    relay: relayed?.relay ?? '',
    directPath: relayed === undefined ? null : viewPath(direct, mtuBytes),
    refusals,
  };
}

function viewPath(state: PathState | undefined, announcedMtuBytes: number): Peer['path'] {
  if (state === undefined) {
    const unknown = { roundTripMs: null, lossRatio: null, lossOutRatio: null, lossInRatio: null };
    return { mtuBytes: announcedMtuBytes, ...unknown, probing: 'off' };
  }
  const { mtuBytes, roundTripMs, lossRatio, lossOutRatio, lossInRatio, phase } = state;
  const shown = roundTripMs && { smoothed: microseconds(roundTripMs.smoothed), min: microseconds(roundTripMs.min) };
  return { mtuBytes, roundTripMs: shown ?? null, lossRatio, lossOutRatio, lossInRatio, probing: phase };
}

/** Digits beyond a microsecond mean nothing. */
function microseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
