/** The peers that traffic is exchanged with: what gossip and configuration say of whoever owns a route. */
import type { Announcement, Member } from '../membership/announcement.ts';
import type { Refusal } from '../routing/refusal.ts';
import type { ResolvedRoute } from '../routing/resolved-route.ts';
import type { StaticPeer } from '../routing/static-peer.ts';
import type { Endpoint, MacAddress } from '../wire/address.ts';

/** A peer whose traffic is forwarded and accepted. */
export interface ActivePeer {
  /** See {@link keyOf}. */
  readonly key: string;
  readonly name: string;
  /** Whether it is a node of the cluster, which answers probes and may have packets relayed, and no static peer. */
  readonly isNode: boolean;
  /** Whether gossip takes it for alive, and not just for suspect. */
  readonly isAlive: boolean;
  /** Whether it passes on packets of others. */
  readonly relays: boolean;
  /** Keys of the peers that it says to have no good way to. */
  readonly badTo: readonly string[];
  readonly remoteChecksum: boolean;
  readonly endpoint: Endpoint;
  readonly mac: MacAddress;
  /** Overlay MTU that it announces, or that was configured for it, in bytes. */
  readonly mtuBytes: number;
}

/** Capability of a node that takes, from whoever has it, too, packets with VXLAN Remote Checksum Offload. */
export const REMOTE_CHECKSUM = 'remote-checksum';
/** Capability of a node that passes on packets between others which do not reach each other. */
export const RELAY = 'relay';

/** The gear that this version speaks: what moves packets at the end of a data path. */
export const GEAR = 'userspace';

/** From which reported loss on a relay is not asked to pass on packets to that node, in permille. */
const BAD_LOSS_PERMILLE = 500;

const NOBODY: readonly string[] = [];

/** What this node itself is able to, and what its static peers are taken to be. */
export interface PeerDefaults {
  /** Whether this node announces Remote Checksum Offload; it is used with those that do, too. */
  readonly remoteChecksum: boolean;
  /** Overlay MTU of static peers for which none was configured, in bytes. */
  readonly mtuBytes: number;
}

/**
 * Whoever owns at least one route. A node whose every claim is refused is no peer: nothing may come from it.
 *
 * @param owners keys of those who own a route.
 */
export function activePeers(
  members: readonly Member[],
  staticPeers: readonly StaticPeer[],
  owners: ReadonlySet<string>,
  defaults: PeerDefaults,
): ActivePeer[] {
  const gossip = members.flatMap(({ announcement, state }): ActivePeer[] => {
    const endpoint = dataEndpointOf(announcement);
    const { identity: key, name, mac, mtuBytes, capabilities } = announcement;
    if (endpoint === undefined || !owners.has(key)) return [];
    const remoteChecksum = defaults.remoteChecksum && capabilities.includes(REMOTE_CHECKSUM);
    const relays = capabilities.includes(RELAY);
    const [isNode, isAlive, badTo] = [true, state === 'alive', badTargets(announcement)];
    return [{ key, name, isNode, isAlive, relays, badTo, remoteChecksum, endpoint, mac, mtuBytes }];
  });
  const fixed = staticPeers.map((peer): ActivePeer => ({
    key: staticKey(peer),
    name: peer.name,
    isNode: false,
    isAlive: true,
    relays: false,
    badTo: NOBODY,
    remoteChecksum: false,
    endpoint: peer.endpoint,
    mac: peer.mac,
    mtuBytes: peer.mtuBytes ?? defaults.mtuBytes,
  }));
  return [...gossip, ...fixed.filter(({ key }) => owners.has(key))];
}

/** Key of the peer that owns a route: its identity, or `static:NAME`. */
export function keyOf({ owner }: Pick<ResolvedRoute, 'owner'>): string {
  return owner.kind === 'static' ? staticKey(owner) : owner.identity;
}

/** Key of a static peer. */
export function staticKey({ name }: { readonly name: string }): string {
  return `static:${name}`;
}

/** Where the data path of a node is reached, with what this version speaks. */
export function dataEndpointOf(announcement: Announcement): Endpoint | undefined {
  return announcement.dataEndpoints.find(({ gear }) => gear === GEAR)?.endpoint;
}

/**
 * Whether a live node has a data path, but none that this node has. All nodes resolve routes alike, whatever gear each of them
 * speaks: its own part comes here.
 */
export function isUnreachable({ announcement, state }: Member): boolean {
  const isLive = state === 'alive' || state === 'suspect';
  return isLive && announcement.dataEndpoints.length > 0 && dataEndpointOf(announcement) === undefined;
}

/** The same, for people. */
export function unreachableRefusal({ identity, name, dataEndpoints }: Announcement): Refusal {
  const gears = dataEndpoints.map(({ gear }) => gear).join(', ');
  const message = `node ${name} (${identity}): its data path is ${gears}, and this node has only ${GEAR}`;
  return { identity, name, code: 'no-data-endpoint', message };
}

function badTargets({ pathReports }: Announcement): readonly string[] {
  if (pathReports.length === 0) return NOBODY;
  return pathReports.filter(({ lossPermille }) => lossPermille >= BAD_LOSS_PERMILLE).map(({ identity }) => identity);
}
