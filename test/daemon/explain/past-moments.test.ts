import test from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { PastMoments } from '../../../src/daemon/explain/past-moments.ts';
import { RecordedDenials } from '../../../src/daemon/explain/recorded-denials.ts';
import { RecordedPackets } from '../../../src/daemon/explain/recorded-packets.ts';
import type { RemoteAnswerer, RemoteNodes } from '../../../src/daemon/remote/remote-nodes.ts';
import { createFlightRecorderMemory } from '../../../src/dataplane/flight-recorder.ts';
import { WeftError } from '../../../src/errors.ts';
import { syntheticPacket } from '../../../src/explain/synthetic-packet.ts';
import { realtimeAheadNs, realtimeNs } from '../../../src/linux/clock.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';

const START_MS = Date.parse('2026-01-03T04:00:00.000Z');
const packet = {
  source: parseIpAddress('10.244.1.2')!,
  destination: parseIpAddress('10.244.2.2')!,
  protocol: 1,
  sourcePort: 0,
  destinationPort: 0,
  sizeBytes: 84,
};

/** Node n1 with this log; no other node answers. */
function pastOf(events: EventLog, recorded = new RecordedPackets(undefined, START_MS)): PastMoments {
  let own: RemoteAnswerer | undefined;
  const remote: Pick<RemoteNodes, 'ask' | 'answer'> = {
    answer: (_question, answerer) => void (own = answerer),
    async ask<Answer>(node: string, _question: string, body: unknown): Promise<Answer> {
      if (node !== 'n1') throw new WeftError('remote-unreachable', `node ${node}: nobody answers`);
      return (await own!(JSON.parse(JSON.stringify(body)), { name: 'n1', identity: '' })) as Answer;
    },
  };
  const routes = { entryNames: () => new Map() };
  return new PastMoments({ events, recorded, routes, remote: remote as RemoteNodes });
}

function route(prefix: string, node: string) {
  return { subject: prefix, message: prefix, details: { node } };
}

test('events that matter are those of the nodes on the way, of routes to both ends, and of the node itself', async (t) => {
  let nowMs = START_MS;
  const events = new EventLog(() => nowMs);
  events.add('route-added', route('10.244.2.0/24', 'n2'));
  nowMs += 60_000;
  events.add('member-dead', { subject: 'n2', message: 'n2 is dead' });
  events.add('member-dead', { subject: 'n7', message: 'n7 is dead' });
  events.add('route-removed', route('10.244.2.0/24', 'n2'));
  events.add('route-removed', route('10.244.7.0/24', 'n7'));
  events.add('underlay-changed', { subject: 'n1', message: 'another address' });
  nowMs += 60_000;
  events.add('member-alive', { subject: 'n2', message: 'n2 is back' });
  const window = { fromMs: START_MS + 30_000, toMs: START_MS + 90_000 };
  const { nodes, from, to } = await pastOf(events).around(packet, ['n1', 'n3'], window);
  t.deepEqual([from, to], ['2026-01-03T04:00:30.000Z', '2026-01-03T04:01:30.000Z']);
  t.deepEqual(
    nodes[0]!.events.map(({ kind, message }) => `${kind} ${message}`),
    ['member-dead n2 is dead', 'route-removed 10.244.2.0/24', 'underlay-changed another address'],
  );
  t.like(nodes[0], { node: 'n1', error: '', packetsSince: '', dropsSince: '', seen: [] });
  t.like(nodes[1], { node: 'n3', error: 'node n3: nobody answers', events: [] });
});

test('what policies denied, or would have denied, between the two is told by its rules', async (t) => {
  const denials = new RecordedDenials({
    realtimeAheadNs,
    nowNs: () => process.hrtime.bigint(),
    isOutward: () => true,
  });
  const denied = (text: string, isAudit = false) => ({
    denier: { direction: 'egress', policy: 'shop/web', rule: '', text, isAudit } as const,
    packet: syntheticPacket(packet),
    timeNs: realtimeNs(),
  });
  denials.hear([denied('one'), denied('another'), denied('another'), denied('third', true)]);
  const recorded = new RecordedPackets(createFlightRecorderMemory(0, 1), START_MS, denials);
  const window = { fromMs: Date.now() - 60_000, toMs: Date.now() + 60_000 };
  const { nodes, conclusion } = await pastOf(new EventLog(Date.now), recorded).around(packet, ['n1'], window);
  t.deepEqual(
    nodes[0]!.seen
      .map(({ hook, reason, direction, rule, packets }) => [hook, reason, direction, rule, packets].join())
      .sort(),
    ['audit,policy-denied,egress,third,1', 'drop,policy-denied,egress,another,2', 'drop,policy-denied,egress,one,1'],
  );
  t.regex(conclusion, /^\d there, 0 back: at least \d there dropped at n1 as policy-denied: egress, (one|another)$/);
});
