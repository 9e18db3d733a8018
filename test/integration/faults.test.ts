/** Injected faults, and what the node tells of them and of its drops, in a lab of two nodes. */
import test from 'ava';
import type { Fault, FaultRequest } from '../../src/api/fault-api.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** From a pod of n1 to one of n2. */
const POD = '10.244.2.2';
/** A path that became smaller is noticed by its probes within a few seconds, on a machine that has the time. */
const PATH_DEADLINE_MS = 75_000;
/** What is added to each answer of {@link patientEchoes}. */
const PATIENCE_MS = 1_000;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
  // One worker: which of several has a flow is the kernel's choice, and each counts its own datagrams.
  await lab.lab('stop', 'n1');
  lab.daemon('n1', '--dataplane-workers', '1');
  await lab.answers('n1');
  await until('pods reach each other', async () => lab.reaches('n1-p1', POD));
});

test.after.always(async () => lab?.down());

test.afterEach.always(async () => {
  await lab.control('n1').clearFaults();
});

async function inject(request: FaultRequest): Promise<Fault> {
  return await lab.control('n1').addFault(request);
}

async function find(id: number): Promise<Fault> {
  return (await lab.control('n1').faults()).find((fault) => fault.id === id)!;
}

/** Sequence numbers of echoes that come back from n2's pod, of so many; a number may be there twice. */
async function echoes(count: number, ...options: readonly string[]): Promise<number[]> {
  // For the last answer ping waits as long as between two requests, or twice what the slowest answer took; not longer.
  const intervalSeconds = count <= 3 ? 0.5 : 0.01;
  const argv = ['ping', '-n', '-c', `${count}`, '-i', `${intervalSeconds}`, '-W', '1', ...options, POD];
  const { stdout } = await lab.tryExec('n1-p1', ...argv);
  return [...stdout.matchAll(/icmp_seq=(\d+) ttl/g)].map(([, sequence]) => Number(sequence));
}

/**
 * As {@link echoes}, with answers that are all late: when the last request leaves, ping has none of them, or slow ones, and waits for four
 * seconds, or for twice as long as those took.
 */
async function patientEchoes(count: number): Promise<number[]> {
  const { id } = await inject({ direction: 'in', peer: 'n2', delayMs: PATIENCE_MS });
  const numbers = await echoes(count, '-W', '4');
  await lab.control('n1').removeFault(id);
  return numbers;
}

/** Until as many come back as were sent. */
async function untilAllCome(count: number, ...options: readonly string[]): Promise<void> {
  await until(`${count} echoes come back`, async () => (await echoes(count, ...options)).length === count);
}

async function isBalanced(): Promise<boolean> {
  const { workers } = await lab.control('n1').status();
  return workers.every(({ egress, ingress }) =>
    [egress, ingress].every(({ received, originated, sent, delivered, relayed, dropped, queued }) => {
      const drops = Object.values(dropped).reduce((sum, count) => sum + count, 0);
      return received + originated === sent + delivered + relayed + drops && queued === 0;
    }),
  );
}

test.serial('the same seed loses the same packets of the same traffic, another one others', async (t) => {
  const survivors: number[][] = [];
  for (const seed of [7, 7, 8]) {
    const { id } = await inject({ direction: 'out', peer: 'n2', lossRatio: 0.3, seed });
    survivors.push(await patientEchoes(60));
    const ended = await lab.control('n1').removeFault(id);
    t.is(ended.counted.seen - ended.counted.probes, 60);
  }
  t.true(survivors[0]!.length > 25 && survivors[0]!.length < 58);
  t.deepEqual(survivors[1], survivors[0]);
  t.notDeepEqual(survivors[2], survivors[0]);
});

