import test from 'ava';
import { checkHasEffect, parseDelay, parseShare, parseWhole } from '../../src/cli/fault-options.ts';

const parses = test.macro<[(text: string) => number, number]>({
  exec: (t, parse, value) => t.is(parse(t.title.split(' ').at(-1)!), value),
  title: (text, parse) => `${parse.name} takes ${text}`,
});

test('5%', parses, parseShare, 0.05);
test('0.5', parses, parseShare, 0.005);
test('100%', parses, parseShare, 1);
test('0%', parses, parseShare, 0);
test('20ms', parses, parseDelay, 20);
test('1.5s', parses, parseDelay, 1_500);
test('300us', parses, parseDelay, 0.3);
test('1280', parses, parseWhole, 1_280);
test('0', parses, parseWhole, 0);

const refuses = test.macro<[(text: string) => number]>({
  exec: (t, parse) => t.throws(() => parse(t.title.split(' ').at(-1)!), { code: 'commander.invalidArgument' }),
  title: (text, parse) => `${parse.name} does not take ${text}`,
});

for (const text of ['101%', '-1%', 'five', '5%%', '']) test(text, refuses, parseShare);
for (const text of ['20', '20x', '-5ms', 'ms']) test(text, refuses, parseDelay);
for (const text of ['1.5', '-1', '12345678901', 'x']) test(text, refuses, parseWhole);

test('a fault that does nothing is refused, with the options that would do something', (t) => {
  t.notThrows(() => checkHasEffect({ jitter: 3 }));
  for (const options of [{}, { loss: 0, delay: 0 }]) {
    t.throws(() => checkHasEffect(options), { code: 'usage', message: /--loss, --delay, .*--clip$/ });
  }
});
