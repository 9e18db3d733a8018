import test from 'ava';
import { overlapNotices } from '../../../src/daemon/host/route-overlap.ts';
import type { KernelRoute } from '../../../src/linux/route.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

const cluster = ['10.244.0.0/16', 'fd00:10::/32'].map((text) => parsePrefix(text)!);

function notices(change: Partial<KernelRoute>): readonly string[] {
  const route: KernelRoute = {
    family: 4,
    type: 'unicast',
    dst: '10.244.3.0/24',
    dev: 'vpn0',
    metric: 0,
    protocol: 3,
    ...change,
  };
  return overlapNotices(cluster, [route], 'weft0').map(({ message }) => message);
}

const overlaps = test.macro({
  exec: (t, change: Partial<KernelRoute>, message: RegExp) => t.regex(notices(change)[0] ?? '', message),
  title: (name) => `${name} overlaps the cluster prefix`,
});

test(
  'a longer prefix of a VPN',
  overlaps,
  {},
  /overlaps the route to 10\.244\.3\.0\/24 dev vpn0: pods in 10\.244\.3\.0\/24 cannot be reached/,
);
test('the same prefix', overlaps, { dst: '10.244.0.0/16' }, /pods in 10\.244\.0\.0\/16 cannot/);
test('a shorter prefix', overlaps, { dst: '10.0.0.0/8' }, /hosts in 10\.244\.0\.0\/16 cannot/);
test('a single address', overlaps, { dst: '10.244.1.1' }, /10\.244\.1\.1\/32/);
test('a prefix of IPv6', overlaps, { family: 6, dst: 'fd00:10:1::/48' }, /fd00:10:1::\/48/);

const passes = test.macro({
  exec: (t, change: Partial<KernelRoute>) => t.deepEqual(notices(change), []),
  title: (name) => `${name} does not overlap the cluster prefix`,
});

test('a default route', passes, { dst: 'default' });
test('one half of the default route of a VPN', passes, { dst: '0.0.0.0/1' });
test('a prefix beside it', passes, { dst: '10.245.0.0/16' });
test('a route of ours', passes, { protocol: 87 });
test('a route into our device', passes, { dev: 'weft0', protocol: 2 });
test('a blackhole of somebody', passes, { type: 'blackhole' });
