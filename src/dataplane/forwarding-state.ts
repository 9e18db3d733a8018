/**
 * What the workers need to know to forward: the node itself, its peers, and which prefix lies where.
 *
 * The main thread makes one of these whenever routes or peers change and publishes it (`forwarding-table.ts`).
 */
import type { Endpoint, MacAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';

/** The node at the other end of a tunnel. */
export interface ForwardingPeer {
  /** Small, stable while the daemon runs, 1 to 65535; 0 is this node. Counters are kept by it. */
  readonly index: number;
  /** Where its VXLAN datagrams go to; the address is also the only one that they may come from. */
  readonly endpoint: Endpoint;
  /** Destination of the inner Ethernet header. */
  readonly mac: MacAddress;
  /** Largest inner IP packet that may go to it, in bytes. */
  readonly mtuBytes: number;
  /** Whether both agreed on VXLAN Remote Checksum Offload: transport checksums may be left partial, in both directions. */
  readonly remoteChecksum: boolean;
}

/** A prefix and the peer that announced it; peer 0 is this node. */
export interface ForwardingRoute {
  readonly prefix: Prefix;
  readonly peer: number;
}

/** Everything at one moment. */
export interface ForwardingState {
  /** Source of the inner Ethernet header, and the only destination that is accepted. */
  readonly mac: MacAddress;
  readonly peers: readonly ForwardingPeer[];
  /** At most one route per prefix; conflicts were resolved before. */
  readonly routes: readonly ForwardingRoute[];
}
