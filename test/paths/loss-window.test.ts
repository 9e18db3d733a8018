import test from 'ava';
import { LOSS_WINDOW_PROBES, LossWindow } from '../../src/paths/loss-window.ts';
import { SeededRandom } from '../support/seeded-random.ts';

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
