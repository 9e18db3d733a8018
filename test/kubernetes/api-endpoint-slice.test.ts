import test from 'ava';
import { numbersIn, placesIn, readEndpointSlice } from '../../src/kubernetes/api-endpoint-slice.ts';
import { formatIpAddress } from '../../src/wire/address.ts';

const metadata = { name: 'web-x7', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web', team: 'a' } };
const endpoint = { addresses: ['10.244.1.2'], conditions: { ready: true, serving: true, terminating: false } };

function read(change: object) {
  return readEndpointSlice({
    metadata,
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints: [endpoint],
    ...change,
  });
}

test('a slice has the defaults of the API, and nothing of what is not known', (t) => {
  const hints = { forZones: [{ name: 'a' }, { name: 'b' }], forNodes: [{ name: 'n1' }] };
  const endpoints = [
    { addresses: ['10.244.1.2', '10.244.1.3'], nodeName: 'n1', zone: 'a', hints, targetRef: { kind: 'Pod' } },
  ];
  const ports = [
    { name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'h2c' },
    { name: null, port: 53, protocol: 'UDP' },
    { name: 'any', port: null },
  ];
  t.deepEqual(read({ endpoints, ports }), {
    namespace: 'shop',
    name: 'web-x7',
    serviceName: 'web',
    ports: [
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: '', protocol: 'UDP', port: 53 },
    ],
    endpoints: [
      {
        address: '10.244.1.2',
        isReady: true,
        isServing: true,
        isTerminating: false,
        nodeName: 'n1',
        forNodes: ['n1'],
        forZones: ['a', 'b'],
      },
    ],
  });
});

const conditions = test.macro({
  exec: (t, given: unknown, ready: boolean, serving: boolean, terminating: boolean) => {
    const [found] = read({ endpoints: [{ ...endpoint, conditions: given }] })!.endpoints;
    t.deepEqual([found?.isReady, found?.isServing, found?.isTerminating], [ready, serving, terminating]);
  },
  title: (_, given) => `conditions ${JSON.stringify(given)}`,
});

test(conditions, undefined, true, true, false);
test(conditions, null, true, true, false);
test(conditions, {}, true, true, false);
test(conditions, { ready: null, serving: null, terminating: null }, true, true, false);
test(conditions, { ready: false }, false, true, false);
test(conditions, { ready: false, serving: false }, false, false, false);
test(conditions, { ready: false, serving: true, terminating: true }, false, true, true);

test('a slice of names has no endpoints, and neither has one that has none', (t) => {
  const endpoints = [{ addresses: ['db.example.net'] }];
  t.deepEqual(read({ addressType: 'FQDN', endpoints })?.endpoints, []);
  t.deepEqual(read({ endpoints: null, ports: null })?.endpoints, []);
});

test('backends are those of a port of that name and protocol, at addresses that may be one', (t) => {
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'http', port: 8080 },
  ];
  const addresses = ['10.244.1.2', '127.0.0.1', 'text', 'fd00::2'];
  const slice = read({ ports, endpoints: addresses.map((address) => ({ ...endpoint, addresses: [address] })) })!;
  t.deepEqual(
    placesIn(slice).map(({ address }) => formatIpAddress(address)),
    ['10.244.1.2', 'fd00::2'],
  );
  t.deepEqual(numbersIn(slice, { name: 'http', protocol: 'TCP' }), [8080]);
  t.deepEqual(numbersIn(slice, { name: 'dns', protocol: 'UDP' }), [53]);
  t.deepEqual(numbersIn(slice, { name: 'dns', protocol: 'TCP' }), []);
  t.deepEqual(numbersIn(slice, { name: '', protocol: 'TCP' }), []);
});

const isNone = test.macro({
  exec: (t, change: object) => t.is(read(change), undefined),
  title: (name) => `is no slice: ${name}`,
});

test('one of no service', isNone, { metadata: { ...metadata, labels: {} } });
test('one without labels', isNone, { metadata: { name: 'web-x7', namespace: 'shop' } });
test('one without a namespace', isNone, { metadata: { ...metadata, namespace: '' } });
test('addresses of a type that is not known', isNone, { addressType: 'MAC' });
test('an endpoint without an address', isNone, { endpoints: [{ ...endpoint, addresses: [] }] });
test('an address that is longer than a name', isNone, { endpoints: [{ addresses: ['1'.repeat(254)] }] });
test('a port that is none', isNone, { ports: [{ port: 0 }] });
test('too many endpoints', isNone, { endpoints: Array.from({ length: 1_001 }, () => endpoint) });
test('too many ports', isNone, { ports: Array.from({ length: 1_025 }, (_, at) => ({ name: `p${at}`, port: 80 })) });
test('too many zones', isNone, {
  endpoints: [{ ...endpoint, hints: { forZones: Array.from({ length: 9 }, (_, at) => ({ name: `z${at}` })) } }],
});

for (const odd of [undefined, null, 7, 'EndpointSlice', []]) {
  test(`${JSON.stringify(odd)} is no slice`, (t) => t.is(readEndpointSlice(odd), undefined));
}
