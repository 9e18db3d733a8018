import test from 'ava';
import { parseResult, resultDocument, resultOf } from '../../src/cni/cni-result.ts';
import { fixedAttached } from '../support/fixed-handlers.ts';

const NETNS = '/run/netns/c1';

test('a result comes behind that of the plugins before, and its addresses name its own interface', (t) => {
  const before = parseResult(
    {
      interfaces: [{ name: 'br0' }],
      ips: [{ address: '192.0.2.1/24', interface: 0 }],
      routes: [{ dst: '192.0.2.0/24' }],
    },
    'prevResult',
  );
  const { interfaces, ips, routes } = resultOf(fixedAttached, NETNS, undefined, before);
  t.deepEqual(
    interfaces.map(({ name, sandbox }) => [name, sandbox]),
    [
      ['br0', undefined],
      ['wf01234567', undefined],
      ['eth0', NETNS],
    ],
  );
  t.deepEqual(
    ips.map(({ address, interface: at }) => [address, at]),
    [
      ['192.0.2.1/24', 0],
      ['10.244.1.2/32', 2],
      ['fd00:10:244:1::2/128', 2],
    ],
  );
  t.deepEqual(
    routes.map(({ dst }) => dst),
    ['192.0.2.0/24', '0.0.0.0/0', '::/0'],
  );
});

test('what a container resolves names by is what the network says, else what weft says, else what was said before', (t) => {
  const own = { nameservers: ['192.0.2.53'] };
  t.deepEqual(resultOf(fixedAttached, NETNS, own).dns, own);
  t.deepEqual(resultOf(fixedAttached, NETNS, undefined).dns, fixedAttached.dns);
  const before = parseResult({ dns: { nameservers: ['192.0.2.54'] } }, 'prevResult');
  t.deepEqual(resultOf({ ...fixedAttached, dns: null }, NETNS, undefined, before).dns, { nameservers: ['192.0.2.54'] });
});

test('a pod without IPv6, and one without default routes, say so', (t) => {
  const notices = [{ code: 'pod-ipv6-disabled', message: '' }];
  const withoutIpv6 = resultOf({ ...fixedAttached, pod: { ...fixedAttached.pod, notices } }, NETNS, undefined);
  t.deepEqual(
    withoutIpv6.ips.map(({ address }) => address),
    ['10.244.1.2/32'],
  );
  t.deepEqual(
    withoutIpv6.routes.map(({ dst }) => dst),
    ['0.0.0.0/0'],
  );
  t.deepEqual(resultOf({ ...fixedAttached, hasDefaultRoute: false }, NETNS, undefined).routes, []);
});

test('earlier versions name the family of an address, and know no MTU', (t) => {
  const result = resultOf(fixedAttached, NETNS, undefined);
  const [now, later, early] = (['1.1.0', '1.0.0', '0.4.0'] as const).map((version) =>
    JSON.stringify(resultDocument(result, version)),
  );
  t.regex(now!, /"mtu":1450/);
  t.notRegex(now!, /"version":/);
  t.notRegex(later!, /"mtu"|"version":/);
  t.regex(early!, /"version":"4".*"version":"6"/);
});
