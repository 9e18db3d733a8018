import test from 'ava';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { FailureDetector, NACK_CAPABILITY } from '../../src/membership/failure-detector.ts';
import { LocalHealth } from '../../src/membership/local-health.ts';
import { MemberTable } from '../../src/membership/member-table.ts';
import type { DatagramBody } from '../../src/membership/message.ts';
import { presets } from '../../src/membership/parameters.ts';
import type { Endpoint } from '../../src/wire/address.ts';
import { announcementOf, endpoint, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

interface Bench {
  readonly clock: ManualClock;
  readonly detector: FailureDetector;
  readonly table: MemberTable;
  readonly health: LocalHealth;
  readonly sent: { to: Endpoint; body: DatagramBody }[];
  readonly streamed: { target: string; onOutcome: (isAnswered: boolean) => void }[];
  readonly silent: string[];
}

/** Times of the preset that the tests run with. */
const { probeTimeoutMs, probeVerdictMs, probeIntervalMs } = presets.lan;

/** When others are asked. */
const helpMs = 2 * probeTimeoutMs;

/** Node 1 with the detector; nodes 2 to `size` are alive. */
function bench(size: number, slowness = 0): Bench {
  const clock = new ManualClock();
  const table = new MemberTable(identityOf(1), presets.lan);
  const health = new LocalHealth(clock);
  const sent: Bench['sent'] = [];
  const streamed: Bench['streamed'] = [];
  const silent: string[] = [];
  const detector = new FailureDetector({
    self: identityOf(1),
    clock,
    random: new SeededRandom(1),
    parameters: presets.lan,
    table,
    health,
    send: (to, body) => sent.push({ to, body }),
    sendOnStream: (_to, { target }, onOutcome) => streamed.push({ target, onOutcome }),
    onSilent: (identity, incarnation) => silent.push(`${identity}@${incarnation}`),
  });
  for (let number = 2; number <= size; number++) {
    const sealed = sealAnnouncement(announcementOf(number, { capabilities: [NACK_CAPABILITY] }));
    const identity = identityOf(number);
    table.apply({ identity, incarnation: 3, state: 'alive', sealed, announcedAt: 3, ageSeconds: 0, slowness }, 0);
    detector.watch(identity);
  }
  return { clock, detector, table, health, sent, streamed, silent };
}

/** As membership would take it. */
function declare({ table }: Bench, identity: string, state: 'suspect' | 'dead'): void {
  table.apply({ identity, incarnation: 3, state, sealed: undefined, announcedAt: 3, ageSeconds: 0 }, 0);
}

function firstPing({ sent }: Bench): { sequence: number; target: string } {
  const body = sent[0]?.body;
  if (body?.kind !== 'ping') throw new Error('no ping was sent');
  return body;
}

function helpersAskedOf({ sent }: Bench): Bench['sent'] {
  return sent.filter(({ body }) => body.kind === 'indirect-ping');
}

const elsewhere = endpoint('198.18.0.77:7948');

test('a member that answers is not silent', (t) => {
  const made = bench(2);
  made.detector.round();
  const { sequence, target } = firstPing(made);
  t.is(target, identityOf(2));
  t.is(made.detector.handle(elsewhere, target, { kind: 'ack', sequence, target }), undefined);
  made.clock.advance(10_000);
  t.deepEqual(made.silent, []);
  t.deepEqual(made.streamed, []);
});

test('three others are asked when a member does not answer in time, and an answer through one of them counts', (t) => {
  const made = bench(6);
  made.detector.round();
  const { sequence, target } = firstPing(made);
  made.clock.advance(helpMs - 1);
  t.is(helpersAskedOf(made).length, 0);
  made.clock.advance(1);
  const asked = helpersAskedOf(made);
  t.is(asked.length, 3);
  t.true(asked.every(({ body }) => body.kind === 'indirect-ping' && body.target === target));
  t.is(new Set(asked.map(({ to }) => to)).size, 3);
  made.detector.handle(elsewhere, identityOf(9), { kind: 'ack', sequence, target });
  made.clock.advance(10_000);
  t.deepEqual(made.silent, []);
});

test('the ping is repeated twice while there is no answer, and not after', (t) => {
  const made = bench(2);
  made.detector.round();
  const pings = (): number => made.sent.filter(({ body }) => body.kind === 'ping').length;
  made.clock.advance(probeTimeoutMs);
  t.is(pings(), 2);
  made.clock.advance(probeTimeoutMs);
  t.is(pings(), 3);
  const { sequence, target } = firstPing(made);
  t.true(made.sent.every(({ body }) => body.kind === 'ping' && body.sequence === sequence));
  made.detector.handle(elsewhere, target, { kind: 'ack', sequence, target });
  made.detector.round();
  made.clock.advance(probeTimeoutMs - 1);
  t.is(pings(), 4);
});

test('those who are suspect are not asked for help, and among few others all that are able are found', (t) => {
  const made = bench(8);
  for (const number of [2, 3, 4, 5]) declare(made, identityOf(number), 'suspect');
  made.detector.look(identityOf(2));
  made.clock.advance(helpMs);
  const asked = helpersAskedOf(made).map(({ to }) => to.address.bytes[3]!);
  t.deepEqual(
    asked.toSorted((a, b) => a - b),
    [6, 7, 8],
  );
});

test('a member that nobody hears from is silent in the incarnation it was probed in', (t) => {
  const made = bench(2);
  made.detector.round();
  made.clock.advance(probeVerdictMs - 1);
  t.deepEqual(made.silent, []);
  made.clock.advance(1);
  t.deepEqual(made.silent, [`${identityOf(2)}@3`]);
  t.deepEqual(made.detector.counts, { sent: 1, failed: 1, answeredOnStream: 0 });
});

test('a member that answers on the stream only is not silent, which is counted', (t) => {
  const made = bench(2);
  made.detector.round();
  made.clock.advance(helpMs);
  t.is(made.streamed[0]!.target, identityOf(2));
  made.streamed[0]!.onOutcome(true);
  made.clock.advance(10_000);
  t.deepEqual(made.silent, []);
  t.is(made.detector.counts.answeredOnStream, 1);
});

test('an answer on the stream that comes too late counts for nothing', (t) => {
  const made = bench(2);
  made.detector.round();
  made.clock.advance(probeVerdictMs);
  made.streamed[0]!.onOutcome(true);
  t.is(made.silent.length, 1);
  t.is(made.detector.counts.answeredOnStream, 0);
});

test('only so many probes over streams are under way at a time, and room comes back', (t) => {
  const made = bench(40);
  for (let number = 2; number <= 40; number++) made.detector.look(identityOf(number));
  made.clock.advance(helpMs);
  t.is(made.streamed.length, 16);
  made.clock.advance(probeVerdictMs);
  for (const { onOutcome } of made.streamed) onOutcome(false);
  made.detector.round();
  made.clock.advance(made.health.scaled(helpMs));
  t.is(made.streamed.length, 17);
});

test('a member that is being probed is not probed a second time meanwhile', (t) => {
  const made = bench(2);
  made.detector.round();
  made.detector.round();
  made.detector.look(identityOf(2));
  t.is(made.sent.length, 1);
  made.clock.advance(probeVerdictMs);
  t.is(made.sent.length, 3);
  made.detector.round();
  t.is(made.sent.length, 4);
});

test('only so many members are looked at out of turn at a time', (t) => {
  const made = bench(100);
  for (let number = 2; number <= 100; number++) made.detector.look(identityOf(number));
  t.is(made.sent.length, 64);
  for (let round = 0; round < 10; round++) made.detector.round();
  t.true(made.sent.length > 64);
});

test('the dead have no turn, and one that returns has', (t) => {
  const made = bench(3);
  declare(made, identityOf(2), 'dead');
  for (let round = 0; round < 4; round++) {
    made.detector.round();
    made.clock.advance(probeVerdictMs);
  }
  t.deepEqual([...new Set(made.silent)], [`${identityOf(3)}@3`]);
  const sealed = sealAnnouncement(announcementOf(2));
  const identity = identityOf(2);
  made.table.apply({ identity, incarnation: 4, state: 'alive', sealed, announcedAt: 4, ageSeconds: 0 }, 0);
  made.detector.watch(identity);
  made.detector.round();
  made.detector.round();
  made.clock.advance(made.health.scaled(probeVerdictMs));
  t.true(made.silent.includes(`${identity}@4`));
});

test('a member that calls itself slow has so many intervals more', (t) => {
  const made = bench(2, 4);
  made.detector.round();
  made.clock.advance(probeVerdictMs + 4 * probeIntervalMs - 1);
  t.deepEqual(made.silent, []);
  made.clock.advance(1);
  t.is(made.silent.length, 1);
});

test('nacks of all who were asked leave this node as healthy as it was', (t) => {
  const made = bench(6);
  made.detector.round();
  const { sequence, target } = firstPing(made);
  made.clock.advance(helpMs);
  for (const { to } of helpersAskedOf(made)) {
    const helper = identityOf(to.address.bytes[3]!);
    made.detector.handle(to, helper, { kind: 'nack', sequence, target });
  }
  made.clock.advance(probeVerdictMs);
  t.is(made.silent.length, 1);
  t.is(made.health.score, 0);
});

test('each helper that says nothing makes this node less healthy; one that says it twice counts once', (t) => {
  const made = bench(6);
  made.detector.round();
  const { sequence, target } = firstPing(made);
  made.clock.advance(helpMs);
  const { to } = helpersAskedOf(made)[0]!;
  for (let time = 0; time < 3; time++) {
    made.detector.handle(to, identityOf(to.address.bytes[3]!), { kind: 'nack', sequence, target });
  }
  made.clock.advance(probeVerdictMs);
  t.is(made.health.score, 2);
});

test('helpers that turn out to be silent themselves owe no nack', (t) => {
  const made = bench(6);
  made.detector.round();
  made.clock.advance(helpMs);
  for (const { to } of helpersAskedOf(made)) declare(made, identityOf(to.address.bytes[3]!), 'suspect');
  made.clock.advance(probeVerdictMs);
  t.is(made.health.score, 0);
});

test('with nobody to ask, each failed probe makes this node less healthy, and everything takes longer then', (t) => {
  const made = bench(2);
  made.detector.round();
  made.clock.advance(probeVerdictMs);
  t.is(made.health.score, 1);
  t.is(made.detector.intervalMs(), 2 * probeIntervalMs);
  made.sent.length = 0;
  made.detector.round();
  made.clock.advance(2 * helpMs - 1);
  t.is(made.streamed.length, 1);
  made.clock.advance(1);
  t.is(made.streamed.length, 2);
  made.clock.advance(2 * (probeVerdictMs - helpMs) - 1);
  t.is(made.silent.length, 1);
  made.clock.advance(1);
  t.is(made.silent.length, 2);
});

const unexpected = test.macro({
  exec: (t, change: { sequence?: number; target?: string }) => {
    const made = bench(2);
    made.detector.round();
    const ack = { kind: 'ack', ...firstPing(made), ...change } as const;
    t.is(made.detector.handle(elsewhere, identityOf(2), { ...ack, kind: 'ack' }), 'ack-unexpected');
  },
  title: (name) => `an ack with ${name} is not expected`,
});

test('another sequence', unexpected, { sequence: 1 });
test('another target', unexpected, { target: identityOf(9) });

test('an ack that comes twice is not expected the second time', (t) => {
  const made = bench(2);
  made.detector.round();
  const { sequence, target } = firstPing(made);
  made.detector.handle(elsewhere, identityOf(9), { kind: 'ack', sequence, target });
  t.is(made.detector.handle(elsewhere, identityOf(9), { kind: 'ack', sequence, target }), 'ack-unexpected');
});

test('a ping is answered where it came from', (t) => {
  const made = bench(2);
  made.detector.handle(elsewhere, identityOf(9), { kind: 'ping', sequence: 9, target: identityOf(1) });
  t.deepEqual(made.sent, [{ to: elsewhere, body: { kind: 'ack', sequence: 9, target: identityOf(1) } }]);
});

test('a ping for whoever had this address before is not answered', (t) => {
  const made = bench(2);
  t.is(
    made.detector.handle(elsewhere, identityOf(9), { kind: 'ping', sequence: 9, target: identityOf(7) }),
    'probe-misdirected',
  );
  t.deepEqual(made.sent, []);
});

test('an indirect ping goes to the target, and its ack back to who asked, under the sequence of each', (t) => {
  const made = bench(3);
  made.detector.handle(elsewhere, identityOf(9), { kind: 'indirect-ping', sequence: 9, target: identityOf(3) });
  const { sequence, target } = firstPing(made);
  t.not(sequence, 9);
  t.deepEqual(made.sent[0]!.to, announcementOf(3).gossipEndpoint);
  made.detector.handle(announcementOf(3).gossipEndpoint, identityOf(3), { kind: 'ack', sequence, target });
  t.deepEqual(made.sent[1], { to: elsewhere, body: { kind: 'ack', sequence: 9, target: identityOf(3) } });
});

test('whoever asked for an indirect ping hears when there is no answer, and still gets one that comes late', (t) => {
  const made = bench(3);
  made.detector.handle(elsewhere, identityOf(9), { kind: 'indirect-ping', sequence: 9, target: identityOf(3) });
  const { sequence, target } = firstPing(made);
  made.clock.advance(probeTimeoutMs);
  t.deepEqual(made.sent[1], { to: elsewhere, body: { kind: 'nack', sequence: 9, target } });
  made.detector.handle(announcementOf(3).gossipEndpoint, target, { kind: 'ack', sequence, target });
  t.deepEqual(made.sent[2], { to: elsewhere, body: { kind: 'ack', sequence: 9, target } });
});

test('an indirect ping that was answered is not nacked', (t) => {
  const made = bench(3);
  made.detector.handle(elsewhere, identityOf(9), { kind: 'indirect-ping', sequence: 9, target: identityOf(3) });
  const { sequence, target } = firstPing(made);
  made.detector.handle(announcementOf(3).gossipEndpoint, target, { kind: 'ack', sequence, target });
  made.clock.advance(10_000);
  t.is(made.sent.length, 2);
});

test('an indirect ping for a stranger is refused', (t) => {
  const made = bench(3);
  const body = { kind: 'indirect-ping', sequence: 9, target: identityOf(8) } as const;
  t.is(made.detector.handle(elsewhere, identityOf(9), body), 'probe-unknown-target');
});

test('only so many indirect pings are under way at a time, and room comes back', (t) => {
  const made = bench(3);
  const ask = (sequence: number): string | undefined =>
    made.detector.handle(elsewhere, identityOf(9), { kind: 'indirect-ping', sequence, target: identityOf(3) });
  for (let sequence = 0; sequence < 1_024; sequence++) t.is(ask(sequence), undefined);
  t.is(ask(2_000), 'probe-unknown-target');
  made.clock.advance(1_000);
  t.is(ask(2_001), undefined);
});

test('probes in a row that are answered by a detour only are counted, until one is answered straight', (t) => {
  const made = bench(2);
  const { detector, sent, streamed, clock } = made;
  const target = identityOf(2);
  const probe = (answer: (sequence: number) => void): void => {
    const before = sent.length;
    detector.round();
    const body = sent[before]!.body;
    if (body.kind !== 'ping') throw new Error('no ping was sent');
    answer(body.sequence);
    clock.advance(10_000);
  };
  probe((sequence) => detector.handle(elsewhere, identityOf(9), { kind: 'ack', sequence, target }));
  probe(() => {
    clock.advance(helpMs);
    streamed.at(-1)!.onOutcome(true);
  });
  t.deepEqual([...detector.roundabout], [[target, 2]]);
  probe((sequence) => detector.handle(elsewhere, target, { kind: 'ack', sequence, target }));
  t.is(detector.roundabout.size, 0);
});

test('detours to a member that died are forgotten', (t) => {
  const made = bench(2);
  made.detector.round();
  const { sequence, target } = firstPing(made);
  made.detector.handle(elsewhere, identityOf(9), { kind: 'ack', sequence, target });
  declare(made, target, 'dead');
  made.detector.round();
  t.is(made.detector.roundabout.size, 0);
});
