import test from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { PastMoments } from '../../../src/daemon/explain/past-moments.ts';
import { RecordedPackets } from '../../../src/daemon/explain/recorded-packets.ts';
import type { RemoteAnswerer, RemoteNodes } from '../../../src/daemon/remote/remote-nodes.ts';
import { WeftError } from '../../../src/errors.ts';
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

/** Node n1 with this log and no flight recorder; no other node answers. */
function pastOf(events: EventLog): PastMoments {
  let own: RemoteAnswerer | undefined;
  const remote: Pick<RemoteNodes, 'ask' | 'answer'> = {
    answer: (_question, answerer) => void (own = answerer),
    async ask<Answer>(node: string, _question: string, body: unknown): Promise<Answer> {
      if (node !== 'n1') throw new WeftError('remote-unreachable', `node ${node}: nobody answers`);
      return (await own!(JSON.parse(JSON.stringify(body)), { name: 'n1', identity: '' })) as Answer;
    },
  };
  const recorded = new RecordedPackets(undefined, START_MS);
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
