/** What the kernel refused of pods that sent from what is not theirs. */
import { listSet, type ListedSet, packetsOf, partsOf } from '../../linux/nft-table-listing.ts';
import { POD_ARP_TABLE, POD_TABLE } from '../../linux/nftables.ts';
import { TRIED_SETS } from './source-rules.ts';

/** What the kernel refused of one device, since its pod was added. */
export interface RefusedPackets {
  readonly device: string;
  readonly packets: number;
}

/** An address that somebody tried to send from within the last minutes. */
export interface TriedAddress {
  readonly device: string;
  readonly address: string;
  readonly mac: string;
}

/** How many packets of each device were refused: those of IP and of ARP together. Empty if there are no tables. */
export async function readRefused(withArp: boolean): Promise<RefusedPackets[]> {
  return parseRefused(await readSets(withArp, () => ['refused']));
}

export function parseRefused(sets: readonly ListedSet[]): RefusedPackets[] {
  const counts = new Map<string, number>();
  for (const element of sets.flatMap(({ elem = [] }) => elem)) {
    const [device = ''] = partsOf(element);
    counts.set(device, (counts.get(device) ?? 0) + packetsOf(element));
  }
  return [...counts].map(([device, packets]) => ({ device, packets }));
}

/** Addresses that were tried and refused, as many as the kernel remembers. */
export async function readTried(withArp: boolean): Promise<TriedAddress[]> {
  return parseTried(await readSets(withArp, (family) => TRIED_SETS[family]));
}

export function parseTried(sets: readonly ListedSet[]): TriedAddress[] {
  return sets.flatMap(({ elem = [] }) =>
    elem.flatMap((element) => {
      const [device, address, mac] = partsOf(element);
      return device === undefined || address === undefined || mac === undefined ? [] : [{ device, address, mac }];
    }),
  );
}

/** Those that are there: of the others, the audit says that they are gone. */
async function readSets(
  withArp: boolean,
  namesOf: (family: 'inet' | 'arp') => readonly string[],
): Promise<ListedSet[]> {
  const tables = withArp ? [POD_TABLE, POD_ARP_TABLE] : [POD_TABLE];
  const sets = await Promise.all(tables.flatMap((table) => namesOf(table.family).map((name) => listSet(table, name))));
  return sets.flatMap((set) => set ?? []);
}
