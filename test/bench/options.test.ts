import test from 'ava';
import { parseOptions, type Options } from '../../bench/options.ts';
import { ConfigError } from '../../src/errors.ts';

function options(...argv: string[]): Options {
  const parsed = parseOptions(argv);
  if (parsed === 'help') throw new TypeError('it was help');
  return parsed;
}

test('without options everything is run, five times', (t) => {
  const all = options();
  t.is(all.rounds, 5);
  t.deepEqual(all.rivals, ['kernel-vxlan', 'weft', 'nebula', 'wireguard-go']);
  t.true(all.workloads.length > 10);
  t.deepEqual(all.figures, ['many-routes', 'routes-memory', 'idle']);
});

test('quick is two rivals, three kinds of work, three rounds', (t) => {
  t.deepEqual(options('--quick'), {
    rounds: 3,
    rivals: ['kernel-vxlan', 'weft'],
    workloads: ['tcp-stream', 'udp-blast-64', 'round-trip-tcp'],
    figures: [],
  });
});

test('naming rivals leaves all the work', (t) => {
  const some = options('--only', 'weft,nebula');
  t.deepEqual(some.rivals, ['weft', 'nebula']);
  t.deepEqual(some.workloads, options().workloads);
});

test('naming work leaves all the rivals, and no figures', (t) => {
  const some = options('--only', 'tcp-four, memory');
  t.deepEqual(some.rivals, options().rivals);
  t.deepEqual(some.workloads, ['tcp-four', 'memory']);
  t.deepEqual(some.figures, []);
});

const refuses = test.macro({
  exec: (t, argv: readonly string[], message: RegExp) => {
    t.throws(() => parseOptions(argv), { instanceOf: ConfigError, message });
  },
  title: (_, argv: readonly string[]) => `refuses ${argv.join(' ')}`,
});

test(refuses, ['--only', 'tinc'], /there is no tinc/);
test(refuses, ['--rounds', '0'], /--rounds/);
test(refuses, ['--rounds', 'many'], /--rounds/);
test(refuses, ['--fast'], /--fast/);
