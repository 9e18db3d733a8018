import test from 'ava';
import { titlesOnce } from '../../../src/daemon/places/pod-titles.ts';
import { formatIpAddress, type IpAddress } from '../../../src/wire/address.ts';
import { identityOf } from '../../support/announcements.ts';
import { podOf } from '../../support/directories.ts';

test('a pod is called by its node, its namespace and its name, and looked up once', (t) => {
  const asked: string[] = [];
  const index = {
    at: (address: IpAddress) => {
      asked.push(formatIpAddress(address));
      if (address.bytes[3] === 9) return undefined;
      const namespace = address.bytes[3] === 3 ? 'shop' : 'default';
      return {
        ...podOf(2, 'web', address.bytes[3], { namespace }),
        owner: identityOf(address.bytes[3] === 4 ? 7 : 2),
      };
    },
  };
  const titleAt = titlesOnce(index, (identity) => (identity === identityOf(2) ? 'n2' : undefined));
  t.is(titleAt('10.200.2.2'), 'n2/web');
  t.is(titleAt('10.200.2.3'), 'n2/shop/web');
  t.is(titleAt('10.200.2.4'), '', 'of a node that nobody knows');
  t.is(titleAt('10.200.2.9'), '');
  t.is(titleAt('no address'), '');
  t.is(titleAt('10.200.2.9'), '');
  t.is(asked.length, 4);
});
