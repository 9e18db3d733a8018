import test from 'ava';
import { nodeAddressIn, Pool } from '../../src/ipam/pool.ts';
import { formatIpAddress, parseIpAddress, type IpAddress } from '../../src/wire/address.ts';
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

function take(pool: Pool, count: number, isFree: (address: IpAddress) => boolean = () => true): (string | undefined)[] {
  return Array.from({ length: count }, () => {
    const address = pool.next(isFree);
    return address && formatIpAddress(address);
  });
}

test('an address that is free again is given last', (t) => {
  t.deepEqual(take(new Pool(parsePrefix('10.0.0.0/29')!), 6), [
    '10.0.0.2',
    '10.0.0.3',
    '10.0.0.4',
    '10.0.0.5',
    '10.0.0.6',
    '10.0.0.2',
  ]);
});

test('taken addresses are passed over', (t) => {
  t.deepEqual(
    take(new Pool(parsePrefix('10.0.0.0/29')!), 2, (address) => address.bytes[3] === 5),
    ['10.0.0.5', '10.0.0.5'],
  );
});

test('a pool with nothing free gives nothing', (t) => {
  t.deepEqual(
    take(new Pool(parsePrefix('10.0.0.0/29')!), 1, () => false),
    [undefined],
  );
  t.deepEqual(take(new Pool(parsePrefix('10.0.0.0/32')!), 1), [undefined]);
});

test('the search goes on at a restored cursor', (t) => {
  const before = new Pool(parsePrefix('10.0.0.0/29')!);
  take(before, 2);
  const after = new Pool(parsePrefix('10.0.0.0/29')!);
  after.moveTo(before.cursor);
  t.deepEqual(take(after, 1), ['10.0.0.4']);
});

for (const cursor of [-1, 0, 1, 7, 2.5, Number.NaN, Infinity]) {
  test(`a cursor of ${cursor}, which the prefix has no address for, is ignored`, (t) => {
    const pool = new Pool(parsePrefix('10.0.0.0/29')!);
    pool.moveTo(cursor);
    t.deepEqual(take(pool, 1), ['10.0.0.2']);
  });
}
