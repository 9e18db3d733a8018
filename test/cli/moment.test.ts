import test from 'ava';
import { parseMoment } from '../../src/cli/moment.ts';

const nowMs = Date.parse('2026-01-03T04:05:06.000Z');

const means = test.macro<[string, string]>({
  exec: (t, text, expected) => t.is(new Date(parseMoment(text, nowMs)).toISOString(), expected),
  title: (_name, text, expected) => `${text} is ${expected}`,
});

test(means, '90s', '2026-01-03T04:03:36.000Z');
test(means, '10m', '2026-01-03T03:55:06.000Z');
test(means, '2h', '2026-01-03T02:05:06.000Z');
test(means, '1d', '2026-01-02T04:05:06.000Z');
test(means, '2026-01-02', '2026-01-02T00:00:00.000Z');
test(means, '2026-01-02T03:04', '2026-01-02T03:04:00.000Z');
test(means, '2026-01-02 03:04:05', '2026-01-02T03:04:05.000Z');
test(means, '2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z');
test(means, '2026-01-02T03:04:05+02:00', '2026-01-02T01:04:05.000Z');

test(means, '04:05', '2026-01-03T04:05:00.000Z');
test(means, '03:04:05.678', '2026-01-03T03:04:05.678Z');
// It has not been that time today.
test(means, '23:59:59', '2026-01-02T23:59:59.000Z');

const refuses = test.macro<[string]>({
  exec: (t, text) => t.throws(() => parseMoment(text, nowMs), { message: /^Not a length of time/ }),
  title: (_name, text) => `${JSON.stringify(text)} is no moment`,
});

test(refuses, '');
test(refuses, '10');
test(refuses, '10 minutes');
test(refuses, 'yesterday');
test(refuses, '2026-13-01');
test(refuses, '2026-01-02T25:00');
test(refuses, '25:00');
test(refuses, '3:04');
