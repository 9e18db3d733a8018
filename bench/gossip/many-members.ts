/** One real daemon in a population of thousands: how much memory it takes to know them all, and their pods. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { WeftError } from '../../src/errors.ts';
import type { ControlClient } from '../../src/client/control-client.ts';
import { nodeFiles } from '../../src/lab/lab-directory.ts';
import { startNode, stopNode } from '../../src/lab/node-power.ts';
import { ip } from '../site.ts';
import { pause } from '../interruption.ts';
import { Program } from '../program.ts';
import { until, type BenchLab } from './bench-lab.ts';
import { POPULATION_CLUSTER_PREFIXES, POPULATION_UNDERLAY, PREFIXES_PER_MEMBER } from './population-member.ts';
import { GOSSIP_PORT } from '../../src/membership/parameters.ts';

const POPULATION_ADDRESS = '198.18.255.254';

/** Time for probes, exchanges and the garbage collector to come to rest, in ms. */
const SETTLE_MS = 60_000;
const SAMPLE_MS = 1_000;

/** What {@link measureMembers} found. */
export interface MemberFigures {
  readonly members: number;
  readonly routes: number;
  /** Of others. */
  readonly pods: number;
  /** From the start of the daemon until it had all routes, and knew all pods. */
  readonly untilKnownMs: number;
  /** Resident memory, in MB: the most at one time, and the median of the last minute. */
  readonly peakMegabytes: number;
  readonly settledMegabytes: number;
  /** CPU of the daemon in that minute, in per cent of one core. */
  readonly processorPercent: number;
}

/** @param lab of one node, whose configuration is changed. */
export async function measureMembers(
  lab: BenchLab,
  members: number,
  progress: (step: string) => void,
  podsEach = 0,
): Promise<MemberFigures> {
  const [node = ''] = lab.nodes;
  const files = nodeFiles(lab.name, node);
  const worldNetns = `${lab.name}-world`;
  await stopNode(lab.name, node);
  const config = parse(readFileSync(files.config, 'utf8')) as { readonly gossip: object };
  const gossip = { ...config.gossip, seeds: [`${POPULATION_ADDRESS}:${GOSSIP_PORT}`] };
  const changed = { ...config, clusterPrefixes: POPULATION_CLUSTER_PREFIXES, gossip };
  writeFileSync(files.config, stringify(changed));
  // Whoever probes a data path of theirs learns that nobody listens, rather than asking the link for the address.
  await ip([`route add local ${POPULATION_UNDERLAY} dev lo`], worldNetns);

  progress(`a population of ${members}${podsEach === 0 ? '' : ` with ${podsEach} pods each`}`);
  const program = new URL('population.ts', import.meta.url).pathname;
  const argv = [
    process.execPath,
    program,
    `${POPULATION_ADDRESS}:${GOSSIP_PORT}`,
    `${members}`,
    files.keyFile,
    `${podsEach}`,
  ];
  const population = new Program(argv, worldNetns);
  try {
    await population.writes('ready');
    const startedMs = performance.now();
    await startNode(lab.name, node);
    const control = lab.control(node);
    // Its own two, and those of all others.
    const routes = members * PREFIXES_PER_MEMBER + 2;
    await until(`${node} has ${routes} routes`, async () => (await control.status()).routes === routes);
    const pods = members * podsEach;
    await until(`${node} knows ${pods} pods`, async () => (await knownPods(control)) === pods);
    const untilKnownMs = performance.now() - startedMs;

    progress('all known; measuring for a minute');
    const { pid } = await control.status();
    const cpuMs = processorMs(pid);
    const samples: number[] = [];
    const beganMs = performance.now();
    while (performance.now() - beganMs < SETTLE_MS) {
      await pause(SAMPLE_MS);
      samples.push(memoryOf(pid, 'VmRSS'));
    }
    const processorPercent = ((processorMs(pid) - cpuMs) / (performance.now() - beganMs)) * 100;
    const status = await control.status();
    if (status.routes !== routes) {
      throw new WeftError('bench-failed', `of ${routes} routes ${status.routes} are left after a minute`);
    }
    return {
      members: status.gossip.members.alive,
      routes: status.routes,
      pods,
      untilKnownMs,
      peakMegabytes: memoryOf(pid, 'VmHWM'),
      settledMegabytes: samples.sort((a, b) => a - b)[Math.floor(samples.length / 2)]!,
      processorPercent,
    };
  } finally {
    await population.stop();
  }
}

/** Pods of other nodes that it knows. The list itself is long, and who makes it needs memory for that. */
async function knownPods(control: ControlClient): Promise<number> {
  return Number(/^weft_directory_pods (\d+)$/m.exec(await control.metrics())?.[1]);
}

/** In MB, of a line of /proc/PID/status. */
function memoryOf(pid: number, line: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round((Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(text)![1]) * 1024) / 1e6);
}

/** Ticks of a hundredth of a second (proc_pid_stat(5), fields 14 and 15). */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
