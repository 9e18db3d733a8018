/** Peers that no gossip tells of. */
import type { Endpoint, MacAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';

/** A VTEP that is not weft, from this node's configuration. It belongs to this node's network. */
export interface StaticPeer {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly mac: MacAddress;
  readonly prefixes: readonly Prefix[];
  /** Largest inner packet that may go to it, in bytes; absent: as large as this node's overlay MTU. */
  readonly mtuBytes?: number | undefined;
}
