import test from 'ava';
import { formatLogLine } from '../../../src/daemon/process/log-text.ts';

const time = new Date(2026, 0, 1, 4, 5, 6, 7).toISOString();

const shows = test.macro<[fields: object, shown: string]>({
  exec: (t, fields, shown) => t.is(formatLogLine(JSON.stringify({ level: 'info', time, ...fields }), false), shown),
  title: (name) => `${name} reads well`,
});

test('a line without fields', shows, { msg: 'ready' }, '04:05:06.007 info  ready\n');
test(
  'fields',
  shows,
  { msg: 'underlay picked', interface: 'eth0', mtu: 1500, reason: 'its route', prefixes: ['10.244.1.0/24'] },
  '04:05:06.007 info  underlay picked                              interface=eth0 mtu=1500 reason="its route" prefixes=["10.244.1.0/24"]\n',
);
test(
  'an error of weft',
  shows,
  {
    msg: 'it failed',
    err: { code: 'store-failed', message: 'no space', stack: 'WeftError: no space\n    at a (b:1)' },
  },
  '04:05:06.007 info  it failed                                    error="no space"\n',
);
test(
  'a bug',
  shows,
  { msg: 'it failed', err: { message: 'x is undefined', stack: 'TypeError: x is undefined\n    at a (b:1)' } },
  '04:05:06.007 info  it failed                                    error="x is undefined"\n    at a (b:1)\n',
);
test(
  'what others chose',
  shows,
  { msg: 'member\u001b[2J joined', name: 'n\n2\u001b[31m', other: '\u009b\u202e' },
  '04:05:06.007 info  member\\u{1b}[2J joined                       name="n\\n2\\u001b[31m" other="\\u{9b}\\u{202e}"\n',
);

test('a warning has a colour on a terminal', (t) => {
  t.is(
    formatLogLine(JSON.stringify({ level: 'warn', time, msg: 'mind' }), true),
    '\u001b[33m04:05:06.007 warn \u001b[0m mind\n',
  );
});
