import test from 'ava';
import {
  formatServerAddress,
  parseNameServers,
  parseServerAddress,
  podResolverFile,
} from '../../src/names/resolver-configuration.ts';

function servers(text: string): string[] {
  return parseNameServers(text).map(formatServerAddress);
}

test('servers are read in order, three at most, and all else is passed over', (t) => {
  const text = `# nameserver 192.0.2.9
; nameserver 192.0.2.9
domain example.com
search example.com example.org
nameserver 192.0.2.1
  nameserver\t2001:db8::1   # not the usual one
nameserver fe80::1%eth0
nameserver 192.0.2.4
options edns0 trust-ad
`;
  t.deepEqual(servers(text), ['192.0.2.1', '2001:db8::1', 'fe80::1%eth0']);
});

test('what is no address names nobody', (t) => {
  t.deepEqual(servers('nameserver\nnameserver ns.example.com\nnameserver 192.0.2\nnameservers 192.0.2.1\n'), []);
  t.deepEqual(servers(''), []);
  t.deepEqual(servers('\0\u{ffff}nameserver 192.0.2.1'), []);
});

test('a server of the configuration may have a port', (t) => {
  t.is(formatServerAddress(parseServerAddress('192.0.2.1:5353')!), '192.0.2.1:5353');
  t.is(formatServerAddress(parseServerAddress('[2001:db8::1]:5353')!), '[2001:db8::1]:5353');
  t.is(formatServerAddress(parseServerAddress('192.0.2.1:53')!), '192.0.2.1');
  t.is(parseServerAddress('ns.example.com'), undefined);
});

test('what is written for a pod is read again', (t) => {
  const text = podResolverFile('# of weft', '169.254.1.1', ['weft.internal']);
  t.is(text, '# of weft\nnameserver 169.254.1.1\nsearch weft.internal\noptions timeout:1 attempts:3\n');
  t.deepEqual(servers(text), ['169.254.1.1']);
});
