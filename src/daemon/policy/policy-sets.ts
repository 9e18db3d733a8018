/** Peers and named ports of policies, as sets of nftables. There is none for what would be empty: no rule looks into it. */
import type { NftSetContent } from '../../linux/nft-table-content.ts';
import type { PeerSet, PortSet } from '../../policy/node-plan.ts';
import { protocolNumbers } from '../../policy/plan-verdict.ts';
import { formatIpAddress } from '../../wire/address.ts';
import { isSingleAddress, prefixWord } from '../../wire/prefix.ts';
import { peerSetName, portSetName } from './policy-names.ts';

/** A set of nftables, and the addresses that are in it. */
export interface PolicySet {
  readonly name: string;
  readonly family: 4 | 6;
  readonly content: NftSetContent;
}

const families = [4, 6] as const;

/** Single addresses are in a hash table; only prefixes need a set of ranges, which costs more to change. */
export function peerSets({ key, prefixes }: PeerSet): PolicySet[] {
  return families.flatMap((family) => {
    const all = prefixes.filter(({ address }) => address.family === family);
    const hosts = all.filter(isSingleAddress);
    const blocks = all.filter((prefix) => !isSingleAddress(prefix));
    return [
      ...policySet(peerSetName('hosts', family, key), family, { type: `ipv${family}_addr` }, hosts.map(prefixWord)),
      ...policySet(
        peerSetName('blocks', family, key),
        family,
        { type: `ipv${family}_addr`, details: 'flags interval;' },
        blocks.map(prefixWord),
      ),
    ];
  });
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
