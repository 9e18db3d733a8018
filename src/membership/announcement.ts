/** What a node says of itself, and gossip spreads. */
import type { Endpoint, IpAddress, MacAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';

/**
 * How a node's pods are reached over one dataplane ("gear"). Today there is one: `userspace`, the workers' VXLAN port.
 */
export interface DataEndpoint {
  readonly gear: string;
  readonly endpoint: Endpoint;
}

export interface Announcement {
  /** The node, for good: 32 lower-case hex digits, random, made at the first start and persisted. */
  readonly identity: string;
  /** Unique among live nodes of the network; the lower identity keeps a contested one. */
  readonly name: string;
  /** Network that the prefixes belong to. */
  readonly network: string;
  /** Where gossip reaches the node (UDP and TCP). */
  readonly gossipEndpoint: Endpoint;
  readonly dataEndpoints: readonly DataEndpoint[];
  /** Inner Ethernet address of the node. */
  readonly mac: MacAddress;
  /** Overlay address of the node itself, of each family it has. Lies in one of its prefixes. */
  readonly nodeAddresses: readonly IpAddress[];
  /** Prefixes whose pods are at this node. */
  readonly prefixes: readonly Prefix[];
  /** Overlay MTU of the node, in bytes. */
  readonly mtuBytes: number;
  /** Version of weft, for people. */
  readonly version: string;
  /** Abilities by name: `remote-checksum`, `relay`. Unknown ones are kept and ignored. */
  readonly capabilities: readonly string[];
  /** Cluster keys that the node holds, the one it seals with first: 16 hexadecimal digits each. None: it uses no keys. */
  readonly keyIds: readonly string[];
  /** Its worst ways to others, if any is bad. */
  readonly pathReports: readonly PathReport[];
  /** Its pods, in short. Absent: it does not say which it has. */
  readonly podSummary?: PodSummary;
  /** On-link prefixes of its interfaces in which it would answer for addresses of load balancers. Absent: none. */
  readonly linkPrefixes?: readonly Prefix[];
}

/** The pods of a node, in short: two nodes with equal summaries of a third know the same pods of it. */
export interface PodSummary {
  /** Grows with each change: 1 to 2^48 - 1. */
  readonly version: number;
  /** Over all pods: 16 hexadecimal digits. */
  readonly digest: string;
  readonly pods: number;
}

/** How a node measures its way to another. */
export interface PathReport {
  /** The node at the other end. */
  readonly identity: string;
  /** Probes that were not answered, 0 to 1000; 1000: no way at all. */
  readonly lossPermille: number;
  /** Round trip, in microseconds; 0 if nothing was answered. */
  readonly roundTripUs: number;
}

/** State of a member as this node sees it. `left` went gracefully; neither `dead` nor `left` has routes. */
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left';

/** A node as SWIM sees it. */
export interface Member {
  readonly announcement: Announcement;
  /** Raised by the node itself, to refute and whenever what it announces changes. */
  readonly incarnation: number;
  readonly state: MemberState;
  /** When `state` was entered, on this node's clock, in ms. */
  readonly sinceMs: number;
  /** When the announcement was made, on this node's clock, in ms: late by what its ways here took on the wire. */
  readonly announcedMs: number;
}

/** One change of the member list: a member is new if there is no `before`, forgotten if there is no `after`. */
export interface MemberChange {
  readonly before: Member | undefined;
  readonly after: Member | undefined;
}
