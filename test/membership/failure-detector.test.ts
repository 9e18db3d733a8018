import test from 'ava';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { FailureDetector } from '../../src/membership/failure-detector.ts';
import { MemberTable } from '../../src/membership/member-table.ts';
import type { DatagramBody } from '../../src/membership/message.ts';
import { defaultParameters } from '../../src/membership/parameters.ts';
import type { Endpoint } from '../../src/wire/address.ts';
import { announcementOf, endpoint, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';

interface Bench {
  readonly clock: ManualClock;
  readonly detector: FailureDetector;
  readonly sent: { to: Endpoint; body: DatagramBody }[];
  readonly failed: string[];
}

/** Node 1 with the detector; nodes 2 to `size` are alive. */
function bench(size: number): Bench {
  const clock = new ManualClock();
  const table = new MemberTable(identityOf(1), defaultParameters);
  for (let number = 2; number <= size; number++) {
    const sealed = sealAnnouncement(announcementOf(number));
    const identity = identityOf(number);
    table.apply({ identity, incarnation: 3, state: 'alive', sealed, announcedAt: 3, ageSeconds: 0 }, 0);
  }
  const sent: Bench['sent'] = [];
  const failed: string[] = [];
  const detector = new FailureDetector({
    self: identityOf(1),
    clock,
    random: new SeededRandom(1),
    parameters: defaultParameters,
    table,
    send: (to, body) => sent.push({ to, body }),
    onFailed: (identity, incarnation) => failed.push(`${identity}@${incarnation}`),
  });
  return { clock, detector, sent, failed };
}

function firstPing({ sent }: Bench): { sequence: number; target: string } {
  const body = sent[0]?.body;
  if (body?.kind !== 'ping') throw new Error('no ping was sent');
  return body;
}

const elsewhere = endpoint('198.18.0.77:7948');

test('a member that answers has not failed', (t) => {
  const made = bench(2);
  made.detector.round();
  const { sequence, target } = firstPing(made);
  t.is(target, identityOf(2));
  t.is(made.detector.handle(elsewhere, { kind: 'ack', sequence, target }), undefined);
  made.clock.advance(1_000);
  made.detector.round();
  t.deepEqual(made.failed, []);
});

test('three others are asked when a member does not answer in time, and an answer through one of them counts', (t) => {
  const made = bench(6);
  made.detector.round();
  const { sequence, target } = firstPing(made);
  made.clock.advance(499);
  t.is(made.sent.length, 1);
  made.clock.advance(1);
  const asked = made.sent.slice(1);
  t.is(asked.length, 3);
  t.true(asked.every(({ body }) => body.kind === 'indirect-ping' && body.target === target));
  t.is(new Set(asked.map(({ to }) => to)).size, 3);
  made.detector.handle(elsewhere, { kind: 'ack', sequence, target });
  made.clock.advance(500);
  made.detector.round();
  t.deepEqual(made.failed, []);
});

test('a member that nobody hears from has failed in the incarnation it was probed in', (t) => {
  const made = bench(2);
  made.detector.round();
  made.clock.advance(1_000);
  made.detector.round();
  t.deepEqual(made.failed, [`${identityOf(2)}@3`]);
});

const unexpected = test.macro({
  exec: (t, change: { sequence?: number; target?: string }) => {
    const made = bench(2);
    made.detector.round();
    const ack = { kind: 'ack', ...firstPing(made), ...change } as const;
    t.is(made.detector.handle(elsewhere, { ...ack, kind: 'ack' }), 'ack-unexpected');
  },
  title: (name) => `an ack with ${name} is not expected`,
});

test('another sequence', unexpected, { sequence: 1 });
test('another target', unexpected, { target: identityOf(9) });

test('an ack that comes twice is not expected the second time', (t) => {
  const made = bench(2);
  made.detector.round();
  const { sequence, target } = firstPing(made);
  made.detector.handle(elsewhere, { kind: 'ack', sequence, target });
  t.is(made.detector.handle(elsewhere, { kind: 'ack', sequence, target }), 'ack-unexpected');
});

test('a ping is answered where it came from', (t) => {
  const made = bench(2);
  made.detector.handle(elsewhere, { kind: 'ping', sequence: 9, target: identityOf(1) });
  t.deepEqual(made.sent, [{ to: elsewhere, body: { kind: 'ack', sequence: 9, target: identityOf(1) } }]);
});

test('a ping for whoever had this address before is not answered', (t) => {
  const made = bench(2);
  t.is(made.detector.handle(elsewhere, { kind: 'ping', sequence: 9, target: identityOf(7) }), 'probe-misdirected');
  t.deepEqual(made.sent, []);
});

test('an indirect ping goes to the target, and its ack back to who asked, under the sequence of each', (t) => {
  const made = bench(3);
  made.detector.handle(elsewhere, { kind: 'indirect-ping', sequence: 9, target: identityOf(3) });
  const { sequence, target } = firstPing(made);
  t.not(sequence, 9);
  t.deepEqual(made.sent[0]!.to, announcementOf(3).gossipEndpoint);
  made.detector.handle(announcementOf(3).gossipEndpoint, { kind: 'ack', sequence, target });
  t.deepEqual(made.sent[1], { to: elsewhere, body: { kind: 'ack', sequence: 9, target: identityOf(3) } });
});

test('an indirect ping for a stranger is refused', (t) => {
  const made = bench(3);
  const body = { kind: 'indirect-ping', sequence: 9, target: identityOf(8) } as const;
  t.is(made.detector.handle(elsewhere, body), 'probe-unknown-target');
});

test('only so many indirect pings are under way at a time, and room comes back', (t) => {
  const made = bench(3);
  const ask = (sequence: number): string | undefined =>
    made.detector.handle(elsewhere, { kind: 'indirect-ping', sequence, target: identityOf(3) });
  for (let sequence = 0; sequence < 1_024; sequence++) t.is(ask(sequence), undefined);
  t.is(ask(2_000), 'probe-unknown-target');
  made.clock.advance(1_000);
  t.is(ask(2_001), undefined);
});