test.serial('a fault is in the status, among the drops with its packets, and among the events', async (t) => {
  await inject({ direction: 'in', peer: 'n2', lossRatio: 1 });
  t.deepEqual(await echoes(3), []);
  const status = (await lab.tryAsk('n1', 'status')).succeeded();
  t.regex(status, /notice faults-injected: .*in from n2: loss 100 %/);
  // Path probes are lost as well.
  let drops = await lab.control('n1').drops({ limit: '1000' });
  await until('the drops are told', async () => {
    drops = await lab.control('n1').drops({ limit: '1000' });
    return drops.pods.some(({ pod, ingress }) => pod === 'p1' && ingress >= 3);
  });
  t.true(drops.reasons.some(({ reason, packets, last }) => reason === 'fault-loss-in' && packets >= 3 && last !== ''));
  t.like(
    drops.recent.findLast(({ reason, protocol }) => reason === 'fault-loss-in' && protocol === 'icmp'),
    {
      source: POD,
      destination: '10.244.1.2',
      protocol: 'icmp',
      direction: 'ingress',
      peer: 'n2',
      pod: 'p1',
    },
  );
  const peer = drops.peers.find((one) => one.peer === 'n2')!;
  t.true(peer.ingress.dropped >= 3 && peer.ingress.packets > peer.ingress.dropped);
  await lab.control('n1').clearFaults();
  await untilAllCome(3);
  const events = (await lab.tryAsk('n1', 'events', '--kind', 'fault')).succeeded();
  t.regex(events, /fault-added .*in from n2: loss 100 %[^]*fault-removed .*in from n2: loss 100 %/);
});

test.serial(
  'delay, copies and disorder: everything arrives, later, twice, or before its time, and is accounted for',
  async (t) => {
    const delayed = await inject({ direction: 'out', delayMs: 50 });
    const { stdout } = await lab.tryExec('n1-p1', 'ping', '-c', '3', '-W', '3', POD);
    const roundTripsMs = [...stdout.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms));
    t.is(roundTripsMs.length, 3);
    t.true(roundTripsMs.every((ms) => ms >= 50));
    await lab.control('n1').removeFault(delayed.id);

    const doubled = await inject({ direction: 'in', duplicateRatio: 1 });
    const twice = await echoes(10);
    // It ends with the last of them, whose copy comes too late.
    t.true(twice.length > 14);
    await lab.control('n1').removeFault(doubled.id);

    await inject({ direction: 'out', reorderRatio: 0.3, seed: 3 });
    const mixed = await patientEchoes(40);
    t.deepEqual(
      mixed.toSorted((a, b) => a - b),
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
    t.notDeepEqual(
      mixed,
      mixed.toSorted((a, b) => a - b),
    );
    await lab.control('n1').clearFaults();
    await until('nothing is held any more', isBalanced);
    t.pass();
  },
);

test.serial('damage is found at the other end, and reaches no pod', async (t) => {
  await lab.serveEcho('n2-p1', 7_000);
  const { id } = await inject({ direction: 'out', peer: 'n2', corruptRatio: 0.5, seed: 5 });
  // Whatever comes back is what was sent: damage is found, and dropped at the other end.
  const intact = Number(await lab.probe('n1-p1', 'exchange', POD, '7000', '1', '1200'));
  t.true(intact <= 1);
  await echoes(60);
  t.true((await find(id)).counted.corrupted > 10);
  await until('n2 has counted what was damaged', async () => {
    const { reasons } = await lab.control('n2').drops();
    return reasons.some(
      ({ reason, direction, packets }) => direction === 'ingress' && reason.startsWith('inner-') && packets > 10,
    );
  });
});

test.serial('a clipped path is one with a smaller MTU: what fits passes, and probes find out', async (t) => {
  await inject({ direction: 'out', peer: 'n2', clipBytes: 1_000 });
  // Never in pieces: the path MTU may be found already.
  t.deepEqual(await echoes(2, '-s', '1100', '-M', 'do'), []);
  await untilAllCome(2, '-s', '500');
  await until(
    'the path MTU is found',
    async () => (await lab.control('n1').peers()).every(({ path }) => path.mtuBytes === 1_000 - 50),
    PATH_DEADLINE_MS,
  );
  await untilAllCome(2, '-s', '1100', '-M', 'dont');
});

test.serial('faults are for whoever may change things, and only where they are on', async (t) => {
  const refused = await lab.tryAsk('n1', '--socket', lab.files('n1').readOnlySocket, 'fault', 'add', '--loss', '1%');
  t.is(refused.exitCode, 1);
  t.regex(refused.stderr, /for reading only/);
  await lab.lab('stop', 'n2');
  lab.daemon('n2', '--faults', 'off');
  await lab.answers('n2');
  const off = await lab.tryAsk('n2', 'fault', 'add', '--loss', '5%');
  t.is(off.exitCode, 1);
  t.regex(off.stderr, /faults: on/);
});
