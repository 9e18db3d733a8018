import test from 'ava';
import type { CaptureSpec } from '../../../src/api/capture-api.ts';
import { CaptureSlots, MAX_REMOTE_BURST, MAX_REMOTE_CAPTURES } from '../../../src/daemon/capture/capture-slots.ts';
import type { DeniedTap } from '../../../src/daemon/capture/denied-taps.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import type { CaptureOrder } from '../../../src/daemon/worker/worker-orders.ts';
import { ExhaustedError, NotFoundError } from '../../../src/errors.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const totals = { packets: 3, lost: 1, bytes: 400 };

function rig(onTold: () => void = () => undefined, workers = 2) {
  const told: (readonly (readonly CaptureOrder[])[])[] = [];
  const denied: (readonly DeniedTap[])[] = [];
  const events = new EventLog(() => 0);
  const clock = { nowMs: 0, wallMs: 0 };
  const slots = new CaptureSlots({
    nodeName: 'n1',
    workers,
    setCaptures: (orders) => {
      told.push(orders);
      onTold();
    },
    setDenied: (taps) => denied.push(taps),
    isPeer: (name) => name === 'n2',
    events,
    logger: silentLogger,
    wallClockMs: () => clock.wallMs,
    nowMs: () => clock.nowMs,
  });
  const begin = (spec: CaptureSpec = {}, isRemote = false) => slots.begin({ spec, client: 'root, pid 7', isRemote });
  return { told, denied, events, slots, begin, clock };
}

test('each capture has a slot, and a ring for each worker', (t) => {
  const { told, begin } = rig();
  const first = begin({ dropsOnly: true, snaplenBytes: 100 });
  const second = begin();
  t.deepEqual([first.capture, second.capture], [1, 2]);
  t.is(new Set([...first.rings, ...second.rings]).size, 6);
  const [worker0, worker1] = told.at(-1)!;
  t.deepEqual(
    worker0!.map(({ slot, hooks, snaplenBytes }) => [slot, hooks, snaplenBytes]),
    [
      [0, (1 << 8) | (1 << 9), 100],
      [1, 0b11_1111_1111, 65_535],
    ],
  );
  t.is(worker1![0]!.ring, first.rings[1]!);
});

for (const [workers, totalMib] of [
  [1, 8],
  [8, 64],
  [9, 36],
  [64, 64],
] as const) {
  test(`the rings of ${workers} workers take ${totalMib} MiB together`, (t) => {
    const rings = rig(undefined, workers).begin().rings.slice(0, workers);
    t.is(Math.floor(rings.reduce((sum, { byteLength }) => sum + byteLength, 0) / 2 ** 20), totalMib);
  });
}

test('an ended capture leaves its slot to the next one, and workers are told', (t) => {
  const { told, slots, begin } = rig();
  begin();
  begin();
  t.true(slots.end(1, 'asked', totals));
  t.deepEqual(
    told.at(-1)![0]!.map(({ slot }) => slot),
    [1],
  );
  t.false(slots.end(1, 'asked', totals));
  t.is(begin().capture, 3);
  t.deepEqual(
    told
      .at(-1)![0]!
      .map(({ slot }) => slot)
      .sort((a, b) => a - b),
    [0, 1],
  );
  slots.endAll();
  t.deepEqual(told.at(-1), [[], []]);
  t.deepEqual(slots.running(), []);
});

test('eight at a time, and not more than four for others', (t) => {
  const { begin } = rig();
  for (let index = 0; index < MAX_REMOTE_CAPTURES; index++) begin({}, true);
  t.throws(() => begin({}, true), { instanceOf: ExhaustedError, code: 'captures-full' });
  for (let index = 0; index < 4; index++) begin();
  t.throws(() => begin(), { instanceOf: ExhaustedError, code: 'captures-full' });
});

