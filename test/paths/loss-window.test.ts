import test from 'ava';
import { LOSS_WINDOW_PROBES, LossWindow } from '../../src/paths/loss-window.ts';
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
    window.note(isAnswered);
    const last = all.slice(-LOSS_WINDOW_PROBES);
    t.is(window.ratio, last.filter((answered) => !answered).length / last.length);
  }
});

test('the direction of a loss is unknown until it is attributed', (t) => {
  const window = new LossWindow();
  window.note(true);
  window.note(false);
  t.is(window.ratio, 0.5);
  t.is(window.outRatio, null);
  t.is(window.backRatio, null);
  window.attribute(1);
  t.is(window.outRatio, 0.5);
  t.is(window.backRatio, 0);
});

test('without losses both directions are good as soon as the peer says anything', (t) => {
  const window = new LossWindow();
  window.note(true);
  window.attribute(undefined);
  t.is(window.outRatio, 0);
  t.is(window.backRatio, 0);
});

test('of what was lost on the way there no reply can be lost', (t) => {
  const window = new LossWindow();
  for (let count = 0; count < 40; count++) window.note(false);
  window.attribute(0.75);
  for (let count = 0; count < 10; count++) window.note(true);
  t.is(window.ratio, 0.8);
  t.is(window.outRatio, 0.6);
  t.is(window.backRatio, 0.5);
});

test('what has a direction keeps it, and leaves the window like everything else', (t) => {
  const window = new LossWindow();
  window.note(false);
  window.attribute(1);
  window.note(false);
  window.attribute(0);
  t.is(window.outRatio, 0.5);
  t.is(window.backRatio, 1);
  for (let count = 0; count < LOSS_WINDOW_PROBES; count++) window.note(true);
  t.is(window.ratio, 0);
  t.is(window.outRatio, 0);
  t.is(window.probes, LOSS_WINDOW_PROBES);
});
