import test from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import type { RuleCounter } from '../../../src/daemon/rules/node-rules.ts';
import type { RefusedSender, RuleCounts } from '../../../src/daemon/rules/node-table.ts';
import { RefusedTraffic } from '../../../src/daemon/rules/refused-traffic.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const zero: RuleCounts = {
  'not-from-a-node': 0,
  'masqueraded-vxlan': 0,
  'pod-to-loopback': 0,
  'pod-to-metrics': 0,
  'pod-as-router': 0,
  'names-from-outside': 0,
  'names-flood': 0,
  'into-overlay': 0,
};

const ofPod: RefusedSender = {
  device: 'wf01234567',
  pair: { source: '10.244.1.2', destination: '198.18.0.2' },
  packets: 5,
};
const ofContainer: RefusedSender = {
  device: 'docker0',
  pair: { source: '172.17.0.2', destination: '198.18.0.2' },
  packets: 3,
};

/**
 * A kernel in which a test counts, and who watches it and looked once. Each look is a minute after the one before, unless it is
 * sooner.
 */
async function watched(before: Partial<RuleCounts> = {}, remembered: readonly RefusedSender[] = []) {
  let nowMs = 0;
  let counts: RuleCounts | undefined = { ...zero, ...before };
  let senders = remembered;
  let failure: Error | undefined;
  const events = new EventLog(() => 0);
  const traffic = new RefusedTraffic({
    readCounts: async () => {
      if (failure !== undefined) throw failure;
      return counts;
    },
    readSenders: async () => senders,
    podBehind: (device) => (device === ofPod.device ? 'web' : undefined),
    events,
    logger: silentLogger,
    nowMs: () => nowMs,
    intervalMs: 1_000_000,
  });
  await traffic.look();
  return {
    traffic,
    messages: () => events.list({ kinds: ['traffic-refused'] }).map(({ subject, message }) => `${subject}: ${message}`),
    look: async (
      change: Partial<Record<RuleCounter, number>> | undefined,
      refused: readonly RefusedSender[] = [],
      laterMs = 60_000,
    ): Promise<void> => {
      nowMs += laterMs;
      counts = change === undefined ? undefined : { ...zero, ...change };
      senders = refused;
      await traffic.look();
    },
    fail: async (): Promise<void> => {
      nowMs += 60_000;
      failure = new Error('no more processes');
      await traffic.look();
      failure = undefined;
    },
  };
}

test('what the kernel counts is told, refused packets apart from connections that were let in', async (t) => {
  const { traffic, look } = await watched();
  await look({ 'not-from-a-node': 7, 'into-overlay': 2 });
  t.is(traffic.refused['not-from-a-node'], 7);
  t.false('into-overlay' in traffic.refused);
  t.is(traffic.intoOverlay, 2);
  await traffic.stop();
});

test('totals go on when the table is made anew, or is away for a while', async (t) => {
  const { traffic, look, fail } = await watched();
  await look({ 'pod-to-loopback': 7 });
  await look({ 'pod-to-loopback': 2 });
  await look(undefined);
  await fail();
  await look({ 'pod-to-loopback': 3 });
  t.is(traffic.refused['pod-to-loopback'], 10);
  await traffic.stop();
});

test('an event names the pod, or the device of what is none', async (t) => {
  const { traffic, look, messages } = await watched();
  await look({ 'not-from-a-node': 8 }, [ofPod, ofContainer]);
  t.deepEqual(messages(), [
    'web: pod web (10.244.1.2) sends to 198.18.0.2 what weft refuses (not-from-a-node): 5 packets',
    'docker0: 172.17.0.2 behind docker0 sends to 198.18.0.2 what weft refuses (not-from-a-node): 3 packets',
  ]);
  await traffic.stop();
});

test('there is one event a minute and device, however many addresses are tried', async (t) => {
  const { traffic, look, messages } = await watched();
  const scan = Array.from({ length: 200 }, (_, index) => ({
    ...ofPod,
    pair: { source: '10.244.1.2', destination: `198.18.1.${index}` },
    packets: 1,
  }));
  await look({ 'not-from-a-node': 200 }, scan);
  t.is(messages().length, 1);
  t.regex(messages()[0]!, /199 more pairs of addresses/);
  await look({ 'not-from-a-node': 205 }, [...scan, ofPod], 30_000);
  t.is(messages().length, 1);
  await look({ 'not-from-a-node': 206 }, [...scan, { ...ofPod, packets: 6 }], 30_000);
  t.is(messages().length, 2);
  await traffic.stop();
});

test('who finds no room among the pairs of addresses is named nevertheless', async (t) => {
  const { traffic, look, messages } = await watched();
  await look({ 'not-from-a-node': 9 }, [
    { device: ofPod.device, pair: undefined, packets: 9 },
    { device: 'docker0', pair: undefined, packets: 3 },
    ofContainer,
  ]);
  t.deepEqual(messages(), [
    'web: pod web sends what weft refuses (not-from-a-node): 9 packets',
    'docker0: 172.17.0.2 behind docker0 sends to 198.18.0.2 what weft refuses (not-from-a-node): 3 packets',
  ]);
  await traffic.stop();
});

test('who sent nothing more is not told again', async (t) => {
  const { traffic, look, messages } = await watched();
  await look({ 'not-from-a-node': 5 }, [ofPod]);
  await look({ 'not-from-a-node': 8 }, [ofPod, ofContainer]);
  await look({ 'not-from-a-node': 8 }, [ofPod, ofContainer]);
  t.is(messages().length, 2);
  await traffic.stop();
});

test('a look that is younger than a second is good enough', async (t) => {
  const { traffic, look } = await watched();
  await look({ 'pod-to-metrics': 1 });
  await look({ 'pod-to-metrics': 2 }, [], 500);
  t.is(traffic.refused['pod-to-metrics'], 1);
  await look({ 'pod-to-metrics': 2 }, [], 500);
  t.is(traffic.refused['pod-to-metrics'], 2);
  await traffic.stop();
});

test('what the kernel refused before the daemon started counts, and is no news', async (t) => {
  const { traffic, look, messages } = await watched({ 'not-from-a-node': 5 }, [ofPod]);
  t.is(traffic.refused['not-from-a-node'], 5);
  t.deepEqual(messages(), []);
  await look({ 'not-from-a-node': 8 }, [ofPod, ofContainer]);
  t.is(traffic.refused['not-from-a-node'], 8);
  t.deepEqual(
    messages().map((message) => message.split(':')[0]),
    ['docker0'],
  );
  await traffic.stop();
});
