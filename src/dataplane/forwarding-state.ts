/**
 * What the workers need to know to forward: the node itself, its peers, and which prefix lies where.
 *
 * The main thread makes one of these whenever routes or peers change and publishes it (`forwarding-table.ts`).
 */
import { type Endpoint, equalEndpoints, type MacAddress } from '../wire/address.ts';
import { equalBytes } from '../wire/octets.ts';
import { comparePrefixes, type Prefix } from '../wire/prefix.ts';

/** The node at the other end of a tunnel. */
export interface ForwardingPeer {
  /** Small, stable while the daemon runs, 1 to 65535; 0 is this node. Counters are kept by it. A relayed way has its own. */
  readonly index: number;
  /** Where its VXLAN datagrams go to; the address is also the only one that they may come from. */
  readonly endpoint: Endpoint;
  /** Destination of the inner Ethernet header. */
  readonly mac: MacAddress;
  /** Largest inner IP packet that may go to it, in bytes. */
  readonly mtuBytes: number;
  /** Whether both agreed on VXLAN Remote Checksum Offload: transport checksums may be left partial, in both directions. */
  readonly remoteChecksum: boolean;
  /** Whether it relays for others: what comes from it may be of another peer, which the inner Ethernet header names. */
  readonly mayRelay: boolean;
  /** Whether it may have this node pass on what it has for others: a node of the cluster, and no static peer. */
  readonly mayAskRelay: boolean;
  /**
   * Only of an entry that is no peer, but another way to peer `target`: through peer `relay`. Its endpoint is the relay's, its
   * MAC address the target's, and so is what was agreed on. Nobody sends from it: a route that leads to it is the target's.
   */
  readonly via?: { readonly target: number; readonly relay: number };
}

/** A prefix and the peer that announced it, or the way to that peer; peer 0 is this node. */
export interface ForwardingRoute {
  readonly prefix: Prefix;
  readonly peer: number;
}

/** Everything at one moment. */
export interface ForwardingState {
  /** Source of the inner Ethernet header, and the only destination that is accepted. */
  readonly mac: MacAddress;
  readonly peers: readonly ForwardingPeer[];
  /** Whether this node passes on what its peers have for one another. */
  readonly relays: boolean;
  /** At most one route per prefix; conflicts were resolved before. */
  readonly routes: readonly ForwardingRoute[];
}

/** Whether workers would do the same with either state: there is nothing to publish then. */
export function equalForwardingStates(a: ForwardingState, b: ForwardingState): boolean {
  if (!equalMacs(a.mac, b.mac) || a.relays !== b.relays) return false;
  if (a.peers.length !== b.peers.length || a.routes.length !== b.routes.length) return false;
  return a.peers.every((peer, at) => equalPeers(peer, b.peers[at]!)) && equalRoutes(a.routes, b.routes);
}

function equalRoutes(a: readonly ForwardingRoute[], b: readonly ForwardingRoute[]): boolean {
  if (a === b) return true;
  return a.every(({ prefix, peer }, at) => {
    const other = b[at]!;
    return peer === other.peer && (prefix === other.prefix || comparePrefixes(prefix, other.prefix) === 0);
  });
}

function equalPeers(a: ForwardingPeer, b: ForwardingPeer): boolean {
  return (
    a.index === b.index &&
    a.mtuBytes === b.mtuBytes &&
    a.remoteChecksum === b.remoteChecksum &&
    a.mayRelay === b.mayRelay &&
    a.mayAskRelay === b.mayAskRelay &&
    a.via?.target === b.via?.target &&
    a.via?.relay === b.via?.relay &&
    equalMacs(a.mac, b.mac) &&
    (a.endpoint === b.endpoint || equalEndpoints(a.endpoint, b.endpoint))
  );
}

function equalMacs(a: MacAddress, b: MacAddress): boolean {
  return a === b || equalBytes(a, b);
}
