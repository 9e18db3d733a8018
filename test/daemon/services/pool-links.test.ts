import test from 'ava';
import { announcedPrefixes, poolLinks } from '../../../src/daemon/services/pool-links.ts';
import type { ListedLink } from '../../../src/linux/link.ts';
import { parsePool } from '../../../src/services/address-pool.ts';
import { formatPrefix } from '../../../src/wire/prefix.ts';

function link(name: string, flags: readonly string[], ...addresses: readonly string[]): ListedLink {
  const addr_info = addresses.map((text) => {
    const [local, prefixlen] = text.split('/');
    return { local: local!, prefixlen: Number(prefixlen) };
  });
  return { ifindex: 7, ifname: name, mtu: 1500, flags, address: '02:00:00:00:00:01', addr_info };
}

const up = ['BROADCAST', 'UP', 'LOWER_UP'];
const pools = ['192.0.2.128/25', '2001:db8::c800-2001:db8::c8ff'].map((text) => parsePool(text)!);

const found = (...links: readonly ListedLink[]): string[] =>
  poolLinks(links, pools).map(({ name, prefixes }) => `${name} ${prefixes.map(formatPrefix).join(' ')}`);

test('devices with a prefix that a pool has addresses of', (t) => {
  const eth0 = link('eth0', up, '192.0.2.1/24', '192.0.2.2/24', '2001:db8::1/64', 'fe80::1/64', '10.0.0.1/8');
  t.deepEqual(found(eth0, link('eth1', up, '198.51.100.1/24')), ['eth0 192.0.2.0/24 2001:db8::/64']);
  t.deepEqual(found(link('eth0', up, '192.0.2.1/25')), []);
});

test('no device that is down, without a carrier or an Ethernet address, or the loopback', (t) => {
  const at = '192.0.2.1/24';
  t.deepEqual(found(link('eth0', ['LOWER_UP'], at), link('eth1', ['UP', 'NO-CARRIER'], at)), []);
  t.deepEqual(found(link('lo', ['LOOPBACK', ...up], at)), []);
  const { address: _, ...tun } = link('weft0', up, at);
  t.deepEqual(found(tun), []);
});

test('what is announced is the same whatever the order of devices, and bounded', (t) => {
  const wide = [parsePool('10.0.0.0/8')!];
  const many = Array.from({ length: 12 }, (_, at) => link(`eth${at}`, up, `10.${at}.0.1/16`));
  const told = (links: readonly ListedLink[]) => announcedPrefixes(poolLinks(links, wide)).map(formatPrefix);
  t.is(told(many).length, 8);
  t.deepEqual(told(many), told(many.toReversed()));
});
