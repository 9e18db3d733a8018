import test from 'ava';
import type { Notice } from '../../../src/api/control-api.ts';
import { HostWatch } from '../../../src/daemon/host/host-watch.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const forwarding: Notice = { code: 'ip-forward-off', message: 'net.ipv4.ip_forward is 0' };

test('a notice goes when what caused it goes', async (t) => {
  let found: readonly Notice[] = [forwarding];
  const watch = await HostWatch.start({ ensure: async () => found, logger: silentLogger });
  t.deepEqual(watch.notices(), [forwarding]);
  found = [];
  await watch.look();
  t.deepEqual(watch.notices(), []);
});

test('a round that fails is a notice, and the next one is tried', async (t) => {
  let rounds = 0;
  const ensure = async (): Promise<readonly Notice[]> => {
    if (++rounds === 2) throw new Error('cannot set the routes of the overlay');
    return [];
  };
  const watch = await HostWatch.start({ ensure, logger: silentLogger });
  await watch.look();
  t.deepEqual(
    watch.notices().map(({ code }) => code),
    ['host-network-broken'],
  );
  await watch.look();
  t.deepEqual(watch.notices(), []);
});

test('a first round that fails stops the start', async (t) => {
  const watch = HostWatch.start({ ensure: () => Promise.reject(new Error('no device')), logger: silentLogger });
  await t.throwsAsync(watch, { message: 'no device' });
});

test('rounds do not overlap', async (t) => {
  let running = 0;
  let most = 0;
  const ensure = async (): Promise<readonly Notice[]> => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return [];
  };
  const watch = await HostWatch.start({ ensure, logger: silentLogger });
  await Promise.all([watch.look(), watch.look(), watch.look()]);
  t.is(most, 1);
});
