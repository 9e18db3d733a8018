/** Why a claim to a name, an address or a prefix is not in use. */

/** Code -> what it means. One closed list; codes are API. */
const routeRefusalMeanings = {
  'other-network': 'the node belongs to another network',
  'no-data-endpoint': 'the node announces no endpoint for its data path, or none that this node can use',
  'name-taken': 'another live node of a lower identity, or any announced node against a static peer, has the name',
  'mac-taken': 'the MAC address is taken likewise',
  'endpoint-taken': 'the underlay address of the data path is taken likewise',
  'prefix-overlap': 'the prefix overlaps one that is taken likewise',
  'outside-cluster': 'the prefix lies in none of the cluster prefixes',
} as const;

export type RouteRefusalCode = keyof typeof routeRefusalMeanings;

/** One claim that is not in use. The first three codes, and those of MAC and endpoint, refuse all routes of the node. */
export interface Refusal {
  /** Identity of the node that is refused; empty for a static peer. */
  readonly identity: string;
  readonly name: string;
  readonly code: RouteRefusalCode;
  /** For people: names both sides of a conflict. */
  readonly message: string;
  /** Who keeps what is contested; absent if nobody contests it. Identity empty for a static peer. */
  readonly keeper?: { readonly identity: string; readonly name: string };
}
