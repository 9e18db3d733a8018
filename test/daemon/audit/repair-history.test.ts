import test from 'ava';
import { RepairHistory } from '../../../src/daemon/audit/repair-history.ts';

const route = { subject: '10.244.0.0/16', message: 'the route is gone' };
const device = { subject: 'weft0', message: 'the device weft0 is down' };

function historyAt(startMs = 1_000_000_000) {
  const clock = { nowMs: startMs };
  return { clock, history: new RepairHistory(() => clock.nowMs) };
}

test('repairs are told by what was repaired, how often and when it was last', (t) => {
  const { clock, history } = historyAt(0);
  history.add(route);
  clock.nowMs = 60_000;
  history.add(device);
  clock.nowMs = 90_000;
  history.add(route);
  t.deepEqual(history.recent(), [
    { ...device, times: 1, last: '1970-01-01T00:01:00.000Z', isContested: false },
    { ...route, times: 2, last: '1970-01-01T00:01:30.000Z', isContested: false },
  ]);
});

test('after ten minutes a repair is forgotten, also when the clock was set back', (t) => {
  const { clock, history } = historyAt();
  history.add(route);
  clock.nowMs += 599_000;
  t.is(history.recent().length, 1);
  clock.nowMs += 1_000;
  t.deepEqual(history.recent(), []);
  history.add(route);
  clock.nowMs -= 3_600_000;
  t.deepEqual(history.recent(), []);
});

test('the fifth repair of the same within two minutes is contested, and said once', (t) => {
  const { clock, history } = historyAt();
  const told = Array.from({ length: 8 }, () => {
    clock.nowMs += 5_000;
    return history.add(route);
  });
  t.deepEqual(told, [false, false, false, false, true, false, false, false]);
  t.true(history.recent()[0]!.isContested);
  clock.nowMs += 120_000;
  t.false(history.recent()[0]!.isContested);
});

test('repairs now and then are not contested', (t) => {
  const { clock, history } = historyAt();
  for (let repair = 0; repair < 8; repair++) {
    clock.nowMs += 60_000;
    t.false(history.add(route));
  }
});

test('of very many things the last ones are kept', (t) => {
  const { history } = historyAt();
  for (let number = 0; number < 1_000; number++) history.add({ ...route, message: `route ${number}` });
  const recent = history.recent();
  t.is(recent.length, 200);
  t.is(recent.at(-1)!.message, 'route 999');
});

test('the last one that is known to have made a repair necessary is remembered with it', (t) => {
  const { history } = historyAt();
  history.add(route, 'process "nft" (pid 7)');
  history.add(route, 'process "nft" (pid 8)');
  history.add(route);
  history.add(device);
  t.is(history.authorOf(route.message), 'process "nft" (pid 8)');
  t.deepEqual(
    history.recent().map(({ by }) => by),
    ['process "nft" (pid 8)', undefined],
  );
});
