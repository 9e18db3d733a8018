import test from 'ava';
import type { FaultRule } from '../../../src/dataplane/fault-rule.ts';
import { createFaultCountsMemory, readFaultCounts } from '../../../src/dataplane/fault-counts.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { parseFaultId, parseFaultRequest } from '../../../src/daemon/faults/fault-request.ts';
import { InjectedFaults } from '../../../src/daemon/faults/injected-faults.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const NOW_MS = Date.parse('2026-01-03T04:05:00.000Z');

/** Faults of a node that knows n2, whose number is 7, and n3, which is away. */
function faultsOf(given: { isEnabled?: boolean } = {}) {
  const orders: (readonly FaultRule[])[] = [];
  const numbers = new Map([['n2', 7]]);
  const clock = new ManualClock();
  const events = new EventLog(() => NOW_MS);
  const counts = createFaultCountsMemory(1);
  const faults = new InjectedFaults({
    isEnabled: true,
    numberOf: (peer) => numbers.get(peer) ?? 0,
    isKnown: (peer) => peer === 'n2' || peer === 'n3',
    order: async (rules) => {
      orders.push(rules);
      await Promise.resolve();
    },
    counted: ({ id, slot }) => readFaultCounts(counts, id, slot),
    clock,
    wallClockMs: () => NOW_MS,
    random: { uint32: () => 42 },
    events,
    logger: silentLogger,
    ...given,
  });
  return { faults, orders, numbers, clock, events };
}

test('a fault is handed to the workers by the number of its peer, with all that was left out', (t) => {
  const { faults, orders } = faultsOf();
  const fault = faults.add({ direction: 'out', peer: 'n2', lossRatio: 0.05, delayMs: 1.5 });
  t.like(fault, { id: 1, peer: 'n2', seed: 42, inUse: true, since: '2026-01-03T04:05:00.000Z', jitterMs: 0 });
  const rule = { id: 1, slot: 0, peer: 7, direction: 'out', lossRatio: 0.05, delayUs: 1_500, jitterUs: 0, seed: 42 };
  const nothing = { duplicateRatio: 0, corruptRatio: 0, reorderRatio: 0, clipBytes: 0 };
  t.deepEqual(orders, [[{ ...rule, ...nothing } as FaultRule]]);
  t.deepEqual(faults.list(), [fault]);
});

test('each is an event, and a notice as long as it lasts', (t) => {
  const { faults, events } = faultsOf();
  t.deepEqual(faults.notices(), []);
  faults.add({ direction: 'in', clipBytes: 1_280 });
  t.is(faults.notices()[0]?.code, 'faults-injected');
  t.regex(faults.notices()[0]!.message, /in from all peers: clip 1280, seed 42/);
  faults.remove(1);
  t.deepEqual(faults.notices(), []);
  t.deepEqual(
    events.list().map(({ kind, subject }) => [kind, subject]),
    [
      ['fault-added', 'all peers'],
      ['fault-removed', 'all peers'],
    ],
  );
});

test('a peer that is away has no number, which must not mean anybody; when it comes back, the fault does', (t) => {
  const { faults, orders, numbers, clock } = faultsOf();
  t.false(faults.add({ direction: 'out', peer: 'n3', lossRatio: 1 }).inUse);
  t.deepEqual(orders, []);
  numbers.set('n3', 9);
  clock.advance(1_000);
  t.deepEqual(
    orders.map((rules) => rules.map(({ peer }) => peer)),
    [[9]],
  );
  numbers.set('n3', 12);
  clock.advance(1_000);
  t.deepEqual(
    orders.at(-1)?.map(({ peer }) => peer),
    [12],
  );
  numbers.delete('n3');
  clock.advance(1_000);
  t.deepEqual(orders.at(-1), []);
});

test('as long as nothing changes, workers are not told again', (t) => {
  const { faults, orders, clock } = faultsOf();
  faults.add({ direction: 'out', peer: 'n2', lossRatio: 1 });
  clock.advance(10_000);
  t.is(orders.length, 1);
});

test('ids are never used twice, and places are', (t) => {
  const { faults, orders } = faultsOf();
  for (let count = 0; count < 32; count++) faults.add({ direction: 'out', lossRatio: 0.1 });
  t.throws(() => faults.add({ direction: 'out', lossRatio: 0.1 }), { code: 'too-many-faults' });
  faults.remove(5);
  t.is(faults.add({ direction: 'out', lossRatio: 0.1 }).id, 33);
  t.deepEqual(
    orders
      .at(-1)
      ?.map(({ slot }) => slot)
      .toSorted((a, b) => a - b),
    Array.from({ length: 32 }, (_, slot) => slot),
  );
  t.is(faults.clear().length, 32);
  t.deepEqual(orders.at(-1), []);
});

test('nothing is injected where that is off, at peers that nobody knows, and nothing ends that is not there', (t) => {
  t.throws(() => faultsOf({ isEnabled: false }).faults.add({ direction: 'out', lossRatio: 1 }), { code: 'faults-off' });
  const { faults } = faultsOf();
  t.throws(() => faults.add({ direction: 'out', peer: 'n9', lossRatio: 1 }), { code: 'peer-unknown' });
  t.throws(() => faults.remove(1), { code: 'fault-unknown' });
});

test('a request is taken as it is', (t) => {
  const request = { direction: 'in', peer: 'n2', lossRatio: 0.5, seed: 0 };
  t.deepEqual(parseFaultRequest(JSON.stringify(request)), request as ReturnType<typeof parseFaultRequest>);
});

for (const [what, request, path] of [
  ['no direction', { lossRatio: 1 }, 'direction'],
  ['another direction', { direction: 'up', lossRatio: 1 }, 'direction'],
  ['a share above 1', { direction: 'in', lossRatio: 5 }, 'lossRatio'],
  ['a share below 0', { direction: 'in', lossRatio: -0.1 }, 'lossRatio'],
  ['a share that is text', { direction: 'in', lossRatio: '5%' }, 'lossRatio'],
  ['a delay of an hour', { direction: 'in', delayMs: 3_600_000 }, 'delayMs'],
  ['a clip below any datagram', { direction: 'in', clipBytes: 49 }, 'clipBytes'],
  ['half a byte', { direction: 'in', clipBytes: 1_280.5 }, 'clipBytes'],
  ['a seed of 33 bits', { direction: 'in', lossRatio: 1, seed: 2 ** 32 }, 'seed'],
  ['an unknown key', { direction: 'in', lossRatio: 1, rate: 5 }, 'rate'],
  ['nothing that would happen', { direction: 'in', lossRatio: 0 }, ''],
] as const) {
  test(`a request with ${what} is refused by the key that is wrong`, (t) => {
    const error = t.throws(() => parseFaultRequest(JSON.stringify(request)), { code: 'config-invalid' });
    t.is((error as Error & { details: { path: string } }).details.path, path);
  });
}

test('a number of a fault is a number', (t) => {
  t.is(parseFaultId('12'), 12);
  for (const text of ['0', '-1', '1.5', 'all', '']) t.throws(() => parseFaultId(text), { code: 'config-invalid' });
});
