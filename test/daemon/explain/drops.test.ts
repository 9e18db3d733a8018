import test from 'ava';
import type { DropReport } from '../../../src/api/drop-api.ts';
import { DropReason, KernelReason, type RecordedReason } from '../../../src/dataplane/drop-reason.ts';
import { Counters, createCountersMemory, readWorkerAccount } from '../../../src/dataplane/counters.ts';
import { Hook } from '../../../src/dataplane/hook.ts';
import { PeerCounters, createPeerCountersMemory, readPeerAccount } from '../../../src/dataplane/peer-counters.ts';
import { Drops, parseDropQuery } from '../../../src/daemon/explain/drops.ts';
import type { RecordedPacket } from '../../../src/explain/recorded-packet.ts';
import { clockOffsetMs } from '../../../src/daemon/explain/recorded-packets.ts';
import { ipPacket, tcpSegment, udpDatagram } from '../../support/ip-packet.ts';

const v4 = { source: [10, 244, 1, 2], destination: [10, 244, 2, 2] } as const;
const back = { source: [10, 244, 2, 2], destination: [10, 244, 1, 3] } as const;

/** A node with pods web and db, which exchanges packets with n2, also through n3. */
function dropsOf(records: readonly RecordedPacket[] = []) {
  const memory = createCountersMemory(1);
  const peerMemory = createPeerCountersMemory(1, 20);
  const counters = new Counters(memory, 0, new PeerCounters(peerMemory, 0));
  const drops = new Drops({
    titles: () => (address) => (address.startsWith('10.244.2.') ? 'n2/db' : ''),
    accounts: () => [readWorkerAccount(memory, 0)],
    accountOf: (peer) => readPeerAccount(peerMemory, peer),
    entryNames: () =>
      new Map([
        [2, { name: 'n2', relay: '' }],
        [3, { name: 'n3', relay: '' }],
        [12, { name: 'n2', relay: 'n3' }],
      ]),
    pods: () => [
      { namespace: 'default', name: 'web', addresses: ['10.244.1.2', 'fd00:10:244:1::2'] },
      { namespace: 'default', name: 'db', addresses: ['10.244.1.3'] },
    ],
    recorded: {
      span: () => ({ packetsSince: '', dropsSince: '2026-01-01T00:00:00.000Z' }),
      each: async ({ fromMs, toMs }, take) => {
        for (const record of records) {
          const timeMs = timeOf(record) + clockOffsetMs();
          if (timeMs >= fromMs && timeMs < toMs) take(record);
        }
        await Promise.resolve();
      },
    },
    policies: () => [],
    kernel: async () => [],
    startedMs: Date.parse('2026-01-01T00:00:00.000Z'),
  });
  return { drops, counters };
}

test('reasons are counted by the accounts, the most frequent first, with what to do', async (t) => {
  const { drops, counters } = dropsOf();
  counters.egressReceived(10, 1_000, 2);
  counters.drop(DropReason.packetTooBig, 3, 2);
  counters.drop(DropReason.noRoute, 5, 0);
  counters.ingressReceived(4, 400, 3);
  counters.drop(DropReason.forgedSource, 4, 3);
  counters.publish();
  const { packets, reasons, since } = await drops.report({ sinceMs: 0, limit: 10, probes: false });
  t.is(packets, 12);
  t.is(since, '2026-01-01T00:00:00.000Z');
  t.deepEqual(
    reasons.map(({ reason, direction, packets, last }) => [reason, direction, packets, last]),
    [
      ['no-route', 'egress', 5, ''],
      ['forged-source', 'ingress', 4, ''],
      ['packet-too-big', 'egress', 3, ''],
    ],
  );
  t.true(reasons.every(({ meaning, cause, remedy }) => meaning !== '' && cause !== '' && remedy !== ''));
});

test("what a node's kernel says to the link is counted, and shown to nobody", async (t) => {
  const groups = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16];
  const header = ipPacket({ source: groups, destination: groups, protocol: 58, transport: [143, 0, 0, 0, 0, 0, 0, 0] });
  const { drops, counters } = dropsOf([recordOf(0, DropReason.nodeLinkControl, header)]);
  counters.egressReceived(2, 192, 0);
  counters.drop(DropReason.nodeLinkControl, 2, 0);
  counters.publish();
  const report = await drops.report({ sinceMs: 0, limit: 10, probes: false });
  t.like(report, { packets: 0, reasons: [], pods: [], recent: [], omitted: 0 });
  t.is(report.peers.at(-1)!.egress.dropped, 0);
});

test('ways to a peer count with it, and what is of no known peer stands at the end', async (t) => {
  const { drops, counters } = dropsOf();
  counters.egressReceived(10, 1_000, 2);
  counters.drop(DropReason.packetTooBig, 3, 2);
  counters.egressReceived(5, 500, 12);
  counters.egressOriginated(1, 12);
  counters.drop(DropReason.sendFailed, 2, 12);
  counters.ingressReceived(4, 400, 3);
  counters.drop(DropReason.forgedSource, 4, 3);
  counters.egressReceived(7, 700, 0);
  counters.drop(DropReason.noRoute, 7, 0);
  // One that is gone, and has no name any more.
  counters.ingressReceived(2, 200, 9);
  counters.drop(DropReason.innerNotIp, 1, 9);
  counters.publish();
  const none = { packets: 0, dropped: 0 };
  t.deepEqual((await drops.report({ sinceMs: 0, limit: 10, probes: false })).peers, [
    { peer: 'n2', egress: { packets: 16, dropped: 5 }, ingress: none },
    { peer: 'n3', egress: none, ingress: { packets: 4, dropped: 4 } },
    { peer: '', egress: { packets: 7, dropped: 7 }, ingress: { packets: 2, dropped: 1 } },
  ]);
});

