import test from 'ava';
import { RecentCounts, readTotals, type Totals } from '../../../src/daemon/doctor/recent-counts.ts';
import { fixedStatus } from '../../support/fixed-handlers.ts';
import { until } from '../../support/until.ts';

const none: Totals = { dropped: { 'no-route': 10, 'forged-source': 0 }, udpChecksumErrors: 7, overflow: 2 };

test('what was counted before is not of late', (t) => {
  let totals = none;
  const counts = new RecentCounts({ read: () => totals, nowMs: () => 1_000, intervalMs: 1e6 });
  t.deepEqual(counts.get(), { seconds: 1, dropped: {}, udpChecksumErrors: 0, overflow: 0 });
  totals = { dropped: { 'no-route': 10, 'forged-source': 5 }, udpChecksumErrors: 8, overflow: 2 };
  t.deepEqual(counts.get(), { seconds: 1, dropped: { 'forged-source': 5 }, udpChecksumErrors: 1, overflow: 0 });
  counts.stop();
});

test('what is older than a few samples is forgotten', async (t) => {
  let read = 0;
  const counts = new RecentCounts({
    read: () => ({ ...none, overflow: read++ === 0 ? 0 : 100 }),
    nowMs: () => performance.now(),
    intervalMs: 1,
  });
  t.is(counts.get().overflow, 100);
  await until('it is forgotten', () => counts.get().overflow === 0);
  t.pass();
  counts.stop();
});

test('totals are those of all workers and both directions', (t) => {
  const [worker] = fixedStatus.workers;
  const { dropped, overflow } = readTotals({ ...fixedStatus, workers: [worker!, worker!], tunQueueOverflow: 9 });
  t.is(dropped['no-route'], 2 * worker!.egress.dropped['no-route']!);
  t.is(dropped['not-from-a-node'], fixedStatus.kernel.refused['not-from-a-node']);
  t.is(dropped['gossip-send-forbidden'], fixedStatus.gossip.sendForbidden);
  t.is(overflow, 2 * worker!.socketOverflow + 9);
});
