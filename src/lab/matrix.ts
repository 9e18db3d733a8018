/** `weft lab matrix`: every pod to every other pod, over IPv4 and IPv6. */
import { CommandError } from '../errors.ts';
import { runCommand } from '../linux/command.ts';
import { namespacePath } from './lab-directory.ts';
import { labStatus } from './status.ts';
import type { LabPodStatus } from './status.ts';

/** One direction of one pair in one family. */
export interface MatrixCell {
  /** `n1/p1` */
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
  /** Nodes whose daemon does not run: what their pods send and receive goes nowhere. */
  readonly down: readonly string[];
}

/** Pings at a time. More of them would measure each other. */
const PARALLEL_PINGS = 8;
/** Of those from and to pods whose node is down: nearly all of them only wait. */
const PARALLEL_VAIN_PINGS = 64;

/** The first echo of a pair also resolves neighbours and warms caches, so the best of two tells more. */
const ECHOES = 2;
const ECHO_INTERVAL_SECONDS = 0.1;
const ECHO_DEADLINE_SECONDS = 2;

/**
 * Pings every pod from every other, those of nodes that are down included, in the families that both have.
 *
 * @param onProgress how many pings have ended, of how many.
 */
export async function measureMatrix(
  labName: string,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<LabMatrix> {
  const { nodes } = await labStatus(labName);
  const down = nodes.filter(({ pid }) => pid === null).map(({ name }) => name);
  const pods = nodes.flatMap((node) =>
    node.pods.map((pod) => ({ ...pod, name: `${node.name}/${pod.name}`, isDown: down.includes(node.name) })),
  );
  const pending = pods.flatMap((from) => pods.filter((to) => to !== from).flatMap((to) => pairCells(from, to)));
  const cells: MatrixCell[] = [];
  let done = 0;
  const measure = async ({ netns, ...cell }: PendingCell, at: number): Promise<void> => {
    cells[at] = { ...cell, rttMs: await bestRoundTripMs(netns, cell.address) };
    onProgress(++done, pending.length);
  };
  // Those that wait for an answer in vain do not disturb each other.
  const isVain = ({ from, to }: PendingCell): boolean =>
    pods.some(({ name, isDown }) => isDown && (name === from || name === to));
  const all = [...pending.entries()];
  await inParallel(
    PARALLEL_PINGS,
    all.filter(([, cell]) => !isVain(cell)),
    measure,
  );
  await inParallel(
    PARALLEL_VAIN_PINGS,
    all.filter(([, cell]) => isVain(cell)),
    measure,
  );
  return {
    name: labName,
    pods: pods.map(({ name }) => name),
    cells,
    lost: cells.filter((c) => c.rttMs === null).length,
    down,
  };
}

/** The best round trip that `ping` reports in its statistics, in ms; `null` if there was none. */
export function parseBestRoundTripMs(output: string): number | null {
  const best = /^rtt min\/avg\/max\/mdev = ([\d.]+)\//m.exec(output)?.[1];
  return best === undefined ? null : Number(best);
}

type PendingCell = Omit<MatrixCell, 'rttMs'> & { readonly netns: string };

/** A pod without an address of a family cannot ask in it. */
function pairCells(from: LabPodStatus, to: LabPodStatus): PendingCell[] {
  const families = from.addresses.map(familyOf);
  return to.addresses
    .filter((address) => families.includes(familyOf(address)))
    .map((address) => ({ netns: from.netns, from: from.name, to: to.name, family: familyOf(address), address }));
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
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

/** Acts on all items, with at most `limit` of them under way. */
async function inParallel<Item>(
  limit: number,
  items: readonly (readonly [number, Item])[],
  action: (item: Item, at: number) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const takeTurns = async (): Promise<void> => {
    for (const [at, item] of queue) await action(item, at);
  };
  await Promise.all(Array.from({ length: limit }, takeTurns));
}
