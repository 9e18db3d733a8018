import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import test from 'ava';
import type { SeedHost } from '../../src/daemon/config.ts';
import { Gossip } from '../../src/daemon/gossip.ts';
import type { Store } from '../../src/env/store.ts';
import type { Announcement } from '../../src/membership/announcement.ts';
import { announcementOf, endpoint } from '../support/announcements.ts';
import { silentLogger } from '../support/silent-logger.ts';

const emptyStore: Store = { load: () => undefined, save: () => {} };

/** A port of 127.0.0.1 that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

function open(port: number, change: Partial<Announcement> = {}, seeds: readonly SeedHost[] = []): Promise<Gossip> {
  return Gossip.open({
    announcement: announcementOf(1, { gossipEndpoint: endpoint(`127.0.0.1:${port}`), ...change }),
    incarnation: 1,
    seeds,
    store: emptyStore,
    logger: silentLogger,
    onChange: () => {},
  });
}

test('a start that fails leaves no socket open, or the process would never end', async (t) => {
  const port = await freePort();
  await t.throwsAsync(open(port, { version: '' }), { code: 'announcement-invalid' });
  const gossip = await open(port);
  t.is(gossip.members().length, 1);
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
