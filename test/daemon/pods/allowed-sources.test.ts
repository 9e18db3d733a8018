import test from 'ava';
import { AllowedSources, refuseWithoutIpv6 } from '../../../src/daemon/pods/allowed-sources.ts';
import type { PodRecord } from '../../../src/daemon/pods/pod-record.ts';
import { OwnPrefixes } from '../../../src/daemon/routes/own-prefixes.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { formatPrefix } from '../../../src/wire/prefix.ts';
import { prefix } from '../../support/announcements.ts';

function recordOf(name: string, ...allowSources: string[]): PodRecord {
  return {
    name,
    network: 'default',
    phase: 'ready',
    netns: '',
    netnsIdentity: '',
    ownsNetns: false,
    allowSources,
    mac: '',
    hostDevice: '',
    createdAt: '',
    notices: [],
  };
}

/** @param room prefixes that can be announced at once. */
function sourcesWith(
  stored: readonly PodRecord[],
  { room = 8, nodePrefixes = ['10.244.1.0/24'] } = {},
): { own: OwnPrefixes; sources: AllowedSources; current: () => string[] } {
  const own = new OwnPrefixes(nodePrefixes.map(prefix));
  const options = {
    prefixes: own,
    clusterPrefixes: [prefix('10.244.0.0/16')],
    tunDevice: 'weft0',
    networkName: 'default',
    staticPeers: [],
    members: () => [],
    canAnnounce: (all: readonly unknown[]) => all.length <= room,
  };
  return { own, sources: new AllowedSources(options, stored), current: () => own.announced().map(formatPrefix) };
}

test('what is stored is there from the start', (t) => {
  const { current } = sourcesWith([recordOf('gw', '10.244.7.0/24', '10.244.8.0/24')]);
  t.deepEqual(current(), ['10.244.1.0/24', '10.244.7.0/24', '10.244.8.0/24']);
});

for (const phase of ['adding', 'removing'] as const) {
  test(`a pod that was ${phase} when the daemon died is not announced, and its prefix not given away before it is erased`, async (t) => {
    const half: PodRecord = { ...recordOf('half', '10.244.9.0/24'), phase };
    const { own, sources, current } = sourcesWith([half, recordOf('gw', '10.244.7.0/24')], { room: 2 });
    t.deepEqual(current(), ['10.244.1.0/24', '10.244.7.0/24']);
    t.deepEqual(own.current().map(formatPrefix), ['10.244.1.0/24', '10.244.9.0/24', '10.244.7.0/24']);
    t.deepEqual(sources.of(half).map(formatPrefix), ['10.244.9.0/24']);
    await t.throwsAsync(sources.check({ allowSources: [prefix('10.244.9.0/25')] }, []), {
      message: /10\.244\.9\.0\/25 overlaps 10\.244\.9\.0\/24 of pod half/,
    });
    await sources.remove('half');
    t.deepEqual(own.current().map(formatPrefix), ['10.244.1.0/24', '10.244.7.0/24']);
  });
}

test('what the configuration of today does not allow is left out, and told', (t) => {
  const gw = recordOf('gw', '10.244.7.0/24', '10.244.8.0/24', '10.99.0.0/24');
  const { sources, current } = sourcesWith([gw], { nodePrefixes: ['10.244.7.0/24'] });
  t.deepEqual(current(), ['10.244.7.0/24', '10.244.8.0/24']);
  t.deepEqual(sources.of(gw).map(formatPrefix), ['10.244.8.0/24']);
  const messages = sources.noticesOf(gw).map(({ message }) => message);
  t.is(messages.length, 2);
  t.regex(messages[0]!, /^pod gw may not send from 10\.244\.7\.0\/24 any more: .*; remove it and add it again$/);
});

test('what has no room in the announcement keeps no daemon from starting, and may not be sent from', (t) => {
  const gw = recordOf('gw', '10.244.7.0/24', '10.244.8.0/24');
  const { sources, current } = sourcesWith([gw], { room: 2 });
  t.deepEqual(current(), ['10.244.1.0/24', '10.244.7.0/24']);
  t.deepEqual(sources.of(gw).map(formatPrefix), ['10.244.7.0/24']);
  t.regex(sources.noticesOf(gw)[0]!.message, /10\.244\.8\.0\/24 any more: one announcement has no room/);
});

test('what had no room stays with its pod, and can be given again when that is removed', async (t) => {
  const [gw, big] = [recordOf('gw', '10.244.7.0/24', '10.244.8.0/24'), recordOf('big', '10.244.6.0/24')];
  const { sources, current } = sourcesWith([big, gw], { room: 3 });
  const wish = { allowSources: [prefix('10.244.8.0/24')] };
  await sources.remove('big');
  t.deepEqual(sources.of(gw).map(formatPrefix), ['10.244.7.0/24']);
  await t.throwsAsync(sources.check(wish, []), { message: /10\.244\.8\.0\/24 overlaps 10\.244\.8\.0\/24 of pod gw/ });
  await sources.remove('gw');
  await t.notThrowsAsync(sources.check(wish, []));
  await sources.prepare(gw);
  sources.announce('gw');
  t.deepEqual(current(), ['10.244.1.0/24', '10.244.7.0/24', '10.244.8.0/24']);
  t.deepEqual(sources.noticesOf(gw), []);
});

test('a pod that is about to be made is known to the kernel first, and announced when it is there', async (t) => {
  const { own, sources, current } = sourcesWith([]);
  await sources.prepare(recordOf('gw', '10.244.7.0/24'));
  t.deepEqual([own.current().length, current()], [2, ['10.244.1.0/24']]);
  sources.announce('gw');
  t.deepEqual(current(), ['10.244.1.0/24', '10.244.7.0/24']);
  sources.withdraw('gw');
  t.deepEqual([own.current().length, current()], [2, ['10.244.1.0/24']]);
  await sources.remove('gw');
  t.is(own.current().length, 1);
});

test('a prefix that no pod may have is refused by its place in the request', async (t) => {
  const { sources } = sourcesWith([]);
  const wanted = (...texts: string[]): Promise<void> => sources.check({ allowSources: texts.map(prefix) }, []);
  await t.throwsAsync(wanted('10.244.7.0/24', '10.99.0.0/24'), {
    message: /^allowSources\[1\]: 10\.99\.0\.0\/24 does/,
  });
  await t.throwsAsync(wanted('10.244.7.0/24', '10.244.7.128/25'), {
    message: 'allowSources[1]: 10.244.7.128/25 overlaps 10.244.7.0/24, which is there already',
  });
  const wish = { allowSources: [prefix('10.244.7.0/24')], addresses: [parseIpAddress('fd00::2')!] };
  await t.throwsAsync(sources.check(wish, []), {
    message: /^allowSources\[0\]: 10\.244\.7\.0\/24 is IPv4, and the pod has no address of it/,
  });
});

test('a router of IPv6 has to have it', (t) => {
  const notices = [{ code: 'pod-ipv6-disabled', message: 'pod gw has no IPv6: it is off' }];
  t.throws(() => refuseWithoutIpv6('gw', [prefix('fd00:7::/64')], notices), {
    code: 'pod-ipv6-disabled',
    message: 'nothing is routed to fd00:7::/64: pod gw has no IPv6: it is off',
  });
  t.notThrows(() => refuseWithoutIpv6('gw', [prefix('10.244.7.0/24')], notices));
  t.notThrows(() => refuseWithoutIpv6('gw', [prefix('fd00:7::/64')], []));
});
