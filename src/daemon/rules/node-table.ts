/** What the kernel has of the node's nftables table: the sets that change, what was counted, and who was refused. */
import { CommandError } from '../../errors.ts';
import { readCounters } from '../../linux/nft-netlink.ts';
import { listElements, listSet, type ListedSet, packetsOf, partsOf } from '../../linux/nft-table-listing.ts';
import { NODE_TABLE } from '../../linux/nftables.ts';
import { REFUSED_SETS, ruleCounters, type RuleCounter } from './node-rules.ts';
import { type NodeSets, setsFrom } from './node-sets.ts';

/** What was refused within the last minutes, of one device or of one pair of addresses behind it. */
export interface RefusedSender {
  /** Device that the packets came by. */
  readonly device: string;
  /** `undefined`: all that came by the device, also pairs that there was no room to remember. */
  readonly pair: { readonly source: string; readonly destination: string } | undefined;
  readonly packets: number;
}

/** Of each counter, since the table was made. */
export type RuleCounts = Readonly<Record<RuleCounter, number>>;

/** Reads the sets; `undefined` if there is no table, or nothing that could read it. The cost grows with the number of nodes. */
export async function readNodeSets(): Promise<NodeSets | undefined> {
  try {
    const elements = await listElements(NODE_TABLE);
    return elements && setsFrom(elements);
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Counts, which cost next to nothing; `undefined` if there is no table. */
export async function readRuleCounts(): Promise<RuleCounts | undefined> {
  const counters = readCounters(NODE_TABLE);
  if (counters === undefined) return undefined;
  const names = Object.keys(ruleCounters) as RuleCounter[];
  return Object.fromEntries(names.map((name) => [name, counters.get(name) ?? 0])) as unknown as RuleCounts;
}

/** Whom the kernel remembers; nobody where there is no table. */
export async function readRefusedSenders(): Promise<RefusedSender[]> {
  const sets = await Promise.all(REFUSED_SETS.map((name) => listSet(NODE_TABLE, name)));
  return parseRefusedSenders(sets.flatMap((set) => set ?? []));
}

export function parseRefusedSenders(sets: readonly ListedSet[]): RefusedSender[] {
  return sets.flatMap(({ elem = [] }) => elem.flatMap((element) => refusedSender(element)));
}

function refusedSender(element: unknown): RefusedSender[] {
  const [device, source, destination] = partsOf(element);
  if (device === undefined) return [];
  const packets = packetsOf(element);
  if (source === undefined) return [{ device, pair: undefined, packets }];
  return destination === undefined ? [] : [{ device, pair: { source, destination }, packets }];
}
