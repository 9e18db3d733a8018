import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { optionalFeatures } from '../../src/daemon/config/optional-feature.ts';
import { DataplanePair, type NodeProcess, type PairOptions, type WorkerStatus } from '../support/dataplane-pair.ts';
import type { ArrivedFlows } from '../support/flow-order.ts';
import { until } from '../support/until.ts';
import { iperf, isBalanced, listens, ping, remote4, remote6, sum } from '../support/pair-traffic.ts';

const flowOrder = fileURLToPath(new URL('../support/flow-order.ts', import.meta.url));

const FLOWS = 32;
const DATAGRAMS_PER_FLOW = 800;
const PORT = 7001;

async function accountsOf(node: NodeProcess): Promise<readonly WorkerStatus[]> {
  return (await node.status()).accounts ?? [];
}

async function sendFlows(pair: DataplanePair): Promise<ArrivedFlows> {
  const program = `${process.execPath} ${flowOrder}`;
  const receiver = pair.run(2, `${program} receive ${remote4} ${PORT}`);
  await listens(pair, 'u', PORT);
  await pair.run(1, `${program} send ${remote4} ${PORT} ${FLOWS} ${DATAGRAMS_PER_FLOW}`);
  return JSON.parse(await receiver) as ArrivedFlows;
}

test.serial('two workers share the flows, keep each in order, and account for every packet', async (t) => {
  await using pair = new DataplanePair({ workers: 2 });
  const nodes = await pair.up();
  const arrived = await sendFlows(pair);
  t.is(arrived.flows, FLOWS);
  t.is(arrived.overtaken, 0);
  t.true(arrived.datagrams > (FLOWS * DATAGRAMS_PER_FLOW) / 2, `${arrived.datagrams}`);
  const [senders, receivers] = [await accountsOf(nodes[0]), await accountsOf(nodes[1])];
  for (const { egress } of senders) t.true(egress.sent > 1000, JSON.stringify(senders));
  for (const { ingress } of receivers) t.true(ingress.delivered > 1000, JSON.stringify(receivers));

  for (const address of [remote4, remote6]) {
    await t.notThrowsAsync(ping(pair, address));
    t.true((await iperf(pair, address, '--bytes', '20M', '--parallel', 4)) > 0);
  }
  for (const node of nodes) {
    const accounts = await accountsOf(node);
    t.is(accounts.length, 2);
    for (const account of accounts.flatMap(({ egress, ingress }) => [egress, ingress])) {
      t.true(isBalanced(account), JSON.stringify(account));
      t.is(sum(account.dropped), 0, JSON.stringify(account.dropped));
    }
  }
});

/** CPUs that the worker threads of `pid` may run on, as the kernel writes them. */
function cpusOfWorkers(pid: number): string[] {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'),
  );
  const workers = threads.filter((status) => /^Name:\tweft-worker/m.test(status));
  return workers.map((status) => /^Cpus_allowed_list:\t(.*)$/m.exec(status)![1]!).sort();
}

/** Those that this process may run on, as far as they are listed one by one: 0 and 1 in `0-1`. */
const ownCpus = /^Cpus_allowed_list:\t(\d+)(?:[-,](\d+))?/m.exec(readFileSync('/proc/self/status', 'utf8'))!;

test.serial('workers run on the CPUs that they were given, one each', async (t) => {
  const cpus = [Number(ownCpus[1]), Number(ownCpus[2] ?? ownCpus[1])];
  await using pair = new DataplanePair({ workers: 2, cpus });
  const [first] = await pair.up();
  t.deepEqual(cpusOfWorkers(first.pid), cpus.map(String).sort());
  await t.notThrowsAsync(ping(pair, remote4));
});

test.serial('a CPU that is not there is refused', async (t) => {
  await using pair = new DataplanePair({ cpus: [1023] });
  const report = await pair.start(1).report();
  t.is(report.code, 'cpu-missing');
});

/** Processor time that `pid` has used, in clock ticks: fields utime and stime of proc(5). */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

test.serial('a worker that polls busily passes traffic, sleeps without it, and ends when told to', async (t) => {
  await using pair = new DataplanePair({ busyPollUs: 1000 });
  const [first] = await pair.up();
  await t.notThrowsAsync(ping(pair, remote4));
  t.true((await iperf(pair, remote4, '--bytes', '20M')) > 0);
  // Of the hundred ticks that a second has, or of more: a busy machine takes longer to let us look again.
  await until('it sleeps', async () => {
    const before = ticksOf(first.pid);
    await sleep(1000);
    return ticksOf(first.pid) - before < 20;
  });
  t.is(await first.stop(), 0);
});

/**
 * Whether packets may have made a garbage collection necessary: the old generation is collected for reasons of V8's own, too, and what
 * is a task runs in an event loop, which workers do not have.
 */
function isOfPackets(collection: string): boolean {
  return collection.includes('Scavenge') && !collection.includes(' task;');
}

const collectsNothing = test.macro<[PairOptions]>({
  async exec(t, options) {
    await using pair = new DataplanePair(options);
    const nodes = await pair.up();
    // Small segments: many packets, and not many bytes.
    const segmentBytes = 524;
    const send = async (packets: number): Promise<number> =>
      iperf(pair, remote4, '--set-mss', segmentBytes, '--bytes', packets * segmentBytes);
    await send(200_000);
    const before = (await accountsOf(nodes[0]))[0]!.egress.sent;
    await accountsOf(nodes[1]);
    const collected = nodes.map((node) => node.collections.length);
    await send(1_000_000);
    const after = (await accountsOf(nodes[0]))[0]!.egress.sent;
    await accountsOf(nodes[1]);
    t.true(after - before > 900_000, `${after - before}`);
    for (const [side, node] of nodes.entries()) {
      const lines = node.collections.slice(collected[side]).filter(isOfPackets);
      // A byte per packet would fill the young generation once. What is done by time, on a slow machine, may as well.
      t.true(lines.length <= 1, lines.join('\n'));
    }
  },
  title: (name = '') => `a million packets make less than a byte of garbage each, ${name}`,
});

test.serial('most of them in super-packets', collectsNothing, {});
test.serial('each by itself', collectsNothing, { without: optionalFeatures });
