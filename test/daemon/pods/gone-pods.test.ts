import test from 'ava';
import { GonePods } from '../../../src/daemon/pods/gone-pods.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';

const MINUTE_MS = 60_000;

function watched(freeAfterMs: number) {
  const events = new EventLog(() => 0);
  const state = { gone: [] as string[], freed: [] as string[], nowMs: 0, refuses: false };
  const pods = new GonePods({
    freeAfterMs,
    gone: () => state.gone.map((key) => ({ key, title: key })),
    free: async (name) => {
      if (state.refuses) return await Promise.resolve(undefined);
      state.freed.push(name);
      state.gone = state.gone.filter((one) => one !== name);
      return await Promise.resolve(['10.244.1.2']);
    },
    events,
    nowMs: () => state.nowMs,
  });
  return { pods, state, messages: () => events.list({}).map(({ kind, message }) => `${kind}: ${message}`) };
}

test('a pod that has been gone for the time is forgotten, and an event says so', async (t) => {
  const { pods, state, messages } = watched(10 * MINUTE_MS);
  state.gone = ['web'];
  await pods.look();
  state.nowMs = 9 * MINUTE_MS;
  await pods.look();
  t.deepEqual(state.freed, []);
  state.nowMs = 10 * MINUTE_MS;
  await pods.look();
  t.deepEqual(state.freed, ['web']);
  t.deepEqual(messages(), [
    'pod-forgotten: the addresses 10.244.1.2 of pod web are free again: its network namespace has been gone for 10 minutes',
  ]);
});

test('the time begins anew for a pod that came back', async (t) => {
  const { pods, state } = watched(10 * MINUTE_MS);
  state.gone = ['web'];
  await pods.look();
  state.gone = [];
  state.nowMs = 9 * MINUTE_MS;
  await pods.look();
  state.gone = ['web'];
  state.nowMs = 11 * MINUTE_MS;
  await pods.look();
  t.deepEqual(state.freed, []);
});

test('what could not be freed is tried again, and is no event', async (t) => {
  const { pods, state, messages } = watched(MINUTE_MS);
  state.gone = ['web'];
  state.refuses = true;
  await pods.look();
  state.nowMs = 2 * MINUTE_MS;
  await pods.look();
  t.deepEqual(messages(), []);
  state.refuses = false;
  await pods.look();
  t.deepEqual(state.freed, ['web']);
});
