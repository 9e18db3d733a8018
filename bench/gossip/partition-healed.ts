/** A lab falls into two halves that are dead to each other, and is healed: how long until every pod reaches every other. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeftError } from '../../src/errors.ts';
import { cutLink, healLink } from '../../src/lab/cut.ts';
import { namespacePath } from '../../src/lab/lab-directory.ts';
import { measureMatrix } from '../../src/lab/matrix.ts';
import { labStatus, type LabNodeStatus } from '../../src/lab/status.ts';
import { interruption, pause } from '../interruption.ts';
import type { BenchLab } from './bench-lab.ts';

/** Time between echoes that are waited for, and before a ping that was refused is repeated, in ms. */
const ECHO_INTERVAL_MS = 200;

/** Longest that one ping waits for its first answer, in seconds. */
const PING_SECONDS = 60;

/** Longest that the matrix may take to work again, in ms. */
const DEADLINE_MS = 120_000;

/** What {@link measurePartition} found, in ms. */
export interface PartitionFigures {
  /** From the cut until no node had a route to the other half. */
  readonly untilDeadMs: number;
  /** From the heal until every pod had had an answer from every pod of the other half, in both families. */
  readonly untilMatrixMs: number;
}

/** @param seconds for which the halves are cut off from each other. @throws WeftError `bench-timeout` if they stay apart */
export async function measurePartition(
  lab: BenchLab,
  seconds: number,
  progress: (step: string) => void,
): Promise<PartitionFigures> {
  const { nodes } = await labStatus(lab.name);
  const [left, right] = [nodes.slice(0, nodes.length / 2), nodes.slice(nodes.length / 2)];
  const links = left.flatMap((a) => right.map((b) => [a.name, b.name] as const));
  progress(`partition: ${left.length} nodes from ${right.length}, for ${seconds} s`);
  const cutMs = performance.now();
  for (const [a, b] of links) await cutLink(lab.name, a, b);
  for (const half of [left, right]) {
    const names = half.map(({ name }) => name);
    await lab.untilRouted(names, names);
  }
  const untilDeadMs = performance.now() - cutMs;
  await pause(Math.max(0, seconds * 1_000 - untilDeadMs));

  progress('healed');
  for (const [a, b] of links) await healLink(lab.name, a, b);
  const healedMs = performance.now();
  await Promise.all(crossings(left, right).map(async ({ netns, address }) => firstEcho(netns, address, healedMs)));
  const untilMatrixMs = performance.now() - healedMs;
  const { lost } = await measureMatrix(lab.name);
  if (lost > 0) throw new WeftError('bench-failed', `the matrix lacks ${lost} answers after the partition was healed`);
  return { untilDeadMs, untilMatrixMs };
}

/** From each pod on the left to each address on the right. An answer shows that both directions work. */
function crossings(
  left: readonly LabNodeStatus[],
  right: readonly LabNodeStatus[],
): { readonly netns: string; readonly address: string }[] {
  const addresses = right.flatMap(({ pods }) => pods.flatMap((pod) => pod.addresses));
  return left.flatMap(({ pods }) => pods.flatMap(({ netns }) => addresses.map((address) => ({ netns, address }))));
}

async function firstEcho(netns: string, address: string, sinceMs: number): Promise<void> {
  // With both -c and -w, ping goes on until there was one answer. An ICMP error is one, too: then it is started again.
  const wait = ['-n', '-q', '-c', '1', '-i', `${ECHO_INTERVAL_MS / 1_000}`, '-w', `${PING_SECONDS}`];
  for (;;) {
    const ping = spawn('nsenter', [`--net=${namespacePath(netns)}`, '--', 'ping', ...wait, address], {
      stdio: 'ignore',
      signal: interruption,
    });
    const [code] = (await once(ping, 'close')) as [number | null];
    if (code === 0) return;
    if (performance.now() - sinceMs > DEADLINE_MS) {
      throw new WeftError(
        'bench-timeout',
        `no answer from ${address} in ${DEADLINE_MS} ms after the partition was healed`,
      );
    }
    await sleep(ECHO_INTERVAL_MS, undefined, { signal: interruption });
  }
}
