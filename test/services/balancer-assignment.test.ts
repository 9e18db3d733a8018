import test from 'ava';
import { parsePool } from '../../src/services/address-pool.ts';
import {
  type BalancedService,
  balancerAddresses,
  type BalancerMeans,
  isBalanced,
} from '../../src/services/balancer-assignment.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress, parseIpAddress } from '../../src/wire/address.ts';

interface Wish {
  readonly ports?: readonly string[];
  readonly share?: string;
  readonly has?: readonly string[];
  readonly wants?: readonly string[];
  readonly local?: Readonly<Record<string, string>>;
}

function service(name: string, { ports = ['80/TCP'], share, has = [], wants = [], local }: Wish = {}): BalancedService {
  return {
    namespace: 'shop',
    name,
    ports: ports.map((text) => {
      const [port, protocol] = text.split('/') as [string, 'TCP' | 'UDP'];
      return { name: text, protocol, port: Number(port), nodePort: undefined, targetPort: Number(port) };
    }),
    selector: local,
    externalTraffic: local === undefined ? 'cluster' : 'local',
    loadBalancerAddresses: addressesOf(has),
    wantedBalancerAddresses: addressesOf(wants),
    sharingKey: share,
  };
}

function addressesOf(texts: readonly string[]) {
  return texts.map((text) => parseIpAddress(text)!);
}

function means(pools: readonly string[], others: readonly BalancedService[] = [], hosts: readonly string[] = []) {
  return {
    pools: pools.map((text) => parsePool(text)!),
    others,
    hosts: addressesOf(hosts),
    random: new SeededRandom(7),
  } satisfies BalancerMeans;
}

const none = (wish: Wish, its: BalancerMeans) => () => balancerAddresses(service('a', wish), [4], its);

const given = (one: BalancedService, families: readonly (4 | 6)[], its: BalancerMeans): string =>
  balancerAddresses(one, families, its).map(formatIpAddress).join(' ');

const two = ['192.0.2.10-192.0.2.11', '2001:db8::10-2001:db8::11'];

test('one address of each family that there is', (t) => {
  t.regex(given(service('a'), [4, 6], means(two)), /^192\.0\.2\.1[01] 2001:db8::1[01]$/);
  t.regex(given(service('a'), [6], means(two)), /^2001:db8::1[01]$/);
  t.regex(given(service('a'), [4, 6], means(two.slice(0, 1))), /^192\.0\.2\.1[01]$/);
});

test('what it has it keeps, unless it asks for another, or may not have it any more', (t) => {
  const has = { has: ['192.0.2.11'] };
  t.is(given(service('a', has), [4], means(two)), '192.0.2.11');
  t.is(given(service('a', { ...has, wants: ['192.0.2.10'] }), [4], means(two)), '192.0.2.10');
  t.is(given(service('a', has), [4], means(['192.0.2.20-192.0.2.20'])), '192.0.2.20');
  t.is(given(service('a', has), [4], means(two, [], ['192.0.2.11'])), '192.0.2.10');
  t.is(given(service('a', { wants: ['192.0.2.10'] }), [4, 6], means(two)), '192.0.2.10');
});

test('who gets none is told why', (t) => {
  t.throws(none({}, means([])), { code: 'config-invalid', message: /give some in services\.pools/ });
  t.throws(none({}, means(two.slice(1))), { code: 'config-invalid', message: /no address of a family/ });
  t.throws(none({ wants: ['192.0.2.99'] }, means(two)), {
    code: 'config-invalid',
    message: /192\.0\.2\.99 is in none/,
  });
  t.throws(none({ wants: ['192.0.2.10'] }, means(two, [], ['192.0.2.10'])), { message: /a node has the address/ });
  const taken = ['192.0.2.10', '192.0.2.11'].map((address) => service(address, { has: [address] }));
  t.throws(none({}, means(two, taken)), { code: 'balancer-pools-full', message: /all IPv4 addresses/ });
  t.throws(none({ wants: ['192.0.2.10'] }, means(two, taken)), {
    code: 'balancer-address-taken',
    message: /service shop\/192\.0\.2\.10 has the address 192\.0\.2\.10, and the two have no sharing key in common/,
  });
});

test('services share an address if both say so, and no packet could be for both', (t) => {
  const holder = service('h', { has: ['192.0.2.10'], share: 'k' });
  const asks = (wish: Wish, other = holder) => given(service('a', wish), [4], means(two, [other]));
  const wants = ['192.0.2.10'];
  t.is(asks({ share: 'k', ports: ['81/TCP'] }), '192.0.2.10');
  t.is(asks({ share: 'k', ports: ['80/UDP'] }), '192.0.2.10');
  t.is(asks({ share: 'k' }), '192.0.2.11');
  t.is(asks({ share: 'other', ports: ['81/TCP'] }), '192.0.2.11');
  t.throws(() => asks({ share: 'k', wants }), { message: /both have the port 80\/tcp/ });
  const local = { app: 'web' };
  const localHolder = service('h', { has: ['192.0.2.10'], share: 'k', local });
  t.is(asks({ share: 'k', ports: ['81/TCP'], local: { app: 'web' } }, localHolder), '192.0.2.10');
  t.is(asks({ share: 'k', ports: ['81/TCP'], local: { app: 'db' } }, localHolder), '192.0.2.11');
  t.throws(() => asks({ share: 'k', ports: ['81/TCP'], wants }, localHolder), { message: /have not the same pods/ });
});

test('whose services are served', (t) => {
  t.true(isBalanced({ type: 'LoadBalancer', loadBalancerClass: undefined }));
  t.true(isBalanced({ type: 'LoadBalancer', loadBalancerClass: 'weft.dev/load-balancer' }));
  t.false(isBalanced({ type: 'LoadBalancer', loadBalancerClass: 'example.com/metal' }));
  t.false(isBalanced({ type: 'NodePort', loadBalancerClass: undefined }));
});
