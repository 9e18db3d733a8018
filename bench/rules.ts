/**
 * `npm run bench:rules`: what the tables of nftables cost that bind pods to their addresses: to make them, to add a pod, to audit them.
 * In a network namespace of its own.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PodSources } from '../src/daemon/pods/pod-sources.ts';
import type { PodSource } from '../src/daemon/pods/source-rules.ts';
import { runCommand } from '../src/linux/command.ts';
import { median } from './statistics.ts';

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '5' },
    /** Given by this program to itself. */
    alone: { type: 'boolean', default: false },
  },
});
const pods = Number(values.pods);
const rounds = Number(values.rounds);

interface Cost {
  readonly ms: number;
  /** Of this process and its programs. */
  readonly processorMs: number;
}

/** Ticks in a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

function pod(index: number): PodSource {
  const hex = index.toString(16).padStart(8, '0');
  const [high, low] = [index >> 8, index & 255];
  return {
    pod: `p${index}`,
    device: `wf${hex}`,
    mac: `02:00:${hex.match(/../g)!.join(':')}`,
    addresses: [
      { family: 4, bytes: Uint8Array.of(10, 244, high, low) },
      { family: 6, bytes: Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, high, low) },
    ],
    allowSources: [],
  };
}

function processorMs(): number {
  // Behind the name, which may have spaces: user and system time of this process, and of programs that have ended.
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
  const children = [fields[13], fields[14]].reduce((sum, ticks) => sum + Number(ticks), 0);
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000 + (children * 1_000) / TICKS_PER_SECOND;
}

/** The median of some rounds. Programs are counted in ticks of 10 ms: of what is short, ask for more rounds. */
async function cost(
  action: () => Promise<unknown>,
  before: () => Promise<unknown> = async () => undefined,
): Promise<Cost> {
  const ms: number[] = [];
  let spentMs = 0;
  for (let round = 0; round < rounds; round++) {
    await before();
    const [startMs, startProcessorMs] = [performance.now(), processorMs()];
    await action();
    ms.push(performance.now() - startMs);
    spentMs += processorMs() - startProcessorMs;
  }
  return { ms: median(ms), processorMs: spentMs / rounds };
}

async function others(command: string): Promise<string> {
  return await runCommand(['nft', command], { purpose: 'change something' });
}

async function measure(): Promise<Record<string, Cost>> {
  const sources = new PodSources();
  const all = Array.from({ length: pods }, (_, index) => pod(index));
  await others('add table ip stranger');
  const findsNothing = async (): Promise<void> => {
    const findings = await sources.inspect();
    if (findings.length > 0) throw new Error(findings[0]!.message);
  };
  const costs: Record<string, Cost> = {};
  costs['make the tables with all pods'] = await cost(async () => sources.ensure(all, []));
  await findsNothing();
  costs['audit, nothing was changed'] = await cost(findsNothing);
  let chain = 0;
  costs['audit, something was changed, and it is not known what'] = await cost(findsNothing, async () =>
    others(`add chain ip stranger c${chain++}`),
  );
  let next = pods;
  costs['add a pod'] = await cost(async () => sources.bind(pod(next++)));
  costs['remove a pod'] = await cost(async () => sources.release(pod(--next).device));
  return costs;
}

if (values.alone) {
  process.stdout.write(`${pods} pods, ${rounds} rounds: ms, and ms of CPU\n`);
  for (const [title, { ms, processorMs: spentMs }] of Object.entries(await measure()))
    process.stdout.write(`${title.padEnd(60)} ${ms.toFixed(1).padStart(8)} ${spentMs.toFixed(0).padStart(8)}\n`);
} else {
  const argv = ['--net', '--', process.execPath, ...process.execArgv, ...process.argv.slice(1), '--alone'];
  process.exitCode = spawnSync('unshare', argv, { stdio: 'inherit' }).status ?? 1;
}
