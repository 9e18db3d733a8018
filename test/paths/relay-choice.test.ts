/** The choice by itself; with paths and time: `way-table.test.ts`. */
import test from 'ava';
import type { PathHealth } from '../../src/paths/path-table.ts';
import { MAX_TRIALS, RelayChoice, SILENCE_MS, type WayOutlook } from '../../src/paths/relay-choice.ts';

const good: PathHealth = {
  silentMs: 0,
  answeringMs: 60_000,
  answeredRounds: 60,
  roundTripMs: 1,
  lossRatio: 0,
  probes: 60,
};
const silent: PathHealth = { ...good, silentMs: SILENCE_MS, answeringMs: 0, answeredRounds: 0 };
const untried: PathHealth = { ...good, answeringMs: 0, answeredRounds: 0, roundTripMs: undefined, probes: 0 };

/** A choice whose direct way has just fallen silent, and what it sees; both may be changed. */
function fallenSilent(change: Partial<WayOutlook> = {}) {
  const choice = new RelayChoice();
  const through = new Map<number, PathHealth>();
  const outlook = {
    nowMs: 100_000,
    direct: silent,
    isAlive: true,
    isRelay: () => true,
    candidates: () => [1, 2, 3, 4, 5],
    through: (relay: number) => through.get(relay),
    ...change,
  };
  /** Looks, after some time. */
  const look = (laterMs = 250): boolean => {
    outlook.nowMs += laterMs;
    return choice.look(outlook);
  };
  return { choice, through, outlook, look };
}

test('a direct way that is answered is taken, and nothing is tried', (t) => {
  const { choice, look } = fallenSilent({ direct: good });
  t.false(look());
  t.is(choice.state, 'direct');
  t.deepEqual(choice.trials, []);
});

test('when it is silent, the most promising are tried, and packets go straight until one of them is answered', (t) => {
  const { choice, through, look } = fallenSilent();
  t.true(look());
  t.deepEqual(choice.trials, [1, 2, 3]);
  t.is(choice.trials.length, MAX_TRIALS);
  t.is(choice.relay, undefined);
  t.is(choice.state, 'seeking');
  through.set(1, untried);
  t.false(look());
  through.set(2, { ...good, probes: 1 });
  t.true(look());
  t.is(choice.relay, 2);
  t.is(choice.state, 'relayed');
});

test('the first one stays, as long as a few probes are all that is known of others', (t) => {
  const { choice, through, look } = fallenSilent();
  look();
  through.set(1, { ...good, roundTripMs: 50, probes: 3 });
  look();
  through.set(2, { ...good, roundTripMs: 1, probes: 3 });
  look();
  t.is(choice.relay, 1);
  through.set(1, { ...good, roundTripMs: 50, probes: 5 });
  through.set(2, { ...good, roundTripMs: 1, probes: 5 });
  t.true(look());
  t.is(choice.relay, 2);
});

test('relays are compared for ten seconds, and again each minute', (t) => {
  const { choice, through, look } = fallenSilent();
  look();
  for (const relay of [1, 2, 3]) through.set(relay, good);
  look();
  look(9_000);
  t.is(choice.trials.length, 3);
  look(2_000);
  t.deepEqual(choice.trials, [1]);
  look(50_000);
  t.deepEqual(choice.trials, [1]);
  look(10_000);
  look();
  t.deepEqual(choice.trials, [1, 2, 3]);
});

test('relays that are not answered make room for others, and have another chance later', (t) => {
  const { choice, look } = fallenSilent();
  look();
  look(1_500);
  t.deepEqual(choice.trials, [4, 5]);
  look(5_000);
  t.deepEqual(choice.trials, []);
  look(5_000);
  t.deepEqual(choice.trials, [1, 2, 3]);
});

test('one answer is enough as long as there is no relay, with one it takes three and two seconds', (t) => {
  const { choice, through, outlook, look } = fallenSilent();
  look();
  outlook.direct = { ...good, answeringMs: 0, answeredRounds: 1 };
  t.true(look());
  t.is(choice.state, 'direct');

  const other = fallenSilent();
  other.look();
  other.through.set(1, good);
  other.look();
  other.outlook.direct = { ...good, answeringMs: 5_000, answeredRounds: 2 };
  other.look();
  t.is(other.choice.relay, 1);
  other.outlook.direct = { ...good, answeringMs: 1_999, answeredRounds: 3 };
  other.look();
  t.is(other.choice.relay, 1);
  other.outlook.direct = { ...good, answeringMs: 2_000, answeredRounds: 3 };
  t.true(other.look());
  t.is(other.choice.relay, undefined);
  t.deepEqual(other.choice.trials, []);
  t.is(through.size, 0);
});

test('a relay that is gone is forgotten at once', (t) => {
  const { choice, through, look } = fallenSilent();
  look();
  through.set(1, good);
  look();
  choice.keepOnly((relay) => relay !== 1);
  t.is(choice.relay, undefined);
  t.is(choice.state, 'seeking');
  t.deepEqual(choice.trials, [2, 3]);
});

test('a relay that fails is kept until something better is found', (t) => {
  const { choice, through, look } = fallenSilent();
  look();
  through.set(1, good);
  look();
  look(11_000);
  t.deepEqual(choice.trials, [1]);
  through.set(1, silent);
  t.true(look());
  t.is(choice.relay, 1);
  t.deepEqual(choice.trials, [1, 4, 5]);
  through.set(4, { ...good, probes: 1 });
  look();
  t.is(choice.relay, 4);
});

test('for a peer that is not alive nobody looks', (t) => {
  const { choice, look } = fallenSilent({ isAlive: false });
  t.false(look());
  t.is(choice.state, 'direct');
});

test('a choice is forgotten when packets have gone straight for long', (t) => {
  const { choice, outlook, look } = fallenSilent();
  t.true(choice.isAtRest(outlook.nowMs));
  look();
  t.false(choice.isAtRest(outlook.nowMs));
  outlook.direct = good;
  look();
  t.false(choice.isAtRest(outlook.nowMs));
  t.true(choice.isAtRest(outlook.nowMs + 60_000));
});
