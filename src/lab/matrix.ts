/** `weft lab matrix`: every pod to every other pod, over IPv4 and IPv6. */
import { CommandError } from '../errors.ts';
import { runCommand } from '../linux/command.ts';
import { namespacePath } from './lab-directory.ts';
import { labStatus } from './status.ts';
import type { LabPodStatus } from './status.ts';

/** One direction of one pair in one family. */
export interface MatrixCell {
  /** `n1-p1` */
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  readonly address: string;
  /** Best round trip, in ms; `null` if no answer came. */
  readonly rttMs: number | null;
}

/** What {@link measureMatrix} found. Keys are stable. */
export interface LabMatrix {
  readonly name: string;
  readonly pods: readonly string[];
  readonly cells: readonly MatrixCell[];
  /** Number of cells without an answer. */
  readonly lost: number;
}

/** Pings at a time. More of them would measure each other. */
const PARALLEL_PINGS = 8;

/** The first echo of a pair also resolves neighbours and warms caches, so the best of two tells more. */
const ECHOES = 2;
const ECHO_INTERVAL_SECONDS = 0.1;
const ECHO_DEADLINE_SECONDS = 2;

/** Pings every pod from every other, those of nodes that are down included. */
export async function measureMatrix(labName: string): Promise<LabMatrix> {
  const { nodes } = await labStatus(labName);
  const pods = nodes.flatMap((node) => node.pods.map((pod) => ({ ...pod, name: `${node.name}-${pod.name}` })));
  const pending = pods.flatMap((from) => pods.filter((to) => to !== from).flatMap((to) => pairCells(from, to)));
  const cells = await inParallel(PARALLEL_PINGS, pending, async ({ netns, ...cell }) => ({
    ...cell,
    rttMs: await bestRoundTripMs(netns, cell.address),
  }));
  return {
    name: labName,
    pods: pods.map(({ name }) => name),
    cells,
    lost: cells.filter((c) => c.rttMs === null).length,
  };
}

/** The best round trip that `ping` reports in its statistics, in ms; `null` if there was none. */
export function parseBestRoundTripMs(output: string): number | null {
  const best = /^rtt min\/avg\/max\/mdev = ([\d.]+)\//m.exec(output)?.[1];
  return best === undefined ? null : Number(best);
}

function pairCells(from: LabPodStatus, to: LabPodStatus): (Omit<MatrixCell, 'rttMs'> & { readonly netns: string })[] {
  return to.addresses.map((address) => ({
    netns: from.netns,
    from: from.name,
    to: to.name,
    family: address.includes(':') ? 6 : 4,
    address,
  }));
}

async function bestRoundTripMs(netns: string, address: string): Promise<number | null> {
  const argv = [
    'ping',
    '-n',
    '-q',
    '-c',
    `${ECHOES}`,
    '-i',
    `${ECHO_INTERVAL_SECONDS}`,
    '-w',
    `${ECHO_DEADLINE_SECONDS}`,
  ];
  try {
    return parseBestRoundTripMs(
      await runCommand([...argv, address], {
        purpose: `ping ${address}`,
        netns: netns.startsWith('/') ? netns : namespacePath(netns),
      }),
    );
  } catch (error) {
    // No answer, or no route.
    if (error instanceof CommandError) return null;
    throw error;
  }
}

/** Results in the order of `items`, with at most `limit` of them under way. */
async function inParallel<Item, Result>(
  limit: number,
  items: readonly Item[],
  action: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const takeTurns = async (): Promise<void> => {
    for (const [at, item] of queue) results[at] = await action(item);
  };
  await Promise.all(Array.from({ length: limit }, takeTurns));
  return results;
}
