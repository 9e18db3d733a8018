/** What the kernel has of the node's nftables table: its rules, the sets that change, what was counted and refused. */
import { CommandError } from '../../errors.ts';
import { runJsonCommand } from '../../linux/command.ts';
import { NODE_TABLE, titleOf } from '../../linux/nftables.ts';
import { ruleCounters, type RuleCounter } from './node-rules.ts';
import { parseSets, type NodeSets } from './node-sets.ts';

/** What was refused within the last minutes, of one device or of one pair of addresses behind it. */
export interface RefusedSender {
  /** Device that the packets came by. */
  readonly device: string;
  /** `undefined`: all that came by the device, also pairs that there was no room to remember. */
  readonly pair: { readonly source: string; readonly destination: string } | undefined;
  readonly packets: number;
}

const refusedSets: readonly string[] = ['refusedby', 'refused4', 'refused6'];

/** Of each counter, since the table was made. */
export type RuleCounts = Readonly<Record<RuleCounter, number>>;

/** One look. */
export interface NodeTable {
  /** Everything but counts and elements of sets: equal texts are equal rules. */
  readonly shape: string;
  readonly sets: NodeSets;
  readonly refused: readonly RefusedSender[];
}

/** What of `nft -j list table` is read. */
export interface NftTableDocument {
  readonly nftables: readonly {
    readonly set?: { readonly name: string; readonly elem?: readonly unknown[] };
    readonly counter?: { readonly name: string; readonly packets: number };
  }[];
}

/** Reads the table; `undefined` if there is none, or nothing that could read it. */
export async function readNodeTable(): Promise<NodeTable | undefined> {
  const { family, name } = NODE_TABLE;
  const purpose = `look at the nftables table ${titleOf(NODE_TABLE)}`;
  try {
    return parseNodeTable(await runJsonCommand(['nft', '-nn', '-j', 'list', 'table', family, name], { purpose }));
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Counts alone, which costs little however many nodes there are; `undefined` if there is no table. */
export async function readRuleCounts(): Promise<RuleCounts | undefined> {
  const { family, name } = NODE_TABLE;
  const purpose = `read the counters of the nftables table ${titleOf(NODE_TABLE)}`;
  try {
    return countsIn(await runJsonCommand(['nft', '-j', 'list', 'counters', 'table', family, name], { purpose }));
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

export function parseNodeTable(document: NftTableDocument): NodeTable {
  return {
    shape: shapeOf(document),
    sets: parseSets(document),
    refused: document.nftables
      .flatMap(({ set }) => (set !== undefined && refusedSets.includes(set.name) ? (set.elem ?? []) : []))
      .flatMap((element) => refusedSender(element)),
  };
}

function countsIn({ nftables }: NftTableDocument): RuleCounts {
  const counters = nftables.flatMap(({ counter }) => counter ?? []);
  const countOf = (name: string): number => counters.find((counter) => counter.name === name)?.packets ?? 0;
  return Object.fromEntries(Object.keys(ruleCounters).map((name) => [name, countOf(name)])) as unknown as RuleCounts;
}

/** What changes by itself, or with every time that the same rules are made. */
const changing = new Set(['metainfo', 'handle', 'elem', 'packets', 'bytes']);

function shapeOf({ nftables }: NftTableDocument): string {
  return JSON.stringify(nftables, (key, value: unknown) => (changing.has(key) ? undefined : value));
}

function refusedSender(element: unknown): RefusedSender[] {
  const { val, counter } = ((element ?? {}) as { readonly elem?: Readonly<Record<string, unknown>> }).elem ?? {};
  const { packets: counted } = (counter ?? {}) as { readonly packets?: unknown };
  const packets = typeof counted === 'number' ? counted : 0;
  if (typeof val === 'string') return [{ device: val, pair: undefined, packets }];
  const [device, source, destination] = ((val ?? {}) as { readonly concat?: readonly unknown[] }).concat ?? [];
  if (typeof device !== 'string' || typeof source !== 'string' || typeof destination !== 'string') return [];
  return [{ device, pair: { source, destination }, packets }];
}
