import test from 'ava';
import { assignTo, type AssignmentMeans } from '../../src/services/service-assignment.ts';
import { readService } from '../../src/services/read-service.ts';
import type { ServiceRecord } from '../../src/services/service-record.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { parsePool } from '../../src/services/address-pool.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

const both = ['10.96.0.0/16', 'fd00:10:96::/112'];

function record(name: string, spec: object): ServiceRecord {
  const reading = readService({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { ports: [{ port: 80 }], ...spec },
  });
  if (reading.service === undefined) throw new Error(reading.problems.join('; '));
  return reading.service;
}

interface Means extends Partial<Omit<AssignmentMeans, 'prefixes' | 'pools'>> {
  readonly prefixes?: readonly string[];
  readonly pools?: readonly string[];
}

function means(more: Means = {}) {
  const { prefixes = both, pools = [], ...rest } = more;
  return {
    hosts: [],
    pools: pools.map((text) => parsePool(text)!),
    others: [],
    before: undefined,
    random: new SeededRandom(1),
    ...rest,
    prefixes: prefixes.map((text) => parsePrefix(text)!),
  };
}

function assigned(spec: object, more?: Parameters<typeof means>[0]) {
  const { clusterAddresses, nodePorts } = assignTo(record('web', spec), means(more));
  return { addresses: clusterAddresses.map(formatIpAddress), nodePorts };
}

const families = (addresses: readonly string[]): string =>
  addresses.map((text) => (text.includes(':') ? '6' : '4')).join('');

test('families are those that are asked for, and there', (t) => {
  t.is(families(assigned({}).addresses), '4');
  t.is(families(assigned({}, { prefixes: both.toReversed() }).addresses), '6');
  t.is(families(assigned({ ipFamilyPolicy: 'PreferDualStack' }).addresses), '46');
  t.is(families(assigned({ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'] }).addresses), '64');
  t.is(families(assigned({ ipFamilyPolicy: 'PreferDualStack' }, { prefixes: both.slice(1) }).addresses), '6');
  t.is(families(assigned({ ipFamilyPolicy: 'RequireDualStack' }).addresses), '46');
  t.is(families(assigned({ ipFamilies: ['IPv6'] }).addresses), '6');
  t.is(families(assigned({ clusterIP: 'fd00:10:96::7' }).addresses), '6');
  t.deepEqual(assigned({ clusterIP: 'None', selector: { app: 'web' } }).addresses, []);
});

test('what there is not, is said', (t) => {
  const one = { prefixes: both.slice(0, 1) };
  t.throws(() => assigned({ ipFamilyPolicy: 'RequireDualStack' }, one), { message: /one family alone/ });
  t.throws(() => assigned({ ipFamilies: ['IPv6'] }, one), { message: /no prefix of IPv6/ });
  t.throws(() => assigned({}, { prefixes: [] }), { message: /there are no addresses for services/ });
  t.throws(() => assigned({ clusterIP: '192.0.2.1' }), {
    code: 'config-invalid',
    message: /192\.0\.2\.1 is in none of/,
  });
});

test('whoever has an address keeps it, and no other gets it', (t) => {
  const before = record('web', { clusterIP: '10.96.7.7' });
  t.deepEqual(assigned({}, { before }).addresses, ['10.96.7.7']);
  t.deepEqual(assigned({ ipFamilyPolicy: 'PreferDualStack' }, { before }).addresses[0], '10.96.7.7');
  t.throws(() => assigned({ clusterIP: '10.96.7.7' }, { others: [before] }), { code: 'service-address-taken' });
});

test('the last free address is found, and then there is none', (t) => {
  const prefixes = ['10.96.0.0/29'];
  const others: ServiceRecord[] = [];
  for (let number = 0; number < 6; number++) {
    const [clusterIP] = assigned({}, { prefixes, others, random: new SeededRandom(number) }).addresses;
    others.push(record(`s${number}`, { clusterIP }));
  }
  const texts = others.map(({ clusterAddresses }) => formatIpAddress(clusterAddresses[0]!)).toSorted();
  t.deepEqual(
    texts,
    [1, 2, 3, 4, 5, 6].map((last) => `10.96.0.${last}`),
  );
  t.throws(() => assigned({}, { prefixes, others }), { code: 'service-prefix-full' });
});

test('node ports are kept, free, and in their range', (t) => {
  const spec = {
    type: 'NodePort',
    ports: [
      { name: 'a', port: 80 },
      { name: 'b', port: 81, nodePort: 31_000 },
    ],
  };
  const first = assigned(spec).nodePorts;
  t.is(first[1], 31_000);
  t.true(first[0]! >= 30_000 && first[0]! <= 32_767);
  const before = record('web', {
    type: 'NodePort',
    ports: [
      { name: 'a', port: 80, nodePort: 30_001 },
      { name: 'b', port: 81, nodePort: 30_002 },
    ],
  });
  t.deepEqual(assigned(spec, { before }).nodePorts, [30_001, 31_000]);
  const alone = record('web', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_003 }] });
  t.deepEqual(assigned(spec, { before: alone }).nodePorts, [30_003, 31_000]);
  t.throws(
    () => assigned(spec, { others: [record('x', { type: 'NodePort', ports: [{ port: 1, nodePort: 31_000 }] })] }),
    {
      code: 'node-port-taken',
      message: /service shop\/x has the node port 31000/,
    },
  );
  t.throws(() => assigned({ type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }), {
    message: /80 is not in the range 30000-32767/,
  });
  // Of another protocol it is another port.
  const udp = record('x', { type: 'NodePort', ports: [{ port: 1, protocol: 'UDP', nodePort: 31_000 }] });
  t.is(assigned(spec, { others: [udp] }).nodePorts[1], 31_000);
  t.deepEqual(assigned({}).nodePorts, [undefined]);
});
