import test from 'ava';
import { readAddress, readPrefix } from '../../src/policy/read-prefix.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';

const reads = test.macro<[string, string | undefined]>({
  exec: (t, text: string, expected: string | undefined) => {
    const prefix = readPrefix(text);
    t.is(prefix && formatPrefix(prefix), expected);
  },
  title: (_, text, expected) => `${text} is ${expected ?? 'no prefix'}`,
});

test(reads, '10.0.0.0/8', '10.0.0.0/8');
test(reads, '0.0.0.0/0', '0.0.0.0/0');
test(reads, '10.1.2.3/8', '10.0.0.0/8');
test(reads, '10.1.2.255/31', '10.1.2.254/31');
test(reads, '010.00.0.09/08', '10.0.0.0/8');
test(reads, 'fd00::1/64', 'fd00::/64');
test(reads, 'FD00:0:0::/064', 'fd00::/64');
test(reads, '::/0', '::/0');
test(reads, '::ffff:10.1.2.3/104', '10.0.0.0/8');
test(reads, '::ffff:010.1.2.3/128', '10.1.2.3/32');
test(reads, '::ffff:10.1.2.3/90', '::ffc0:0:0/90');
test(reads, '10.0.0.0', undefined);
test(reads, '10.0.0.0/', undefined);
test(reads, '10.0.0.0/33', undefined);
test(reads, '10.0.0/8', undefined);
test(reads, '10.0.0.256/8', undefined);
test(reads, '10.0.0.0/+8', undefined);
test(reads, '10.0.0.0/-1', undefined);
test(reads, '10.0.0.0/8/8', undefined);
test(reads, 'fd00::/129', undefined);
test(reads, 'fe80::1%eth0/64', undefined);
test(reads, '', undefined);

const readsAddress = test.macro<[string, string | undefined]>({
  exec: (t, text: string, expected: string | undefined) => {
    const address = readAddress(text);
    t.is(address && formatIpAddress(address), expected);
  },
  title: (_, text, expected) => `${text} is ${expected ?? 'no address'}`,
});

test(readsAddress, '10.0.0.1', '10.0.0.1');
test(readsAddress, '010.00.0.01', '10.0.0.1');
test(readsAddress, 'FD00:0:0::1', 'fd00::1');
test(readsAddress, '::ffff:10.1.2.3', '10.1.2.3');
test(readsAddress, '10.0.0.1/32', undefined);
test(readsAddress, '10.0.0', undefined);
test(readsAddress, 'fe80::1%eth0', undefined);
test(readsAddress, '', undefined);
