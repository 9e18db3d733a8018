import test from 'ava';
import { parseOptions } from '../../src/sim/options.ts';

const refusals = test.macro({
  exec: (t, argv: readonly string[], problem: RegExp) => {
    t.throws(() => parseOptions(argv), { message: problem });
  },
  title: (name) => `refuses ${name}`,
});

test('no scenario', refusals, [], /say which scenario: join-storm, route-change/);
test('a scenario that there is not', refusals, ['jump'], /there is no scenario jump; there are join-storm/);
test('two scenarios', refusals, ['crash', 'partition'], /one scenario at a time, not also partition/);
test('too few nodes for the scenario', refusals, ['partition', '--nodes', '3'], /--nodes: 3 is not .*4 to 65535/);
test('a number that is none', refusals, ['crash', '--seed', 'x'], /--seed: x is not a whole number/);
test('certain loss', refusals, ['crash', '--loss', '100%'], /--loss: 100% is not a probability/);
test(
  'a length of time without unit',
  refusals,
  ['crash', '--duration', '10'],
  /--duration: 10 is not a length of time/,
);
test(
  'a chart of several seeds',
  refusals,
  ['crash', '--seeds', '2', '--svg', 'a'],
  /--svg: takes one scenario and one seed/,
);
test('a real time for a scenario', refusals, ['crash', '--within', '3m'], /--within: is for random-faults only/);
test('a flag that there is not', refusals, ['crash', '--fast'], /'--fast'/);

test('what is not said has a default', (t) => {
  t.deepEqual(parseOptions(['crash']), {
    command: 'crash',
    nodes: 100,
    seed: 1,
    seeds: 1,
    json: false,
    realCipher: false,
  });
});

test('loss and duration have units', (t) => {
  const options = parseOptions(['crash', '--loss', '10%', '--duration', '1.5m']);
  t.like(options, { lossProbability: 0.1, durationMs: 90_000 });
  t.like(parseOptions(['crash', '--loss', '0.02', '--duration', '1h']), {
    lossProbability: 0.02,
    durationMs: 3_600_000,
  });
});

test('random faults may be given a time to run for', (t) => {
  t.like(parseOptions(['random-faults', '--within', '3m']), { seeds: 2_000, withinMs: 180_000 });
});
