import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { SeedHost } from '../../../src/daemon/config/config.ts';
import { Gossip } from '../../../src/daemon/gossip/gossip.ts';
import { GossipKeys } from '../../../src/daemon/gossip/gossip-keys.ts';
import { Pace } from '../../../src/daemon/process/pace.ts';
import { systemClock } from '../../../src/daemon/process/system-environment.ts';
import type { Store } from '../../../src/env/store.ts';
import { StateFile } from '../../../src/daemon/state/state-file.ts';
import { WeftError } from '../../../src/errors.ts';
import { FileStore } from '../../../src/linux/file-store.ts';
import type { Announcement } from '../../../src/membership/announcement.ts';
import { formatEndpoint } from '../../../src/wire/address.ts';
import { announcementOf, endpoint, identityOf } from '../../support/announcements.ts';
import { freePort } from '../../support/free-port.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const emptyStore: Store = { load: () => undefined, save: () => {} };

function open(
  port: number,
  change: Partial<Announcement> = {},
  seeds: readonly SeedHost[] = [],
  keys?: GossipKeys,
  pace = new Pace(systemClock),
  onChange = (): void => {},
  store = emptyStore,
): Promise<Gossip> {
  return Gossip.open({
    announcement: announcementOf(1, { gossipEndpoint: endpoint(`127.0.0.1:${port}`), ...change }),
    incarnation: 1,
    seeds,
    preset: 'lan',
    store: new StateFile('members.json', store),
    keys,
    logger: silentLogger,
    pace,
    onChange,
  });
}

test('a start that fails leaves no socket open, or the process would never end', async (t) => {
  const port = await freePort();
  await t.throwsAsync(open(port, { version: '' }), { code: 'announcement-invalid' });
  const gossip = await open(port);
  t.is(gossip.members().length, 1);
  await gossip.close();
});

test('members last seen that cannot be read are no reason not to start', async (t) => {
  const unreadable: Store = {
    load: () => {
      throw new WeftError('store-corrupt', 'members.json cannot be read');
    },
    save: () => {},
  };
  const gossip = await open(await freePort(), {}, [], undefined, undefined, undefined, unreadable);
  t.is(gossip.members().length, 1);
  await gossip.close();
});

test('changes are handed on together, once there is time for that', async (t) => {
  const clock = new ManualClock();
  const pace = new Pace(clock);
  let handedOn = 0;
  const gossip = await open(await freePort(), {}, [], undefined, pace, () => handedOn++);
  t.is(handedOn, 1, 'at the start at once');
  pace.run(() => clock.advance(10));
  for (const lossPermille of [100, 200]) {
    gossip.announcePaths([{ identity: identityOf(9), lossPermille, roundTripUs: 0 }]);
    await new Promise((resolve) => setImmediate(resolve));
    t.false(gossip.isSettled);
  }
  t.is(handedOn, 1);
  clock.advance(30);
  while (!gossip.isSettled) await new Promise((resolve) => setImmediate(resolve));
  t.is(handedOn, 2);
  await gossip.close();
});

test('datagrams that come while the names of seeds are resolved do no harm', async (t) => {
  const port = await freePort();
  const sender = createSocket('udp4');
  const flood = setInterval(() => sender.send('x', port, '127.0.0.1'), 1);
  try {
    const names = Array.from({ length: 20 }, (_, at) => ({ host: `seed${at}.localhost`, port }));
    const gossip = await open(port, {}, names);
    while (gossip.datagramsReceived === 0) await new Promise(setImmediate);
    t.is(gossip.members().length, 1);
    await gossip.close();
  } finally {
    clearInterval(flood);
    sender.close();
  }
});

/** Node `number`, which holds key `key`, or none. */
function openWithKey(t: ExecutionContext, number: number, port: number, key: number | undefined, seed: number) {
  const directory = mkdtempSync(join(tmpdir(), 'weft-gossip-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'gossip.key');
  writeFileSync(file, Buffer.alloc(32, key).toString('base64'), { mode: 0o600 });
  const store = new StateFile('keys.json', new FileStore(join(directory, 'keys.json')));
  const keys =
    key === undefined ? undefined : new GossipKeys({ file, store, events: { add() {} }, logger: silentLogger });
  const seeds = [{ host: '127.0.0.1', port: seed }];
  return open(port, { ...announcementOf(number), gossipEndpoint: endpoint(`127.0.0.1:${port}`) }, seeds, keys);
}

test('nodes with one key find each other, those with another or none stay alone, and that is said', async (t) => {
  const [first, second, third, fourth] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const all = [
    await openWithKey(t, 1, first, 1, second),
    await openWithKey(t, 2, second, 1, first),
    await openWithKey(t, 3, third, 2, first),
    await openWithKey(t, 4, fourth, undefined, first),
  ];
  const [a, b, , d] = all as [Gossip, Gossip, Gossip, Gossip];
  const isDone = (): boolean =>
    b.members().length === 2 && a.refused()['key-unknown']! > 0 && a.refused()['not-authenticated']! > 0;
  while (!isDone()) await new Promise(setImmediate);
  t.deepEqual(
    all.map((gossip) => gossip.members().length),
    [2, 2, 1, 1],
  );
  t.deepEqual(a.notices(), []);
  t.deepEqual(
    d.notices().map(({ code }) => code),
    ['gossip-not-authenticated'],
  );
  t.false('not-authenticated' in d.refused());
  await Promise.all(all.map(async (gossip) => gossip.close()));
});

test('a node that moves to another endpoint is followed, and keeps its identity', async (t) => {
  const [first, second] = [await freePort(), await freePort()];
  const a = await openWithKey(t, 1, first, 1, second);
  const b = await openWithKey(t, 2, second, 1, first);
  while (b.members().length < 2) await new Promise(setImmediate);
  const moved = endpoint(`127.0.0.2:${first}`);
  await a.moveTo(moved, [{ gear: 'userspace', endpoint: endpoint('127.0.0.2:4789') }]);
  const known = (): Announcement => b.members().find((member) => member.announcement.name === 'n1')!.announcement;
  while (formatEndpoint(known().gossipEndpoint) !== formatEndpoint(moved)) await new Promise(setImmediate);
  t.is(known().identity, announcementOf(1).identity);
  t.is(formatEndpoint(known().dataEndpoints[0]!.endpoint), '127.0.0.2:4789');
  t.true(a.members().every(({ state }) => state === 'alive'));
  await Promise.all([a.close(), b.close()]);
});

test('a node that cannot move stays where it is', async (t) => {
  const [first, second] = [await freePort(), await freePort()];
  const a = await openWithKey(t, 1, first, 1, second);
  const b = await openWithKey(t, 2, second, 1, first);
  const taken = endpoint(`127.0.0.1:${second}`);
  await t.throwsAsync(a.moveTo(taken, []), { code: 'port-in-use' });
  while (b.members().length < 2) await new Promise(setImmediate);
  t.is(
    formatEndpoint(b.members().find((member) => member.announcement.name === 'n1')!.announcement.gossipEndpoint),
    `127.0.0.1:${first}`,
  );
  await Promise.all([a.close(), b.close()]);
});
