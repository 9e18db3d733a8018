import test from 'ava';
import { readApiService, serviceOf } from '../../src/kubernetes/api-service.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';

const metadata = { name: 'web', namespace: 'shop' };
const port = { port: 80, targetPort: 8080 };
const spec = { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7', 'fd00:10:96::7'], ports: [port] };

function read(change: object, rest: object = {}) {
  return readApiService({ metadata, spec: { ...spec, ...change }, ...rest });
}

function places(change: object, rest: object = {}) {
  const { clusterAddresses, externalAddresses, loadBalancerAddresses } = serviceOf(read(change, rest)!);
  return [clusterAddresses, externalAddresses, loadBalancerAddresses].map((all) => all.map(formatIpAddress));
}

test('a Service has the defaults of the API, and nothing of what is not known', (t) => {
  const object = {
    metadata: { ...metadata, uid: 'u', managedFields: [{}] },
    spec: { ...spec, ipFamilies: ['IPv4', 'IPv6'], novelty: { x: 1 } },
    status: { loadBalancer: {} },
  };
  t.deepEqual(readApiService(object), {
    namespace: 'shop',
    name: 'web',
    type: 'ClusterIP',
    clusterAddresses: ['10.96.0.7', 'fd00:10:96::7'],
    externalAddresses: [],
    loadBalancerAddresses: [],
    loadBalancerSources: [],
    ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 0, targetPort: 8080 }],
    internalTraffic: 'cluster',
    externalTraffic: 'cluster',
    affinitySeconds: 0,
    selector: {},
    wantedBalancerAddresses: [],
    loadBalancerClass: '',
    sharingKey: '',
  });
});

test('what it says is said of the service', (t) => {
  const service = serviceOf(
    read({
      type: 'NodePort',
      selector: { app: 'web' },
      ports: [
        { name: 'http', port: 80, nodePort: 30080, targetPort: 'http', appProtocol: 'h2c' },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
      sessionAffinity: 'ClientIP',
    })!,
  );
  t.deepEqual(service.ports, [
    { name: 'http', protocol: 'TCP', port: 80, nodePort: 30080, targetPort: 'http' },
    { name: 'dns', protocol: 'UDP', port: 53, nodePort: undefined, targetPort: 53 },
  ]);
  const { type, selector, internalTraffic, externalTraffic, affinitySeconds } = service;
  t.deepEqual([type, selector, internalTraffic, externalTraffic], ['NodePort', { app: 'web' }, 'local', 'local']);
  t.is(affinitySeconds, 10_800);
  const sessionAffinityConfig = { clientIP: { timeoutSeconds: 60 } };
  t.is(read({ sessionAffinity: 'ClientIP', sessionAffinityConfig })?.affinitySeconds, 60);
  t.is(read({ sessionAffinity: 'None', sessionAffinityConfig })?.affinitySeconds, 0);
});

test('of a load balancer, addresses count to which packets come as they were sent', (t) => {
  const entries = [
    { ip: '192.0.2.1' },
    { ip: '192.0.2.2', ipMode: 'VIP' },
    { ip: '192.0.2.3', ipMode: 'Proxy' },
    { hostname: 'lb.example.net' },
  ];
  const status = { loadBalancer: { ingress: entries } };
  const cluster = ['10.96.0.7', 'fd00:10:96::7'];
  t.deepEqual(places({ type: 'LoadBalancer' }, { status }), [cluster, [], ['192.0.2.1', '192.0.2.2']]);
  // It was one before.
  t.deepEqual(places({ type: 'NodePort' }, { status }), [cluster, [], []]);
});

test('addresses that no service may have are left out', (t) => {
  const odd = ['127.0.0.1', '169.254.1.1', 'fe80::1', '224.0.0.1', 'ff02::1', '0.0.0.0', '::', 'text', ''];
  t.deepEqual(
    places({ clusterIP: 'None', clusterIPs: ['None'], externalIPs: [...odd, '192.0.2.7', '192.000.002.008'] }),
    [[], ['192.0.2.7', '192.0.2.8'], []],
  );
  t.deepEqual(places({ clusterIPs: undefined })[0], ['10.96.0.7']);
  t.deepEqual(places({ clusterIP: '', clusterIPs: null })[0], []);
});

function sources(loadBalancerSourceRanges: unknown) {
  return serviceOf(read({ type: 'LoadBalancer', loadBalancerSourceRanges })!).loadBalancerSources?.map(formatPrefix);
}

test('a prefix that is none lets nobody in', (t) => {
  t.deepEqual(sources(undefined), undefined);
  t.deepEqual(sources([]), undefined);
  t.deepEqual(sources([' 192.0.2.0/24', 'text']), ['192.0.2.0/24']);
  t.deepEqual(sources(['text']), []);
});

const isNone = test.macro({
  exec: (t, change: object, rest: object = {}) => t.is(read(change, rest), undefined),
  title: (name) => `is no service: ${name}`,
});

test('an ExternalName', isNone, { type: 'ExternalName', externalName: 'example.net' });
test('a type that is not known', isNone, { type: 'Tunnel' });
test('one without a name', isNone, {}, { metadata: { namespace: 'shop' } });
test('one without a namespace', isNone, {}, { metadata: { name: 'web' } });
test('one whose name is too long', isNone, {}, { metadata: { ...metadata, name: 'x'.repeat(254) } });
test('one without a spec', isNone, {}, { spec: null });
test('a port that is none', isNone, { ports: [{ port: 65_536 }] });
test('a port that is text', isNone, { ports: [{ port: '80' }] });
test('a node port that is none', isNone, { ports: [{ port: 80, nodePort: -1 }] });
test('a protocol that is not known', isNone, { ports: [{ port: 80, protocol: 'DCCP' }] });
test('a target that is longer than a name', isNone, { ports: [{ port: 80, targetPort: 'x'.repeat(254) }] });
test('too many ports', isNone, { ports: Array.from({ length: 1_025 }, (_, at) => ({ port: at + 1 })) });
test('too many addresses', isNone, { externalIPs: Array.from({ length: 65 }, () => '192.0.2.1') });
test('too many sources', isNone, { loadBalancerSourceRanges: Array.from({ length: 257 }, () => '192.0.2.0/24') });
test('an affinity that is too long', isNone, {
  sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } },
});
test('too many labels of pods', isNone, {
  selector: Object.fromEntries(Array.from({ length: 1_025 }, (_, at) => [`l${at}`, ''])),
});

for (const odd of [undefined, null, 7, 'Service', []]) {
  test(`${JSON.stringify(odd)} is no service`, (t) => t.is(readApiService(odd), undefined));
}
