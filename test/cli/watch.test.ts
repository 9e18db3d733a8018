import test from 'ava';
import { screenOf } from '../../src/cli/watch.ts';

const ESCAPE = '\u001b';

test('a screen is written over the one before, line by line', (t) => {
  t.is(screenOf('a\nb\n', 10, false), `${ESCAPE}[Ha${ESCAPE}[K\nb${ESCAPE}[K\n${ESCAPE}[J`);
});

test('the first screen leaves to the scroll-back what was there', (t) => {
  t.true(screenOf('a\n', 5, true).startsWith(`\n\n\n\n\n${ESCAPE}[H`));
});

test('what has no room is counted', (t) => {
  const shown = screenOf(Array.from({ length: 20 }, (_, at) => `line ${at}`).join('\n'), 10, false);
  const lines = shown
    .replaceAll(`${ESCAPE}[K`, '')
    .replaceAll(`${ESCAPE}[H`, '')
    .replaceAll(`${ESCAPE}[J`, '')
    .trimEnd()
    .split('\n');
  t.is(lines.length, 9);
  t.deepEqual(lines.slice(-2), ['line 7', 'and 12 lines more']);
});
