/** Peers and named ports of policies, as sets of nftables. There is none for what would be empty: no rule looks into it. */
import type { NftSetContent } from '../../linux/nft-table-content.ts';
import type { PeerSet, PortSet } from '../../policy/node-plan.ts';
import { protocolNumbers } from '../../policy/plan-verdict.ts';
import { formatIpAddress } from '../../wire/address.ts';
import { isSingleAddress, type Prefix, prefixWord } from '../../wire/prefix.ts';
import { peerSetName, portSetName } from './policy-names.ts';

/** A set of nftables, without the addresses that are in it. */
export interface PolicySetName {
  readonly name: string;
  readonly family: 4 | 6;
}

/** With them. */
export interface PolicySet extends PolicySetName {
  readonly content: NftSetContent;
}

const families = [4, 6] as const;

/** Single addresses are in a hash table; only prefixes need a set of ranges, which costs more to change. */
const kinds = ['hosts', 'blocks'] as const;

/** Made once for each set, which does not change: thousands of rules may ask, and a set may have as many addresses. */
const namesOfPeers = new WeakMap<PeerSet, readonly PolicySetName[]>();
const namesOfPorts = new WeakMap<PortSet, readonly PolicySetName[]>();

/** The sets that {@link peerSets} makes. */
export function peerSetNames(set: PeerSet): readonly PolicySetName[] {
  return kept(namesOfPeers, set, namesOfPeerSet);
}

/** The sets that {@link portSets} makes. */
export function portSetNames(set: PortSet): readonly PolicySetName[] {
  return kept(namesOfPorts, set, namesOfPortSet);
}

function kept<Key extends object, Value>(values: WeakMap<Key, Value>, key: Key, make: (key: Key) => Value): Value {
  const known = values.get(key);
  if (known !== undefined) return known;
  const made = make(key);
  values.set(key, made);
  return made;
}

function namesOfPeerSet({ key, prefixes }: PeerSet): readonly PolicySetName[] {
  return families.flatMap((family) =>
    kinds
      .filter((kind) => prefixes.some((prefix) => isOf(prefix, kind, family)))
      .map((kind) => ({ name: peerSetName(kind, family, key), family })),
  );
}

export function peerSets({ key, prefixes }: PeerSet): PolicySet[] {
  return families.flatMap((family) =>
    kinds.flatMap((kind) =>
      policySet(
        peerSetName(kind, family, key),
        family,
        { type: `ipv${family}_addr`, ...(kind === 'blocks' ? { details: 'flags interval;' } : {}) },
        prefixes.filter((prefix) => isOf(prefix, kind, family)).map(prefixWord),
      ),
    ),
  );
}

function isOf(prefix: Prefix, kind: (typeof kinds)[number], family: 4 | 6): boolean {
  return prefix.address.family === family && isSingleAddress(prefix) === (kind === 'hosts');
}

function namesOfPortSet({ key, elements }: PortSet): readonly PolicySetName[] {
  return families
    .filter((family) => elements.some(({ address }) => address.family === family))
    .map((family) => ({ name: portSetName(family, key), family }));
}

export function portSets({ key, elements }: PortSet): PolicySet[] {
  return families.flatMap((family) =>
    policySet(
      portSetName(family, key),
      family,
      { type: `ipv${family}_addr . inet_proto . inet_service` },
      elements
        .filter(({ address }) => address.family === family)
        .map(({ address, protocol, port }) => `${formatIpAddress(address)} . ${protocolNumbers[protocol]} . ${port}`),
    ),
  );
}

function policySet(
  name: string,
  family: 4 | 6,
  declared: NftSetContent,
  elements: readonly string[],
): readonly PolicySet[] {
  return elements.length === 0 ? [] : [{ name, family, content: { ...declared, elements: new Set(elements) } }];
}
