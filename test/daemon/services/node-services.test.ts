import test from 'ava';
import { NodeServices, SETTLING_WAIT_MS } from '../../../src/daemon/services/node-services.ts';
import { CommandError } from '../../../src/errors.ts';
import type { ServicePlanChange } from '../../../src/services/service-planner.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const refusal = new CommandError('nft', 1, 'no room', 'send');
const nothing: ServicePlanChange = { changed: [], gone: [] };
const gone = (key: string): ServicePlanChange => ({ changed: [], gone: [key] });

function following() {
  const clock = new ManualClock();
  const state = { isKnown: false, isSettled: false, refusals: 0 };
  const waiting: ServicePlanChange[] = [];
  const done: string[] = [];
  const enforce = async (what: string): Promise<void> => {
    await Promise.resolve();
    if (state.refusals-- > 0) throw refusal;
    done.push(what);
  };
  const followed: ServicePlanChange[] = [];
  const services = new NodeServices({
    takeChange: () => waiting.shift() ?? nothing,
    enforcement: {
      change: async (change) => enforce(`change ${change.gone.join()}`),
      repair: async () => enforce('repair'),
    },
    isKnown: () => state.isKnown,
    isSettled: () => state.isSettled,
    onFollowed: (change) => followed.push(change),
    clock,
    logger: silentLogger,
  });
  services.start();
  return { clock, state, waiting, done, followed, services };
}

test('nothing begins before it is known which services and pods there are', async (t) => {
  const { clock, state, waiting, done, services } = following();
  waiting.push(gone('a'));
  clock.advance(1_000);
  state.isKnown = true;
  clock.advance(1_000);
  services.update();
  t.false(services.isBegun);
  state.isSettled = true;
  clock.advance(1_000);
  t.true(services.isBegun);
  await services.followed();
  t.deepEqual(done, ['change a']);
});

test('pods that never come are not waited for without end; services are', async (t) => {
  const { clock, state, services } = following();
  clock.advance(2 * SETTLING_WAIT_MS);
  t.false(services.isBegun);
  t.deepEqual(
    services.notices().map(({ code }) => code),
    ['services-unknown'],
  );
  state.isKnown = true;
  services.update();
  t.true(services.isBegun);
  t.deepEqual(services.notices(), []);
  await services.stop();
});

test('the first plan is followed also if it is empty, and no other that is', async (t) => {
  const { state, done, followed, services } = following();
  Object.assign(state, { isKnown: true, isSettled: true });
  services.update();
  services.update();
  await services.followed();
  t.deepEqual(done, ['change ']);
  t.deepEqual(followed, [nothing]);
});

test('what the kernel does not take is tried again, until it does', async (t) => {
  const { state, waiting, done, followed, services } = following();
  Object.assign(state, { isKnown: true, isSettled: true, refusals: 2 });
  waiting.push(gone('a'));
  services.update();
  await services.followed();
  t.deepEqual(followed, []);
  await services.retry();
  t.deepEqual(done, []);
  await services.retry();
  await services.retry();
  t.deepEqual(done, ['repair']);
  t.deepEqual(followed, [gone('a')]);
});

test('what the kernel did not take is told with the next change that it takes', async (t) => {
  const { state, waiting, done, followed, services } = following();
  Object.assign(state, { isKnown: true, isSettled: true, refusals: 1 });
  waiting.push(gone('a'));
  services.update();
  await services.followed();
  waiting.push(gone('b'));
  services.update();
  await services.followed();
  t.deepEqual([done, followed], [['change b'], [{ changed: [], gone: ['a', 'b'] }]]);
  await services.retry();
  t.is(done.length, 1);
});

const first: ServicePlanChange = {
  changed: [
    {
      service: 'shop/web',
      kind: 'cluster',
      address: parseIpAddress('10.96.0.1')!,
      protocol: 'TCP',
      port: 80,
      inside: { kind: 'refused' },
      outside: { kind: 'refused' },
      masqueradesOutside: true,
      affinitySeconds: undefined,
      sources: undefined,
    },
  ],
  gone: [],
};

test('the first service of all waits for pods that are not known, whatever began before', async (t) => {
  const { clock, state, waiting, followed, services } = following();
  Object.assign(state, { isKnown: true, isSettled: true });
  clock.advance(1_000);
  await services.followed();
  t.true(services.isBegun);
  state.isSettled = false;
  waiting.push(first);
  services.update();
  await services.followed();
  t.deepEqual([services.isBegun, followed], [false, [nothing]]);
  state.isSettled = true;
  clock.advance(100);
  await services.followed();
  t.deepEqual([services.isBegun, followed], [true, [nothing, first]]);
  // A node that comes later holds up nothing.
  state.isSettled = false;
  waiting.push(gone('a'));
  services.update();
  await services.followed();
  t.is(followed.length, 3);
});

test('nor does it wait without end', async (t) => {
  const { clock, state, waiting, followed, services } = following();
  Object.assign(state, { isKnown: true, isSettled: true });
  clock.advance(1_000);
  state.isSettled = false;
  waiting.push(first);
  services.update();
  clock.advance(SETTLING_WAIT_MS);
  await services.followed();
  t.deepEqual(followed, [nothing, first]);
});