test('recorded drops are those of pods, by the address of this node in them', async (t) => {
  const web = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 2, [], []) });
  const db = ipPacket({ ...back, protocol: 17, transport: udpDatagram([1]) });
  const { drops } = dropsOf([
    recordOf(100, DropReason.noRoute, web),
    recordOf(200, DropReason.innerBadChecksum, db, { direction: 'ingress', peer: 2, segments: 3 }),
    recordOf(300, DropReason.packetTooBig, web, { peer: 12, lengthBytes: 9_000, segments: 2 }),
    recordOf(400, DropReason.vxlanNoVni, new Uint8Array(8), { direction: 'ingress', isDatagram: true }),
  ]);
  const { pods, recent, omitted, reasons } = await drops.report({ sinceMs: 0, limit: 2, probes: false });
  t.deepEqual(reasons, []);
  t.deepEqual(pods, [
    { pod: 'web', address: '10.244.1.2', egress: 3, ingress: 0, reasons: { 'no-route': 1, 'packet-too-big': 2 } },
    { pod: 'db', address: '10.244.1.3', egress: 0, ingress: 3, reasons: { 'inner-bad-checksum': 3 } },
    { pod: '', address: '', egress: 0, ingress: 1, reasons: { 'vxlan-no-vni': 1 } },
  ]);
  t.is(omitted, 2);
  t.like(recent[0], {
    reason: 'packet-too-big',
    direction: 'egress',
    peer: 'n2',
    pod: 'web',
    source: '10.244.1.2',
    destination: '10.244.2.2',
    remotePod: 'n2/db',
    protocol: 'tcp',
    lengthBytes: 9_000,
    packets: 2,
  });
  t.like(recent[1], { reason: 'vxlan-no-vni', source: '', protocol: '', pod: '', peer: '' });
});

test('what policies deny is among the records, with its rule, and in no count of reasons', async (t) => {
  const packet = ipPacket({ ...v4, protocol: 17, transport: udpDatagram([1]) });
  const denial = { policy: 'shop/web', rule: 'shop/web egress[0].to[0]' };
  const { drops } = dropsOf([
    recordOf(0, KernelReason.policyDenied, packet, { denial }),
    recordOf(1, DropReason.noRoute, packet),
  ]);
  const { packets, reasons, recent } = await drops.report({ sinceMs: 0, limit: 10, probes: false });
  t.deepEqual([packets, reasons], [0, []]);
  t.like(recent[0], { reason: 'policy-denied', pod: 'web', remotePod: 'n2/db', ...denial });
  t.like(recent[1], { reason: 'no-route', policy: '', rule: '' });
});

test('who asks again from the end of a report on is told nothing twice', async (t) => {
  const web = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 2, [], []) });
  const { drops } = dropsOf([recordOf(50, DropReason.noRoute, web), recordOf(70_000, DropReason.noRoute, web)]);
  const first = await drops.report({ sinceMs: 0, limit: 10, probes: false });
  t.is(first.recent.length, 1, 'one of them lies in the future');
  const second = await drops.report({ sinceMs: Date.parse(first.time), limit: 10, probes: false });
  t.deepEqual(second.recent, []);
});

test('of one pod there is what is recorded from and to its addresses', async (t) => {
  const packet = ipPacket({ ...v4, protocol: 17, transport: udpDatagram([1]) });
  const records = [recordOf(0, DropReason.noRoute, packet), recordOf(1, DropReason.packetTooBig, packet)];
  const { drops } = dropsOf(records);
  const asked = { sinceMs: 0, limit: 20, probes: false };
  const all = await drops.report(asked);
  const { source } = all.recent[0]!;
  t.deepEqual(withoutTimes(await drops.report({ ...asked, addresses: [source] })), withoutTimes(all));
  t.is(all.recent.length, 2);
  const none = await drops.report({ ...asked, addresses: ['192.0.2.1'] });
  t.deepEqual([none.recent, none.pods, none.omitted], [[], [], 0]);
});

test('a query names a time and a number, and nothing else', (t) => {
  t.deepEqual(parse(''), { sinceMs: 0, limit: 20, probes: false, addresses: [] });
  t.deepEqual(parse('since=1970-01-01T00:00:01Z&limit=0&probes=true'), {
    sinceMs: 1_000,
    limit: 0,
    probes: true,
    addresses: [],
  });
  for (const text of ['since=yesterday', 'limit=1001', 'limit=-1', 'by=pod', 'address=web']) {
    t.throws(() => parse(text), { code: 'config-invalid' }, text);
  }
});

function parse(text: string): ReturnType<typeof parseDropQuery> {
  return parseDropQuery(new URLSearchParams(text));
}

/** The time of day of a record is worked out anew for each report, and may be another millisecond. */
function withoutTimes({ recent }: DropReport) {
  return recent.map((packet) => ({ ...packet, time: '' }));
}

/** @param laterMs how long after a moment ten seconds ago it was. */
function recordOf(
  laterMs: number,
  reason: RecordedReason,
  header: Uint8Array,
  given: Partial<RecordedPacket> = {},
): RecordedPacket {
  const nowNs = process.hrtime.bigint() - BigInt(10_000_000_000 - laterMs * 1_000_000);
  return {
    seconds: Number(nowNs / 1_000_000_000n),
    nanoseconds: Number(nowNs % 1_000_000_000n),
    hook: Hook.drop,
    direction: 'egress',
    reason,
    peer: 0,
    lengthBytes: header.length,
    segments: 1,
    header,
    isDatagram: false,
    ...given,
  };
}

function timeOf({ seconds, nanoseconds }: RecordedPacket): number {
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
