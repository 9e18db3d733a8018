/**
 * `npm run bench:cni`: ADD and DEL of the CNI plugin, its process included, one after the other and 32 at a time, beside ptp with
 * host-local. All run in nodes of a lab, one with both families and one with IPv4, and each container is a network namespace of its own.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';
import { nodeFiles } from '../src/lab/lab-directory.ts';
import { SPOOL_DIRECTORY } from '../src/linux/cni-spool.ts';
import { runCommand } from '../src/linux/command.ts';
import { formatTable } from '../src/terminal/table.ts';
import { median, percentile } from './statistics.ts';

const LAB = `bench-cni-${process.pid}`;
const CLI = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts');
const PLUGIN = join(import.meta.dirname, '..', 'dist', 'weft-cni');
const RIVALS = '/usr/lib/cni';
const PARALLEL = 32;
/** Candidates take turns, so that all of them are measured while the machine is as busy as it is. */
const ROUNDS = 5;

/** Most that an ADD may take alone (p50), and 32 together, in ms. */
const LIMITS = { single: 100, parallel: 1_500 } as const;

/** The first one has both families, the second one has IPv4. */
type LabNode = 'n1' | 'n2';

/** What is measured. */
interface Candidate {
  readonly title: string;
  readonly program: string;
  readonly conf: object;
  /** Whose limits count. */
  readonly isOurs: boolean;
  /** Of the lab, in which it runs. */
  readonly node: LabNode;
}

/** In ms. */
interface Times {
  readonly add: number[];
  readonly del: number[];
  /** Of all in parallel, from the first start to the last end, in each round. */
  readonly parallelAdd: number[];
  readonly parallelDel: number[];
}

const usage = `usage: sudo npm run bench:cni -- [OPTIONS]

  --calls N  how many are added and deleted one after the other (100)
  --many N   also adds N in parallel, and deletes them, and says what is left
`;

