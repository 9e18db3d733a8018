import test from 'ava';
import { OwnPrefixes } from '../../../src/daemon/routes/own-prefixes.ts';
import { formatPrefix } from '../../../src/wire/prefix.ts';
import { prefix } from '../../support/announcements.ts';

/** With what the kernel and gossip were told, in order. */
function followed(): { own: OwnPrefixes; told: string[] } {
  const own = new OwnPrefixes([prefix('10.244.1.0/24')]);
  const told: string[] = [];
  own.onChange(async (current) => {
    await Promise.resolve();
    told.push(`kernel ${current.map(formatPrefix).join(' ')}`);
  });
  own.onAnnouncement((announced) => told.push(`gossip ${announced.map(formatPrefix).join(' ')}`));
  return { own, told };
}

test('what lies behind a pod is in the kernel before other nodes are told of it, and after', async (t) => {
  const { own, told } = followed();
  await own.prepare('gw', [prefix('10.244.7.0/24'), prefix('10.244.8.0/24')]);
  own.announce('gw');
  own.withdraw('gw');
  await own.remove('gw');
  t.deepEqual(told, [
    'gossip 10.244.1.0/24',
    'kernel 10.244.1.0/24 10.244.7.0/24 10.244.8.0/24',
    'gossip 10.244.1.0/24 10.244.7.0/24 10.244.8.0/24',
    'gossip 10.244.1.0/24',
    'kernel 10.244.1.0/24',
  ]);
});

test('of several pods each has its own', async (t) => {
  const { own } = followed();
  await own.prepare('gw', [prefix('10.244.7.0/24')]);
  await own.prepare('vpn', [prefix('10.244.9.0/24')]);
  own.announce('vpn');
  t.deepEqual(own.announced().map(formatPrefix), ['10.244.1.0/24', '10.244.9.0/24']);
  t.deepEqual(
    own.behindPods().map(({ pod, prefix: one }) => `${pod} ${formatPrefix(one)}`),
    ['gw 10.244.7.0/24', 'vpn 10.244.9.0/24'],
  );
  await own.remove('vpn');
  t.deepEqual(own.current().map(formatPrefix), ['10.244.1.0/24', '10.244.7.0/24']);
});

test('nobody is told of what is as it was', async (t) => {
  const { own, told } = followed();
  await own.remove('web');
  own.announce('web');
  await own.prepare('gw', [prefix('10.244.7.0/24')]);
  await own.prepare('gw', [prefix('10.244.7.0/24')]);
  own.announce('gw');
  own.announce('gw');
  t.is(told.length, 3);
});

test('what cannot be announced is heard of, and can be taken back', async (t) => {
  const { own, told } = followed();
  own.onAnnouncement((announced) => {
    if (announced.length > 1) throw new Error('no room');
  });
  await own.prepare('gw', [prefix('10.244.7.0/24')]);
  t.throws(() => own.announce('gw'), { message: 'no room' });
  await own.remove('gw');
  t.deepEqual(told.slice(-2), ['gossip 10.244.1.0/24', 'kernel 10.244.1.0/24']);
});
