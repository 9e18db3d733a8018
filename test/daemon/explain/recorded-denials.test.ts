import test from 'ava';
import {
  type DenialKind,
  MAX_DENIALS,
  MAX_DENIALS_OF_SOURCE,
  RecordedDenials,
} from '../../../src/daemon/explain/recorded-denials.ts';
import { RecordedPackets } from '../../../src/daemon/explain/recorded-packets.ts';
import type { DeniedPacket } from '../../../src/daemon/policy/policy-log.ts';
import { createFlightRecorderMemory } from '../../../src/dataplane/flight-recorder.ts';
import { KernelReason } from '../../../src/dataplane/drop-reason.ts';
import { Hook } from '../../../src/dataplane/hook.ts';
import { readFlow } from '../../../src/explain/packet-flow.ts';
import type { RecordedPacket } from '../../../src/explain/recorded-packet.ts';
import { syntheticPacket } from '../../../src/explain/synthetic-packet.ts';
import { address } from '../../support/policy-cluster.ts';

const ALWAYS = { fromMs: 0, toMs: Infinity };
const NS_PER_MS = 1_000_000n;
const rule = 'isolated by shop/web, no rule matches';

/** @param sourcePort makes it another packet. */
function denied(source: string, sourcePort = 40_000, isAudit = false, timeNs = 0n): DeniedPacket {
  const ends = { source: address(source), destination: address('10.244.1.2') };
  const packet = syntheticPacket({ ...ends, protocol: 6, sourcePort, destinationPort: 80, sizeBytes: 200 });
  return { denier: { direction: 'ingress', policy: 'shop/web', rule: '', text: rule, isAudit }, packet, timeNs };
}

/** CLOCK_REALTIME is a second ahead. */
function recording() {
  const time = { nowNs: 5_000n * NS_PER_MS };
  const denials = new RecordedDenials({
    realtimeAheadNs: () => 1_000n * NS_PER_MS,
    nowNs: () => time.nowNs,
    isOutward: () => false,
  });
  const portsOf = (source: string, kind: DenialKind = 'drops') =>
    denials
      .list(kind, ALWAYS)
      .map(({ header }) => readFlow(header)!)
      .filter((flow) => flow.source === source)
      .map(({ sourcePort }) => sourcePort);
  return { time, denials, portsOf };
}

test('a packet that a policy denies is recorded with its rule, by the clock of records, and without payload', (t) => {
  const { denials } = recording();
  const packet = denied('10.244.2.2', 40_000, false, 5_250_000_007n);
  denials.hear([packet]);
  t.deepEqual(denials.list('drops', ALWAYS), [
    {
      seconds: 4,
      nanoseconds: 250_000_007,
      hook: Hook.drop,
      direction: 'ingress',
      reason: KernelReason.policyDenied,
      peer: 0,
      lengthBytes: 200,
      segments: 1,
      header: packet.packet.slice(0, 40),
      isDatagram: false,
      denial: { policy: 'shop/web', rule },
    },
  ]);
  t.deepEqual(denials.list('audits', ALWAYS), []);
});

test('what a policy in audit mode would deny is no drop', (t) => {
  const { denials } = recording();
  denials.hear([denied('10.244.2.2', 40_000, true)]);
  t.deepEqual(denials.list('drops', ALWAYS), []);
  t.like(denials.list('audits', ALWAYS)[0], { hook: Hook.audit, denial: { rule } });
});

test('a source that is denied without end pushes out its own packets alone, the oldest first', (t) => {
  const { denials, portsOf } = recording();
  denials.hear([denied('10.244.2.3')]);
  for (let port = 1; port <= 3 * MAX_DENIALS; port++) denials.hear([denied('10.244.2.2', port)]);
  const flood = portsOf('10.244.2.2');
  t.is(flood.length, MAX_DENIALS_OF_SOURCE);
  t.deepEqual([flood[0], flood.at(-1)], [3 * MAX_DENIALS, 3 * MAX_DENIALS - MAX_DENIALS_OF_SOURCE + 1]);
  t.deepEqual(portsOf('10.244.2.3'), [40_000]);
});

test('of very many sources, the newest packets are there', (t) => {
  const { denials, portsOf } = recording();
  const sources = Array.from({ length: MAX_DENIALS + 10 }, (_, index) => `10.${index >> 8}.${index & 255}.7`);
  denials.hear(sources.map((source) => denied(source)));
  t.is(denials.list('drops', ALWAYS).length, MAX_DENIALS);
  t.deepEqual(portsOf(sources[9]!), []);
  t.deepEqual(portsOf(sources[10]!), [40_000]);
  // One whose packets all went begins anew.
  denials.hear([denied(sources[0]!)]);
  t.deepEqual(portsOf(sources[0]!), [40_000]);
});

test('who asks for what is new is told of each once, whenever it was told', (t) => {
  const { time, denials } = recording();
  const count = (fromMs: number, toMs: number) => denials.list('drops', { fromMs, toMs }).length;
  // It was denied half a second before anybody heard of it.
  denials.hear([denied('10.244.2.2', 40_000, false, 5_500n * NS_PER_MS)]);
  time.nowNs += NS_PER_MS;
  denials.hear([denied('10.244.2.2')]);
  t.deepEqual([count(4_000, 5_000), count(5_000, 5_001), count(5_001, 9_000)], [0, 1, 1]);
});

test('what is no whole packet is recorded as far as it goes', (t) => {
  const { denials } = recording();
  const { denier, packet } = denied('10.244.2.2');
  for (const length of [0, 1, 19, 20, 33]) denials.hear([{ denier, packet: packet.subarray(0, length), timeNs: 0n }]);
  t.deepEqual(
    denials.list('drops', ALWAYS).map(({ header }) => header.length),
    [33, 20, 19, 1, 0],
  );
});

test('they are among the drops that a flight recorder has, and what passed is asked for by its name', async (t) => {
  const { denials } = recording();
  denials.hear([denied('10.244.2.2'), denied('10.244.2.2', 40_001, true)]);
  const recorded = new RecordedPackets(createFlightRecorderMemory(0, 1), Date.now(), denials);
  const hooksOf = async (...kinds: readonly ('packets' | 'drops' | 'audits')[]): Promise<number[]> => {
    const taken: RecordedPacket[] = [];
    await recorded.each({ fromMs: -Infinity, toMs: Infinity }, (record) => taken.push(record), kinds);
    return taken.map(({ hook }) => hook);
  };
  t.deepEqual(await hooksOf('packets'), []);
  t.deepEqual(await hooksOf('drops'), [Hook.drop]);
  t.deepEqual(await hooksOf('packets', 'drops', 'audits'), [Hook.drop, Hook.audit]);
});
