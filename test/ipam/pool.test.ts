import test from 'ava';
import { nodeAddressIn, Pool } from '../../src/ipam/pool.ts';
import { formatIpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

const sizes = test.macro({
  exec: (t, prefix: string, size: number) => t.is(new Pool(parsePrefix(prefix)!).size, size),
  title: (_name, prefix: string, size: number) => `${prefix} has ${size} addresses for pods`,
});

test(sizes, '10.244.1.0/24', 253);
test(sizes, '10.244.1.0/29', 5);
test(sizes, '10.244.1.0/30', 1);
test(sizes, '10.244.1.0/31', 0);
test(sizes, '10.244.1.0/32', 0);
test(sizes, 'fd00::/126', 2);
test(sizes, 'fd00::/128', 0);
test(sizes, 'fd00::/64', 2 ** 32 - 2);

const nodes = test.macro({
  exec: (t, prefix: string, address: string) => t.is(formatIpAddress(nodeAddressIn(parsePrefix(prefix)!)), address),
  title: (_name, prefix: string, address: string) => `the node is ${address} in ${prefix}`,
});

test(nodes, '10.244.1.0/24', '10.244.1.1');
test(nodes, '10.244.1.7/32', '10.244.1.7');
test(nodes, 'fd00:1::/64', 'fd00:1::1');
test(nodes, 'fd00:1::9/128', 'fd00:1::9');

const assignable = test.macro({
  exec: (t, address: string, prefix: string, may: boolean) =>
    t.is(new Pool(parsePrefix(prefix)!).mayHave(parseIpAddress(address)!), may),
  title: (name, address: string, prefix: string, may: boolean) =>
    `a pod ${may ? 'may' : 'may not'} have ${address} in ${prefix}${name === '' ? '' : `: ${name}`}`,
});

test('the first', assignable, '10.244.1.2', '10.244.1.0/24', true);
test('the last', assignable, '10.244.1.254', '10.244.1.0/24', true);
test('the network', assignable, '10.244.1.0', '10.244.1.0/24', false);
test('the node', assignable, '10.244.1.1', '10.244.1.0/24', false);
test('the broadcast address', assignable, '10.244.1.255', '10.244.1.0/24', false);
test('not in the prefix', assignable, '10.244.2.2', '10.244.1.0/24', false);
test('another family', assignable, 'fd00::2', '10.244.1.0/24', false);
test('the last of IPv6', assignable, 'fd00::ff', 'fd00::/120', true);
test('the subnet-router anycast address', assignable, 'fd00::', 'fd00::/64', false);
test('the node of IPv6', assignable, 'fd00::1', 'fd00::/64', false);
test('beyond what is given out unasked', assignable, 'fd00::1234:5678:9abc:def0', 'fd00::/64', true);

test('what is beyond what is given out unasked is not offered', (t) => {
  const pool = new Pool(parsePrefix('fd00::/64')!);
  t.true(pool.offers(parseIpAddress('fd00::ffff:ffff')!));
  t.false(pool.offers(parseIpAddress('fd00::1:0:0')!));
  t.false(pool.offers(parseIpAddress('fd00::1')!));
});

test('the first address that is not used comes next, and used ones are not looked at again until they may be free', (t) => {
  const pool = new Pool(parsePrefix('10.0.0.0/29')!);
  const asked: string[] = [];
  const used = new Set(['10.0.0.2', '10.0.0.4']);
  const next = (): string | undefined => {
    const address = pool.firstUnused((candidate) => {
      asked.push(formatIpAddress(candidate));
      return used.has(formatIpAddress(candidate));
    });
    return address && formatIpAddress(address);
  };
  t.is(next(), '10.0.0.3');
  used.add('10.0.0.3');
  t.is(next(), '10.0.0.5');
  t.deepEqual(asked, ['10.0.0.2', '10.0.0.3', '10.0.0.3', '10.0.0.4', '10.0.0.5']);
  used.delete('10.0.0.2');
  pool.forgetUsed();
  t.is(next(), '10.0.0.2');
});

test('a pool in which all is used has nothing', (t) => {
  t.is(
    new Pool(parsePrefix('10.0.0.0/29')!).firstUnused(() => true),
    undefined,
  );
  t.is(
    new Pool(parsePrefix('10.0.0.0/32')!).firstUnused(() => false),
    undefined,
  );
});
