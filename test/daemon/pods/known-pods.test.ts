import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { KnownPods, type PodsOptions } from '../../../src/daemon/pods/known-pods.ts';
import { keyOf } from '../../../src/daemon/pods/pod-key.ts';
import { newPodRecord } from '../../../src/daemon/pods/pod-record.ts';
import { OwnPrefixes } from '../../../src/daemon/routes/own-prefixes.ts';
import { StateJournal } from '../../../src/daemon/state/state-journal.ts';
import { JournalDirectory } from '../../../src/linux/journal-directory.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';
import { silentLogger } from '../../support/silent-logger.ts';

function knownBy(t: ExecutionContext, toldOf?: PodsOptions['toldOf']): KnownPods {
  const directory = mkdtempSync(join(tmpdir(), 'weft-pods-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return new KnownPods({
    prefixes: new OwnPrefixes([parsePrefix('10.244.1.0/24')!]),
    clusterPrefixes: [],
    tunDevice: 'weft0',
    networkName: 'default',
    staticPeers: [],
    members: () => [],
    canAnnounce: () => true,
    netnsPrefix: 'weft-',
    nodeAddresses: [],
    mtuBytes: 1_400,
    journal: new StateJournal('pods.journal', new JournalDirectory(directory)),
    bootClock: { bootId: 'today', sinceBootMs: () => 1_000_000 },
    wallClockMs: () => 0,
    logger: silentLogger,
    ...(toldOf && { toldOf }),
  });
}

const place = { netns: '/run/netns/web', netnsIdentity: '4:1', ownsNetns: false };
const identity = { name: 'web', namespace: 'shop', labels: { app: 'own' }, device: 'eth0', network: 'default' };
const wish = { ...identity, place, hasDefaultRoute: true, allowSources: [], mac: undefined };
const pod = { record: newPodRecord(wish, [], 0), addresses: [] };

test('it is asked once which labels and ports somebody else gives to a pod', (t) => {
  let asked = 0;
  const ports = [{ name: 'http', protocol: 'TCP', port: 80 }] as const;
  const known = knownBy(t, () => {
    asked++;
    return { labels: { app: 'web' }, ports, hasMorePorts: false, cutLabels: 0, cutPorts: 0 };
  });
  t.deepEqual(known.told(pod), {
    ...pod,
    record: { ...pod.record, labels: { app: 'web' } },
    ports,
    hasMorePorts: false,
    hasMoreLabels: false,
  });
  t.is(asked, 1);
  t.deepEqual(known.view(pod.record).labels, { app: 'web' });
});

test('where nobody gives any to it, a pod has the labels of its record, and no ports', (t) => {
  for (const known of [knownBy(t), knownBy(t, () => undefined)]) {
    t.deepEqual(known.told(pod), { ...pod, ports: [] });
    t.deepEqual(known.view(pod.record).labels, { app: 'own' });
  }
});

test('a pod of which nobody knows what somebody gives it has other labels and ports than are told', (t) => {
  t.like(knownBy(t, () => 'unknown').told(pod), { hasMoreLabels: true, hasMorePorts: true });
});

test('a pod of which not all labels or ports are told has others', (t) => {
  const labels = { app: 'web' };
  const cut = { labels, ports: [], hasMorePorts: true, cutLabels: 1, cutPorts: 1 };
  t.like(knownBy(t, () => cut).told(pod), { record: { labels }, hasMoreLabels: true, hasMorePorts: true });
});

test('what was told of a pod counts until it is gone', (t) => {
  const labels = { app: 'web' };
  const all = { labels, ports: [], hasMorePorts: false, cutLabels: 0, cutPorts: 0 };
  let told: ReturnType<NonNullable<PodsOptions['toldOf']>> = all;
  const known = knownBy(t, () => told);
  known.told(pod);
  told = 'unknown';
  t.like(known.told(pod), { record: { labels }, hasMoreLabels: false });
  known.forget(keyOf(pod.record));
  t.true(known.told(pod).hasMoreLabels);
});