test('others cannot begin one after the other for ever, and this node can', (t) => {
  const { slots, begin, clock } = rig();
  const beginAndEnd = (isRemote: boolean): void => void slots.end(begin({}, isRemote).capture, 'asked', totals);
  for (let index = 0; index < MAX_REMOTE_BURST; index++) beginAndEnd(true);
  t.throws(() => beginAndEnd(true), { instanceOf: ExhaustedError, code: 'captures-full' });
  for (let index = 0; index < 2 * MAX_REMOTE_BURST; index++) beginAndEnd(false);
  clock.nowMs = 999;
  t.throws(() => beginAndEnd(true), { code: 'captures-full' });
  clock.nowMs = 1_000;
  t.notThrows(() => beginAndEnd(true));
  clock.nowMs = 1_999;
  t.throws(() => beginAndEnd(true), { code: 'captures-full' });
  clock.nowMs = 3_600_000;
  for (let index = 0; index < MAX_REMOTE_BURST; index++) beginAndEnd(true);
  t.throws(() => beginAndEnd(true), { code: 'captures-full' });
});

test('others are let in at the same rate when somebody sets the clock back', (t) => {
  const { slots, begin, clock } = rig();
  clock.wallMs = 1_767_225_600_000;
  for (let index = 0; index < MAX_REMOTE_BURST; index++) slots.end(begin({}, true).capture, 'asked', totals);
  clock.wallMs -= 3_600_000;
  t.throws(() => begin({}, true), { code: 'captures-full' });
  clock.nowMs += 1_000;
  t.notThrows(() => begin({}, true));
});

test('of an unknown peer there is no capture', (t) => {
  const { slots, begin } = rig();
  t.throws(() => begin({ peer: 'n9' }), { instanceOf: NotFoundError, code: 'peer-unknown' });
  t.notThrows(() => begin({ peer: 'n2' }));
  t.is(slots.running().length, 1);
});

test('all that passes a node goes to it or comes from it, so that it is a peer of its own', (t) => {
  const { events, begin } = rig();
  t.is(begin({ peer: 'n1', snaplenBytes: 100 }).spec.peer, undefined);
  t.is(begin({ peer: 'n2' }).spec.peer, 'n2');
  t.regex(events.list()[0]!.message, /peer n1/);
});

test('what workers refuse takes no slot', (t) => {
  const { slots, begin } = rig(() => {
    throw new RangeError('no');
  });
  t.throws(() => begin(), { instanceOf: RangeError });
  t.deepEqual(slots.running(), []);
});

test('the history says who captured what, and what came of it', (t) => {
  const { events, slots, begin } = rig();
  begin({ filter: { text: 'icmp', program: [[6, 0, 0, 1]] } });
  slots.end(1, 'count', totals);
  t.deepEqual(
    events.list().map(({ kind, message }) => [kind, message]),
    [
      ['capture-started', 'capture 1 of n1 was started by root, pid 7: icmp'],
      ['capture-ended', 'capture 1 of n1 ended (count) with 3 packets, and 1 lost; it was started by root, pid 7'],
    ],
  );
  t.like(events.list()[1]!.details, {
    capture: 1,
    client: 'root, pid 7',
    what: 'icmp',
    end: 'count',
    packets: 3,
    lost: 1,
  });
});

test('a trace is no event of the history', (t) => {
  const { events, slots } = rig();
  const { capture } = slots.begin({ spec: {}, client: 'weft trace on n2', isRemote: true, isTrace: true });
  t.is(slots.running().length, 1);
  t.true(slots.end(capture, 'asked', totals));
  t.deepEqual(events.list(), []);
});

test('what the kernel tells of denied packets is written for each capture, and for no trace', (t) => {
  const { denied, begin, slots } = rig();
  const { capture, rings } = begin({ dropsOnly: true });
  slots.begin({ spec: {}, client: 'weft trace', isRemote: false, isTrace: true });
  t.deepEqual(
    denied.at(-1)!.map(({ slot, ring }) => [slot, ring === rings.at(-1)]),
    [[0, true]],
  );
  slots.end(capture, 'asked', totals);
  t.deepEqual(denied.at(-1), []);
});
