import test from 'ava';
import { fits, formatTable, toned, wrap } from '../../src/terminal/table.ts';

const pipe = { widthColumns: undefined, colour: false };
const terminal = { widthColumns: 30, colour: false };
const columns = [{ title: 'NAME' }, { title: 'PREFIXES', wraps: true }, { title: 'MTU', align: 'right' }] as const;

test('columns are aligned, numbers to the right, without trailing spaces', (t) => {
  const text = formatTable(
    columns,
    [
      ['n1', 'a', 1450],
      ['long-name', 'b', 9],
    ],
    pipe,
  );
  t.is(text, 'NAME       PREFIXES   MTU\nn1         a         1450\nlong-name  b            9\n');
});

test('in a pipe a row is one line, however wide, and an empty cell is a hyphen', (t) => {
  const text = formatTable(
    columns,
    [
      ['n1', ['10.244.1.0/24', 'fd00:10:244:1::/64'], 1450],
      ['n2', [], 1],
    ],
    pipe,
  );
  t.deepEqual(
    text.split('\n').map((line) => line.split(/ +/).length),
    [3, 3, 3, 1],
  );
  t.true(text.includes('10.244.1.0/24,fd00:10:244:1::/64'));
  t.regex(text, /^n2 +- +1$/m);
});

test('in a terminal a cell of several texts goes on below itself', (t) => {
  const text = formatTable(columns, [['n1', ['10.244.1.0/24', 'fd00:1::/64'], 1450]], terminal);
  t.is(text, 'NAME  PREFIXES        MTU\nn1    10.244.1.0/24  1450\n      fd00:1::/64\n');
});

test('in a terminal a wrapping column gives way until the table fits', (t) => {
  const text = formatTable(columns, [['n1', 'fd00:1234:5678:9abc:def0::/80', 1450]], terminal);
  t.true(text.split('\n').every((line) => line.length <= 30));
  t.is(text.replaceAll(/\s|n1|1450|NAME|PREFIXES|MTU/g, ''), 'fd00:1234:5678:9abc:def0::/80');
});

test('columns of many words give way before words are torn', (t) => {
  const wrapping = [
    { title: 'ROUTE', wraps: true },
    { title: 'WHY', wraps: true },
  ] as const;
  const text = formatTable(wrapping, [['fd00:10:244:2::/64', 'no node has it']], { ...terminal, widthColumns: 32 });
  t.is(text, 'ROUTE               WHY\nfd00:10:244:2::/64  no node has\n                    it\n');
});

test('a column that does not wrap is never torn', (t) => {
  const text = formatTable([{ title: 'A' }], [['x'.repeat(40)]], terminal);
  t.is(text, `A\n${'x'.repeat(40)}\n`);
});

test('only the title is coloured, and only where colours may be used', (t) => {
  const text = formatTable([{ title: 'A' }], [['x']], { widthColumns: 30, colour: true });
  t.is(text, '\u001b[1mA\u001b[22m\nx\n');
});

test('text is broken at spaces, and inside of a word only if it must', (t) => {
  t.deepEqual(wrap('its route leads to seed', 10), ['its route', 'leads to', 'seed']);
  t.deepEqual(wrap('abcdefghijklm no', 5), ['abcde', 'fghij', 'klm', 'no']);
  t.deepEqual(wrap('destination-not-unicast', 18), ['destination-not-', 'unicast']);
  t.deepEqual(wrap('', 5), ['']);
});

test('the colour of a cell is no part of its width, and there is none in a pipe', (t) => {
  const rows = [
    [toned('up', 'good'), 'a', 1],
    [toned('down', 'bad'), 'b', toned('22', 'warning')],
  ];
  t.is(formatTable(columns, rows, pipe), 'NAME  PREFIXES  MTU\nup    a           1\ndown  b          22\n');
  t.is(
    formatTable(columns, rows, { widthColumns: 30, colour: true }).split('\n').slice(1, 3).join('\n'),
    '\u001b[32mup\u001b[39m    a           1\n\u001b[31mdown\u001b[39m  b          \u001b[33m22\u001b[39m',
  );
});

test('a table fits where its longest cells have room beside each other', (t) => {
  const rows = [['n1', 'fd00:1::/64', 1450]];
  t.true(fits(columns, rows, { widthColumns: 23, colour: false }));
  t.false(fits(columns, rows, { widthColumns: 22, colour: false }));
});
