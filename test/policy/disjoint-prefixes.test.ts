import test from 'ava';
import { disjointPrefixes, prefixWithout } from '../../src/policy/disjoint-prefixes.ts';
import { formatPrefix, parsePrefix } from '../../src/wire/prefix.ts';

function prefixes(text: string) {
  return text === '' ? [] : text.split(' ').map((one) => parsePrefix(one)!);
}

const without = test.macro<[string, string, string]>({
  exec: (t, prefix, except, expected) => {
    const rest = prefixWithout(parsePrefix(prefix)!, prefixes(except));
    t.is(rest.map(formatPrefix).join(' '), expected);
  },
  title: (_, prefix, except) => `${prefix} without ${except || 'nothing'}`,
});
test(without, '10.0.0.0/8', '', '10.0.0.0/8');
test(without, '10.0.0.0/8', '11.0.0.0/8 fd00::/8', '10.0.0.0/8');
test(without, '10.0.0.0/8', '10.0.0.0/8', '');
test(without, '10.0.0.0/8', '0.0.0.0/0', '');
test(without, '10.0.0.0/30', '10.0.0.2/32', '10.0.0.0/31 10.0.0.3/32');
test(without, '10.0.0.0/30', '10.0.0.2/32 10.0.0.2/31', '10.0.0.0/31');
test(without, '10.0.0.0/30', '10.0.0.1/32 10.0.0.2/32', '10.0.0.0/32 10.0.0.3/32');
test(without, '0.0.0.0/0', '128.0.0.0/2', '0.0.0.0/1 192.0.0.0/2');
test(without, '::/0', '8000::/1', '::/1');
test(without, 'fd00::/126', 'fd00::3/128', 'fd00::/127 fd00::2/128');

test('an exception of one address leaves a prefix for each bit', (t) => {
  t.is(prefixWithout(parsePrefix('::/0')!, prefixes('fd00::1/128')).length, 128);
});

test('what others cover is left out, and the rest is in order', (t) => {
  const all = prefixes(
    'fd00::/64 10.1.0.0/16 10.0.0.0/8 10.0.0.0/8 9.0.0.0/8 10.255.255.255/32 11.0.0.0/32 fd00::1/128',
  );
  t.is(disjointPrefixes(all).map(formatPrefix).join(' '), '9.0.0.0/8 10.0.0.0/8 11.0.0.0/32 fd00::/64');
});