const { values } = parseArgs({
  options: { calls: { type: 'string' }, many: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help === true) process.stdout.write(usage);
else await measure(Number(values.calls ?? 100), Number(values.many ?? 0));

async function measure(calls: number, many: number): Promise<void> {
  if (!existsSync(PLUGIN)) throw new Error('dist/weft-cni is not there: npm run build:cni');
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-cni-'));
  try {
    await weft('lab', 'up', '--name', LAB, '--nodes', '2', '--pods', '0');
    await changePrefixes('n1', ['10.244.0.0/20', 'fd00:10:244:1::/64']);
    await changePrefixes('n2', ['10.244.16.0/20']);
    const candidates = candidatesIn(directory);
    const measured = candidates.map((candidate): [Candidate, Times] => {
      return [candidate, { add: [], del: [], parallelAdd: [], parallelDel: [] }];
    });
    for (let round = 0; round < ROUNDS; round++)
      for (const [candidate, times] of measured) await measureRound(candidate, times, Math.ceil(calls / ROUNDS));
    report(measured);
    if (many > 0) await measureMany(candidates[0]!, many);
  } finally {
    rmSync(directory, { recursive: true });
    await weft('lab', 'down', '--name', LAB);
  }
}

/** A node of a lab has 253 addresses of its own accord. */
async function changePrefixes(node: LabNode, nodePrefixes: readonly string[]): Promise<void> {
  const { config } = nodeFiles(LAB, node);
  await weft('lab', 'stop', '--name', LAB, node);
  writeFileSync(config, stringify({ ...(parse(readFileSync(config, 'utf8')) as object), nodePrefixes }));
  await weft('lab', 'start', '--name', LAB, node);
}

function candidatesIn(directory: string): Candidate[] {
  const conf = { cniVersion: '1.0.0', name: 'bench' };
  const weftIn = (node: LabNode, title: string): Candidate => {
    const { socket, stateDir } = nodeFiles(LAB, node);
    const spool = join(stateDir, SPOOL_DIRECTORY);
    return { title, program: PLUGIN, conf: { ...conf, type: 'weft-cni', socket, spool }, isOurs: true, node };
  };
  const ours = [weftIn('n1', 'weft, dual stack'), weftIn('n2', 'weft, v4')];
  if (!existsSync(join(RIVALS, 'ptp'))) return ours;
  const ptp = (title: string, ...subnets: string[]): Candidate => ({
    title,
    program: join(RIVALS, 'ptp'),
    conf: {
      ...conf,
      name: title.replaceAll(/\W/g, '-'),
      type: 'ptp',
      ipam: { type: 'host-local', dataDir: directory, ranges: subnets.map((subnet) => [{ subnet }]) },
    },
    isOurs: false,
    node: 'n1',
  });
  return [
    ...ours,
    ptp('ptp and host-local, v4', '10.99.0.0/16'),
    ptp('ptp and host-local, dual stack', '10.98.0.0/16', 'fd00:98::/64'),
  ];
}

async function measureRound(candidate: Candidate, times: Times, calls: number): Promise<void> {
  await withNamespaces(Math.max(calls, PARALLEL), async (names) => {
    for (const name of names.slice(0, calls)) {
      times.add.push(await timeMs(async () => await call(candidate, 'ADD', name)));
      times.del.push(await timeMs(async () => await call(candidate, 'DEL', name)));
    }
    const together = names.slice(0, PARALLEL);
    const all = async (verb: string): Promise<number> =>
      await timeMs(async () => await Promise.all(together.map(async (name) => await call(candidate, verb, name))));
    times.parallelAdd.push(await all('ADD'));
    times.parallelDel.push(await all('DEL'));
  });
}

/** Hundreds at a time: what is asked is whether all is right. */
async function measureMany(candidate: Candidate, count: number): Promise<void> {
  await withNamespaces(count, async (names) => {
    const seconds: number[] = [];
    for (const verb of ['ADD', 'DEL']) {
      const ms = await timeMs(
        async () => await Promise.all(names.map(async (name) => await call(candidate, verb, name))),
      );
      seconds.push(ms / 1_000);
    }
    const links = await runCommand(['ip', '-brief', 'link', 'show', 'type', 'veth'], {
      purpose: 'count devices',
      netns: `/run/netns/${LAB}-n1`,
    });
    const left = links.split('\n').filter((line) => line.startsWith('wf')).length;
    const { pools } = JSON.parse(await weft('--socket', nodeFiles(LAB, 'n1').socket, 'ipam', 'status', '--json')) as {
      pools: { used: number }[];
    };
    const used = pools.reduce((sum, pool) => sum + pool.used, 0);
    const [addSeconds, delSeconds] = seconds.map((one) => one.toFixed(1));
    process.stdout.write(
      `${count} ADDs in parallel: ${addSeconds} s, ${count} DELs: ${delSeconds} s; left: ${left} devices, ${used} addresses\n`,
    );
    if (left > 0 || used > 0) process.exitCode = 1;
  });
}

function report(measured: readonly (readonly [Candidate, Times])[]): void {
  const columns = ['WHAT', 'ADD P50 MS', 'P99', 'DEL P50 MS', 'P99', `${PARALLEL} ADDS MS`, `${PARALLEL} DELS MS`];
  const rows = measured.map(([{ title }, { add, del, parallelAdd, parallelDel }]) => {
    const [sortedAdd, sortedDel] = [add.toSorted((a, b) => a - b), del.toSorted((a, b) => a - b)];
    const figures = [
      percentile(sortedAdd, 0.5),
      percentile(sortedAdd, 0.99),
      percentile(sortedDel, 0.5),
      percentile(sortedDel, 0.99),
      median(parallelAdd),
      median(parallelDel),
    ];
    return [title, ...figures.map((ms) => ms.toFixed(0))];
  });
  process.stdout.write(
    formatTable(
      columns.map((title) => ({ title })),
      rows,
      { widthColumns: undefined, colour: false },
    ),
  );
  for (const [{ title, isOurs }, { add, parallelAdd }] of measured) {
    if (!isOurs) continue;
    const p50 = percentile(
      add.toSorted((a, b) => a - b),
      0.5,
    );
    process.stdout.write(
      `${title}: ADD at most ${LIMITS.single} ms (p50), ${PARALLEL} at most ${LIMITS.parallel} ms\n`,
    );
    if (p50 > LIMITS.single || median(parallelAdd) > LIMITS.parallel) process.exitCode = 1;
  }
}

/** Runs a plugin in the node. */
async function call({ title, program, conf, node }: Candidate, verb: string, netns: string): Promise<void> {
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: netns,
    CNI_NETNS: `/run/netns/${netns}`,
    CNI_IFNAME: 'eth0',
    CNI_PATH: RIVALS,
    PATH: process.env['PATH'],
  };
  const child = spawn('nsenter', [`--net=/run/netns/${LAB}-${node}`, '--', program], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(conf));
  const exitCode = await new Promise((resolve) => child.on('close', resolve));
  if (exitCode !== 0) throw new Error(`${title}: ${verb} of ${netns}: ${stdout}`);
}

async function withNamespaces<Result>(count: number, work: (names: string[]) => Promise<Result>): Promise<Result> {
  const names = Array.from({ length: count }, (_, at) => `${LAB}-c${at}`);
  const batch = async (verb: string): Promise<void> => {
    const input = names.map((name) => `netns ${verb} ${name}\n`).join('');
    await runCommand(['ip', '-force', '-batch', '-'], { purpose: `${verb} network namespaces`, input }).catch(
      () => undefined,
    );
  };
  try {
    await batch('add');
    return await work(names);
  } finally {
    await batch('delete');
  }
}

async function weft(...args: readonly string[]): Promise<string> {
  return await runCommand([process.execPath, CLI, ...args], { purpose: `run weft ${args.join(' ')}` });
}

async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const beginMs = performance.now();
  await work();
  return performance.now() - beginMs;
}
