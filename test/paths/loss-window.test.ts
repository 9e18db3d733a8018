import test from 'ava';
import { LOSS_WINDOW_MS, LOSS_WINDOW_PROBES, LossWindow } from '../../src/paths/loss-window.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

test('before the first probe the share is unknown', (t) => {
  t.is(new LossWindow().ratio, null);
});

test('the share is that of the last hundred', (t) => {
  const window = new LossWindow();
  const random = new SeededRandom(1);
  const all: boolean[] = [];
  for (let count = 0; count < 1_000; count++) {
    const isAnswered = random.below(4) > 0;
    all.push(isAnswered);
    window.note(isAnswered, 0);
    const last = all.slice(-LOSS_WINDOW_PROBES);
    t.is(window.ratio, last.filter((answered) => !answered).length / last.length);
  }
});

test('the direction of a loss is unknown until it is attributed', (t) => {
  const window = new LossWindow();
  window.note(true, 0);
  window.note(false, 0);
  t.is(window.ratio, 0.5);
  t.is(window.outRatio, null);
  t.is(window.backRatio, null);
  window.attribute(1);
  t.is(window.outRatio, 0.5);
  t.is(window.backRatio, 0);
});

test('without losses both directions are good as soon as the peer says anything', (t) => {
  const window = new LossWindow();
  window.note(true, 0);
  window.attribute(undefined);
  t.is(window.outRatio, 0);
  t.is(window.backRatio, 0);
});

test('of what was lost on the way there no reply can be lost', (t) => {
  const window = new LossWindow();
  for (let count = 0; count < 40; count++) window.note(false, 0);
  window.attribute(0.75);
  for (let count = 0; count < 10; count++) window.note(true, 0);
  t.is(window.ratio, 0.8);
  t.is(window.outRatio, 0.6);
  t.is(window.backRatio, 0.5);
});

test('what has a direction keeps it, and leaves the window like everything else', (t) => {
  const window = new LossWindow();
  window.note(false, 0);
  window.attribute(1);
  window.note(false, 0);
  window.attribute(0);
  t.is(window.outRatio, 0.5);
  t.is(window.backRatio, 1);
  for (let count = 0; count < LOSS_WINDOW_PROBES; count++) window.note(true, 0);
  t.is(window.ratio, 0);
  t.is(window.outRatio, 0);
  t.is(window.probes, LOSS_WINDOW_PROBES);
});

test('what is older than a minute no longer counts', (t) => {
  const window = new LossWindow();
  const lastLossMs = 2 * LOSS_WINDOW_PROBES;
  for (let atMs = 0; atMs <= lastLossMs; atMs++) window.note(false, atMs);
  window.attribute(1);
  window.note(true, lastLossMs + 10_000);
  window.forgetOld(lastLossMs + LOSS_WINDOW_MS);
  t.is(window.probes, 2);
  t.is(window.ratio, 0.5);
  window.forgetOld(lastLossMs + LOSS_WINDOW_MS + 1);
  t.is(window.ratio, 0);
  t.is(window.outRatio, 0);
  window.forgetOld(lastLossMs + LOSS_WINDOW_MS + 10_001);
  t.is(window.ratio, null);
  t.is(window.outRatio, null);
  window.note(false, lastLossMs + LOSS_WINDOW_MS + 20_000);
  t.is(window.ratio, 1);
});

test('when three in a row are lost and nothing is heard, all is lost, until something is heard', (t) => {
  const window = new LossWindow();
  for (let count = 0; count < 60; count++) window.note(true, 0);
  window.note(false, 0);
  window.note(false, 0);
  t.is(window.shares.ratio, 2 / 62);
  window.note(false, 0);
  t.deepEqual(window.shares, { ratio: 1, outRatio: null, backRatio: null, probes: 3 });
  window.note(false, 0);
  window.attribute(0.5);
  t.deepEqual(window.shares, { ratio: 1, outRatio: 0.5, backRatio: 1, probes: 4 });
  window.heard();
  t.like(window.shares, { ratio: 4 / 64, probes: 64 });
  window.note(false, 0);
  t.is(window.shares.ratio, 5 / 65);
});

test('a silence that is too old is none', (t) => {
  const window = new LossWindow();
  for (let count = 0; count < 3; count++) window.note(false, 0);
  t.is(window.shares.ratio, 1);
  window.forgetOld(LOSS_WINDOW_MS + 1);
  t.deepEqual(window.shares, { ratio: null, outRatio: null, backRatio: null, probes: 0 });
});
