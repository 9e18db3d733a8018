import test from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { SpoofWatch } from '../../../src/daemon/pods/spoof-watch.ts';
import type { TriedAddress } from '../../../src/daemon/pods/source-tables.ts';

const pods = [
  { name: 'web', hostDevice: 'wf01', addresses: ['10.244.1.2'] },
  { name: 'db', hostDevice: 'wf02', addresses: ['10.244.1.3', 'fd00:10:244:1::3'] },
];

/** A watch over counts that the test sets. */
class Watched {
  readonly packets = new Map<string, number>();
  readonly events = new EventLog(Date.now);
  tried: TriedAddress[] = [];
  nowMs = 0;
  readonly watch = new SpoofWatch({
    readRefused: async () => [...this.packets].map(([device, packets]) => ({ device, packets })),
    readTried: async () => this.tried,
    pods: () => pods,
    events: this.events,
    nowMs: () => this.nowMs,
  });

  async look(afterMs = 10_000): Promise<string[]> {
    // The look at the start comes first.
    await this.watch.look();
    this.nowMs += afterMs;
    await this.watch.look();
    return this.events.list().map(({ message }) => message);
  }
}

test('a pod that sends under addresses of others is named, with those addresses and whose they are', async (t) => {
  const watched = new Watched();
  t.deepEqual(await watched.look(), []);
  watched.packets.set('wf01', 3);
  const mac = '02:00:00:00:00:99';
  watched.tried = [
    { device: 'wf01', address: '192.0.2.1', mac },
    { device: 'wf01', address: '10.244.1.3', mac },
    { device: 'wf01', address: 'fd00:10:244:1:0:0:0:3', mac },
    { device: 'wf01', address: '10.244.1.2', mac },
    { device: 'wf02', address: '198.51.100.1', mac },
  ];
  const sources = ['10.244.1.3 of pod db', 'fd00:10:244:1::3 of pod db', '192.0.2.1', `10.244.1.2 from ${mac}`];
  t.deepEqual(await watched.look(), [
    `pod web sent 3 packets under addresses that are not its own, and the kernel dropped them: ${sources.join(', ')}`,
  ]);
  t.like(watched.events.list()[0], {
    kind: 'pod-spoofed-source',
    subject: 'web',
    details: { packets: 3, total: 3, sources: sources.join(', ') },
  });
  t.like(watched.watch.drops()[0], { reason: 'pod-spoofed-source', pod: 'web', packets: 3, sources });
  t.is(watched.watch.drops().length, 1);
  await watched.watch.stop();
});

test('a pod that goes on is named once a minute, with all that came since', async (t) => {
  const watched = new Watched();
  await watched.look();
  for (let second = 0; second < 120; second += 10) {
    watched.packets.set('wf01', 100 + second);
    await watched.look();
  }
  t.deepEqual(
    watched.events.list().map(({ details }) => details['packets']),
    [100, 60],
  );
  await watched.watch.stop();
});

test('what an earlier daemon has seen is no event again, but stays in the count', async (t) => {
  const watched = new Watched();
  watched.packets.set('wf01', 7);
  t.deepEqual(await watched.look(), []);
  t.is(watched.watch.drops()[0]?.packets, 7);
  watched.packets.set('wf01', 8);
  t.regex((await watched.look())[0] ?? '', /^pod web sent 1 packet under/);
  await watched.watch.stop();
});

test('a pod that was removed and added again begins anew', async (t) => {
  const watched = new Watched();
  watched.packets.set('wf01', 7);
  await watched.look();
  watched.packets.set('wf01', 2);
  await watched.look();
  watched.packets.set('wf01', 3);
  t.deepEqual(await watched.look(), []);
  watched.packets.set('wf01', 9);
  t.regex((await watched.look())[0] ?? '', /sent 2 packets/);
  await watched.watch.stop();
});
