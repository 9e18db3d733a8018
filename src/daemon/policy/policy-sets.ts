/** Peers and named ports of policies, as sets of nftables. There is none for what would be empty: no rule looks into it. */
import type { NftSetContent } from '../../linux/nft-table-content.ts';
import type { NftPieceElements } from '../../linux/nft-table-pieces.ts';
import type { PeerSet, PortSet } from '../../policy/node-plan.ts';
import { protocolNumbers } from '../../policy/plan-verdict.ts';
import { comparePortElements } from '../../policy/same-plan.ts';
import { formatIpAddress } from '../../wire/address.ts';
import { comparePrefixes, isSingleAddress, type Prefix, prefixWord } from '../../wire/prefix.ts';
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

/** Goes through the prefixes once: there may be thousands, and they are others with each pod that comes. */
function namesOfPeerSet({ key, prefixes }: PeerSet): readonly PolicySetName[] {
  const isThere = { 4: { hosts: false, blocks: false }, 6: { hosts: false, blocks: false } };
  for (const prefix of prefixes) isThere[prefix.address.family][isSingleAddress(prefix) ? 'hosts' : 'blocks'] = true;
  return families.flatMap((family) =>
    kinds.filter((kind) => isThere[family][kind]).map((kind) => ({ name: peerSetName(kind, family, key), family })),
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

/** What makes the sets of `before` those of `after`, where both have sets of the same names. */
export function peerSetDifference(before: PeerSet, after: PeerSet): NftPieceElements {
  const { added, gone } = orderedDifference(before.prefixes, after.prefixes, comparePrefixes);
  const setOf = (prefix: Prefix): string =>
    peerSetName(isSingleAddress(prefix) ? 'hosts' : 'blocks', prefix.address.family, after.key);
  return bySet({ added, gone }, setOf, prefixWord);
}

/** As {@link peerSetDifference}. */
export function portSetDifference(before: PortSet, after: PortSet): NftPieceElements {
  const difference = orderedDifference(before.elements, after.elements, comparePortElements);
  return bySet(difference, ({ address }) => portSetName(address.family, after.key), portWord);
}

interface Difference<Element> {
  readonly added: readonly Element[];
  readonly gone: readonly Element[];
}

/** Of two lists in order, of which most elements are the very same ones. */
function orderedDifference<Element>(
  before: readonly Element[],
  after: readonly Element[],
  compare: (a: Element, b: Element) => number,
): Difference<Element> {
  const difference = { added: [] as Element[], gone: [] as Element[] };
  for (let [old, fresh] = [0, 0]; old < before.length || fresh < after.length;) {
    const [a, b] = [before[old], after[fresh]];
    const order = a === b ? 0 : a === undefined ? 1 : b === undefined ? -1 : compare(a, b);
    if (order < 0) difference.gone.push(a!);
    if (order > 0) difference.added.push(b!);
    if (order <= 0) old++;
    if (order >= 0) fresh++;
  }
  return difference;
}

function bySet<Element>(
  { added, gone }: Difference<Element>,
  setOf: (element: Element) => string,
  wordOf: (element: Element) => string,
): NftPieceElements {
  const names = new Set([...added, ...gone].map(setOf));
  const wordsIn = (set: string, elements: readonly Element[]): string[] =>
    elements.filter((element) => setOf(element) === set).map(wordOf);
  return new Map([...names].map((name) => [name, { added: wordsIn(name, added), gone: wordsIn(name, gone) }]));
}

function isOf(prefix: Prefix, kind: (typeof kinds)[number], family: 4 | 6): boolean {
  return prefix.address.family === family && isSingleAddress(prefix) === (kind === 'hosts');
}

/** Elements are in order, so those of one family are before those of the other. */
function namesOfPortSet({ key, elements }: PortSet): readonly PolicySetName[] {
  const ends = [elements[0], elements.at(-1)].map((element) => element?.address.family);
  return families
    .filter((family) => ends.includes(family))
    .map((family) => ({ name: portSetName(family, key), family }));
}

export function portSets({ key, elements }: PortSet): PolicySet[] {
  return families.flatMap((family) =>
    policySet(
      portSetName(family, key),
      family,
      { type: `ipv${family}_addr . inet_proto . inet_service` },
      elements.filter(({ address }) => address.family === family).map(portWord),
    ),
  );
}

function portWord({ address, protocol, port }: PortSet['elements'][number]): string {
  return `${formatIpAddress(address)} . ${protocolNumbers[protocol]} . ${port}`;
}

function policySet(
  name: string,
  family: 4 | 6,
  declared: NftSetContent,
  elements: readonly string[],
): readonly PolicySet[] {
  return elements.length === 0 ? [] : [{ name, family, content: { ...declared, elements: new Set(elements) } }];
}
