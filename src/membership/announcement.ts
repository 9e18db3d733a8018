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
}
