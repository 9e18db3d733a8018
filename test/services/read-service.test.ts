import test from 'ava';
import { parse } from 'yaml';
import { readService } from '../../src/services/read-service.ts';
import type { ServiceRecord } from '../../src/services/service-record.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';
import { randomServiceObject } from '../support/random-service-objects.ts';

const seed = Number(process.env['SEED'] ?? 1);

/** A Service `shop/web` of this spec, in YAML, with a port unless it has some. */
function objectOf(spec: string, rest: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { ports: [{ port: 80 }], ...(parse(spec) as object) },
    ...rest,
  };
}

function problemsOf(object: unknown): readonly string[] {
  const reading = readService(object);
  return reading.service === undefined ? reading.problems : [];
}

function serviceOf(object: unknown): ServiceRecord {
  const { service } = readService(object);
  if (service === undefined) throw new Error(problemsOf(object).join('\n'));
  return service;
}

test('a service of a name and a port has the defaults of the API', (t) => {
  t.deepEqual(readService({ metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }), {
    service: {
      namespace: 'default',
      name: 'web',
      type: 'ClusterIP',
      ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: 80, nodePort: undefined }],
      selector: undefined,
      isHeadless: false,
      clusterAddresses: [],
      ipFamilies: [],
      ipFamilyPolicy: 'SingleStack',
      externalAddresses: [],
      loadBalancerAddresses: [],
      loadBalancerSources: undefined,
      wantedBalancerAddresses: [],
      sharingKey: undefined,
      loadBalancerClass: undefined,
      allocatesNodePorts: false,
      internalTraffic: 'cluster',
      externalTraffic: 'cluster',
      healthCheckNodePort: undefined,
      affinitySeconds: undefined,
      publishesNotReady: false,
      trafficDistribution: undefined,
    },
  });
});

test('all that a service says is read', (t) => {
  const service = serviceOf(
    objectOf(
      `
      type: LoadBalancer
      selector: {app: web, tier: ''}
      ports:
      - {name: http, port: 80, targetPort: http, nodePort: 30080, appProtocol: kubernetes.io/h2c}
      - {name: dns, port: 80, protocol: UDP, targetPort: 5353, nodePort: 30080}
      clusterIP: fd00:96::9
      clusterIPs: [fd00:96::9, 10.96.0.9]
      ipFamilies: [IPv6, IPv4]
      ipFamilyPolicy: RequireDualStack
      externalIPs: [192.0.2.1, 2001:db8::1, 192.0.2.1]
      loadBalancerIP: 192.0.2.77
      loadBalancerClass: example.com/metal
      loadBalancerSourceRanges: [203.0.113.0/24, ' 2001:db8::/32 ']
      allocateLoadBalancerNodePorts: false
      externalTrafficPolicy: Local
      internalTrafficPolicy: Local
      healthCheckNodePort: 31000
      sessionAffinity: ClientIP
      sessionAffinityConfig: {clientIP: {timeoutSeconds: 86400}}
      publishNotReadyAddresses: true
      trafficDistribution: PreferSameNode
      `,
      {
        status: {
          conditions: [{ type: 'any' }],
          loadBalancer: {
            ingress: [
              { ip: '192.0.2.9' },
              { ip: '192.0.2.10', ipMode: 'VIP', ports: [] },
              { ip: '192.0.2.11', ipMode: 'Proxy' },
              { hostname: 'lb.example' },
            ],
          },
        },
      },
    ),
  );
  const { clusterAddresses, externalAddresses, loadBalancerAddresses, loadBalancerSources, ...rest } = service;
  t.deepEqual(clusterAddresses.map(formatIpAddress), ['fd00:96::9', '10.96.0.9']);
  t.deepEqual(externalAddresses.map(formatIpAddress), ['192.0.2.1', '2001:db8::1']);
  t.deepEqual(loadBalancerAddresses.map(formatIpAddress), ['192.0.2.9', '192.0.2.10']);
  t.deepEqual(loadBalancerSources?.map(formatPrefix), ['203.0.113.0/24', '2001:db8::/32']);
  t.deepEqual(rest.wantedBalancerAddresses.map(formatIpAddress), ['192.0.2.77']);
  t.like(rest, {
    namespace: 'shop',
    name: 'web',
    type: 'LoadBalancer',
    selector: { app: 'web', tier: '' },
    ports: [
      { name: 'http', protocol: 'TCP', port: 80, targetPort: 'http', nodePort: 30_080 },
      { name: 'dns', protocol: 'UDP', port: 80, targetPort: 5_353, nodePort: 30_080 },
    ],
    isHeadless: false,
    ipFamilies: [6, 4],
    ipFamilyPolicy: 'RequireDualStack',
    loadBalancerClass: 'example.com/metal',
    allocatesNodePorts: false,
    externalTraffic: 'local',
    internalTraffic: 'local',
    healthCheckNodePort: 31_000,
    affinitySeconds: 86_400,
    publishesNotReady: true,
    trafficDistribution: 'PreferSameNode',
  });
});

const means = test.macro<[string, Partial<ServiceRecord>]>({
  exec: (t, spec: string, expected: Partial<ServiceRecord>) => {
    t.like(serviceOf(objectOf(spec)), expected);
  },
  title: (_, spec) => `accepts ${spec}`,
});
test(means, '{clusterIP: None, ports: null}', {
  isHeadless: true,
  ports: [],
  clusterAddresses: [],
  ipFamilies: [],
  ipFamilyPolicy: 'RequireDualStack',
});
test(means, '{clusterIP: None, selector: {a: b}}', { isHeadless: true, ipFamilyPolicy: 'SingleStack' });
test(means, '{clusterIP: None, clusterIPs: [None]}', { isHeadless: true });
test(means, '{clusterIP: ""}', { isHeadless: false, clusterAddresses: [] });
test(means, '{clusterIP: 010.096.0.9}', {
  clusterAddresses: [{ family: 4, bytes: Uint8Array.of(10, 96, 0, 9) }],
  ipFamilies: [4],
});
test(means, '{clusterIP: "::ffff:10.96.0.9", ipFamilies: [IPv4]}', {
  clusterAddresses: [{ family: 4, bytes: Uint8Array.of(10, 96, 0, 9) }],
});
test(means, '{ipFamilies: [IPv6], ipFamilyPolicy: PreferDualStack}', {
  ipFamilies: [6],
  ipFamilyPolicy: 'PreferDualStack',
});
test(means, '{selector: {}}', { selector: undefined });
test(means, '{type: ""}', { type: 'ClusterIP' });
test(means, '{type: NodePort}', { allocatesNodePorts: true });
test(means, '{type: LoadBalancer}', { allocatesNodePorts: true });
test(means, '{type: LoadBalancer, externalTrafficPolicy: Local}', {
  externalTraffic: 'local',
  healthCheckNodePort: undefined,
});
test(means, '{type: LoadBalancer, loadBalancerIP: "", loadBalancerSourceRanges: []}', {
  wantedBalancerAddresses: [],
  loadBalancerSources: undefined,
});
test(means, '{loadBalancerIP: 192.0.2.7}', { wantedBalancerAddresses: [] });
test(means, '{externalIPs: [192.0.2.1], externalTrafficPolicy: Local}', { externalTraffic: 'local' });
test(means, '{sessionAffinity: ClientIP}', { affinitySeconds: 10_800 });
test(means, '{sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 1}}}', {
  affinitySeconds: 1,
});
test(means, '{sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}}', { affinitySeconds: undefined });
test(means, '{ports: [{port: 65535, targetPort: ""}]}', { ports: [{ port: 65_535, targetPort: 65_535 }] as never });
test(means, '{ports: [{port: 53, name: a}, {port: 53, name: b, protocol: UDP}]}', {
  ports: [{ protocol: 'TCP' }, { protocol: 'UDP' }] as never,
});

test('what the API wrote itself is no problem', (t) => {
  const metadata = { name: 'web', uid: 'x', creationTimestamp: null, managedFields: [{}], labels: {} };
  t.deepEqual(
    problemsOf(objectOf('{clusterIP: null, selector: null}', { metadata, status: { loadBalancer: {} } })),
    [],
  );
});

test('items of lists of the API say neither their version nor their kind', (t) => {
  const { apiVersion: _, kind: __, ...item } = objectOf('{}') as Record<string, unknown>;
  t.is(serviceOf(item).name, 'web');
});

const refuses = test.macro<[object | string, ...string[]]>({
  exec: (t, given: object | string, ...problems: readonly string[]) =>
    t.deepEqual(problemsOf(typeof given === 'string' ? objectOf(given) : given), problems),
  title: (name, given) => `refuses ${name ?? (typeof given === 'string' ? given : '')}`,
});

const label =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const portRange = 'must be between 1 and 65535, inclusive';
const ipText = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const onlyBalancer = "Forbidden: may only be used when `type` is 'LoadBalancer'";

test('another version', refuses, objectOf('{}', { apiVersion: 'v2' }), 'no matches for kind "Service" in version "v2"');
test('another kind', refuses, objectOf('{}', { kind: 'Pod' }), 'no matches for kind "Pod" in version "v1"');
test('no version', refuses, objectOf('{}', { apiVersion: null }), 'no matches for kind "Service" in version ""');
test(
  'what is no object',
  refuses,
  ['web'],
  'it in body must be of type object: "array"',
  'metadata.name: Required value: name or generateName is required',
  'spec.ports: Required value',
);
test(
  'fields that are not known',
  refuses,
  objectOf('{port: 80, ports: [{port: 80, hostPort: 80}], sessionAffinityConfig: {clientIP: {seconds: 1}}}', {
    data: {},
    status: { loadBalancer: { ingress: [{ address: 'x' }] }, phase: '' },
  }),
  'unknown field "data"',
  'unknown field "spec.port"',
  'unknown field "spec.ports[0].hostPort"',
  'unknown field "status.phase"',
  `status.loadBalancer.ingress: Forbidden: may only be used when \`spec.type\` is 'LoadBalancer'`,
  'unknown field "spec.sessionAffinityConfig.clientIP.seconds"',
);
test(
  'a name that starts with a digit',
  refuses,
  objectOf('{}', { metadata: { name: '1web' } }),
  `metadata.name: Invalid value: "1web": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
);
test(
  'a name that is too long',
  refuses,
  objectOf('{}', { metadata: { name: 'w'.repeat(64) } }),
  `metadata.name: Invalid value: "${'w'.repeat(64)}": must be no more than 63 characters`,
);
test(
  'a namespace with a dot',
  refuses,
  objectOf('{}', { metadata: { name: 'web', namespace: 'a.b' } }),
  'metadata.namespace: Invalid value: "a.b": must not contain dots',
);
test(
  'labels, annotations and selectors that are none',
  refuses,
  objectOf('{selector: {app: 1}}', { metadata: { name: 'web', labels: { 'a/b/c': '' }, annotations: { '/A': '' } } }),
  `metadata.labels: Invalid value: "a/b/c": a qualified name ${label} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
  'metadata.annotations: Invalid value: "/A": prefix part must be non-empty',
  'spec.selector.app: Invalid value: "integer": spec.selector.app in body must be of type string: "integer"',
);
test(
  'what has no addresses, and says nothing else of it',
  refuses,
  '{type: ExternalName, externalName: example.com, ports: []}',
  'spec.type: Forbidden: services of type ExternalName are not supported',
);
test(
  refuses,
  '{externalName: example.com}',
  'spec.externalName: Forbidden: names outside of the cluster are not supported',
);
test(
  refuses,
  '{type: Headless}',
  'spec.type: Unsupported value: "Headless": supported values: "ClusterIP", "LoadBalancer", "NodePort"',
);

test(refuses, '{ports: []}', 'spec.ports: Required value');
test(refuses, '{ports: [{}]}', `spec.ports[0].port: Invalid value: 0: ${portRange}`);
test(
  refuses,
  '{ports: [{port: "80"}]}',
  'spec.ports[0].port: Invalid value: "string": spec.ports[0].port in body must be of type integer: "string"',
);
test(
  refuses,
  '{ports: [{port: 65536, targetPort: 65536}]}',
  `spec.ports[0].port: Invalid value: 65536: ${portRange}`,
  `spec.ports[0].targetPort: Invalid value: 65536: ${portRange}`,
);
test(
  refuses,
  '{ports: [{port: 80, targetPort: "8080"}]}',
  'spec.ports[0].targetPort: Invalid value: "8080": must contain at least one letter (a-z)',
);
test(
  refuses,
  '{ports: [{port: 80, protocol: ICMP, appProtocol: ""}]}',
  'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
  'spec.ports[0].appProtocol: Invalid value: "": name part must be non-empty',
  `spec.ports[0].appProtocol: Invalid value: "": name part ${label}`,
);
test(
  refuses,
  '{ports: [{port: 80, name: a}, {port: 81}, {port: 80, name: a, protocol: TCP}]}',
  'spec.ports[1].name: Required value',
  'spec.ports[2].name: Duplicate value: "a"',
  'spec.ports[2]: Duplicate value: {"protocol":"TCP","port":80}',
);
test(refuses, '{ports: [{port: 80, name: a.b}]}', 'spec.ports[0].name: Invalid value: "a.b": must not contain dots');
test(
  refuses,
  '{ports: [{port: 80, nodePort: 30080}]}',
  "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
);
test(
  refuses,
  '{type: NodePort, ports: [{port: 80, nodePort: 30080, name: a}, {port: 81, nodePort: 30080, name: b}, {port: 82, nodePort: -1, name: c}]}',
  'spec.ports[1].nodePort: Duplicate value: 30080',
  `spec.ports[2].nodePort: Invalid value: -1: ${portRange}`,
);
test(
  'more ports than one may have',
  refuses,
  objectOf('{}', { spec: { ports: Array.from({ length: 101 }, (_, at) => ({ name: `p${at}`, port: 1 + at })) } }),
  'spec.ports: Too many: 101: must have at most 100 items',
);

test(refuses, '{clusterIP: web}', `spec.clusterIP: Invalid value: "web": ${ipText}`);
test(
  refuses,
  '{clusterIPs: [10.96.0.9]}',
  'spec.clusterIPs: Invalid value: ["10.96.0.9"]: must be empty when `clusterIP` is not specified',
);
test(
  refuses,
  '{clusterIP: 10.96.0.8, clusterIPs: [10.96.0.9]}',
  'spec.clusterIPs: Invalid value: ["10.96.0.9"]: first value must match `clusterIP`',
);
test(
  refuses,
  '{clusterIP: None, clusterIPs: [None, 10.96.0.9]}',
  `spec.clusterIPs: Invalid value: ["None","10.96.0.9"]: 'None' must be the first and only value`,
);
test(
  refuses,
  '{clusterIP: 10.96.0.8, clusterIPs: [10.96.0.8, 10.96.0.9], ipFamilyPolicy: RequireDualStack}',
  'spec.clusterIPs: Invalid value: ["10.96.0.8","10.96.0.9"]: may specify no more than one IP for each IP family',
);
test(
  refuses,
  '{clusterIP: 10.96.0.8, clusterIPs: [10.96.0.8, "fd00:96::8", "::1"], ipFamilyPolicy: RequireDualStack}',
  'spec.clusterIPs: Invalid value: ["10.96.0.8","fd00:96::8","::1"]: may only hold up to 2 values',
);
test(
  refuses,
  '{clusterIP: 10.96.0.8, clusterIPs: [10.96.0.8, "fd00:96::8"], ipFamilies: [IPv4, IPv6]}',
  `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified`,
  `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`,
);
test(
  refuses,
  '{clusterIP: 10.96.0.8, ipFamilies: [IPv6]}',
  'spec.clusterIP: Invalid value: "10.96.0.8": expected an IPv6 value as indicated by `ipFamilies[0]`',
);
test(
  refuses,
  '{ipFamilies: [IPv4, IPv4, IPv5], ipFamilyPolicy: Both}',
  'spec.ipFamilies[1]: Duplicate value: "IPv4"',
  'spec.ipFamilies[2]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
  'spec.ipFamilyPolicy: Unsupported value: "Both": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
  `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`,
);
for (const type of ['NodePort', 'LoadBalancer'])
  test(
    refuses,
    `{type: ${type}, clusterIP: None}`,
    `spec.clusterIP: Invalid value: "None": may not be set to 'None' for ${type} services`,
  );

for (const [text, problem] of [
  ['0.0.0.0', 'may not be unspecified (0.0.0.0)'],
  ['::', 'may not be unspecified (::)'],
  ['127.9.9.9', 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ['::ffff:127.0.0.1', 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ['::1', 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ['169.254.0.1', 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  ['fe80::1', 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  ['224.0.0.251', 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
  ['ff02::1', 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
  ['239.0.0.1', 'may not be in the multicast range (224.0.0.0/4, ff00::/8)'],
  ['ff05::1', 'may not be in the multicast range (224.0.0.0/4, ff00::/8)'],
  ['192.0.2.1/32', ipText],
  ['', ipText],
] as const) {
  test(refuses, `{externalIPs: ["${text}"]}`, `spec.externalIPs[0]: Invalid value: "${text}": ${problem}`);
}
test(
  'special addresses wherever they stand',
  refuses,
  objectOf('{type: LoadBalancer, clusterIP: 127.0.0.1, loadBalancerIP: 0.0.0.0}', {
    status: { loadBalancer: { ingress: [{ ip: 'fe80::1' }, { ipMode: 'VIP' }, { ip: '192.0.2.1', ipMode: 'NAT' }] } },
  }),
  'spec.clusterIP: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
  'status.loadBalancer.ingress[0].ip: Invalid value: "fe80::1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  'status.loadBalancer.ingress[1].ipMode: Forbidden: may not be specified when `ip` is not set',
  'status.loadBalancer.ingress[2].ipMode: Unsupported value: "NAT": supported values: "Proxy", "VIP"',
  'spec.loadBalancerIP: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
);
test(
  'more addresses than one may have',
  refuses,
  objectOf('{}', {
    spec: { ports: [{ port: 1 }], externalIPs: Array.from({ length: 65 }, (_, at) => `192.0.2.${at}`) },
  }),
  'spec.externalIPs: Too many: 65: must have at most 64 items',
);

test(
  refuses,
  '{loadBalancerSourceRanges: [203.0.113.0/24], loadBalancerClass: a/b, allocateLoadBalancerNodePorts: false}',
  `spec.loadBalancerSourceRanges: ${onlyBalancer}`,
  `spec.loadBalancerClass: ${onlyBalancer}`,
  `spec.allocateLoadBalancerNodePorts: ${onlyBalancer}`,
);
test(
  refuses,
  '{type: LoadBalancer, loadBalancerSourceRanges: [203.0.113.0], loadBalancerClass: /a}',
  'spec.loadBalancerSourceRanges[0]: Invalid value: "203.0.113.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  'spec.loadBalancerClass: Invalid value: "/a": prefix part must be non-empty',
);
test(
  refuses,
  '{externalTrafficPolicy: Local}',
  'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
);
test(
  refuses,
  '{type: NodePort, externalTrafficPolicy: local, internalTrafficPolicy: ""}',
  'spec.externalTrafficPolicy: Unsupported value: "local": supported values: "Cluster", "Local"',
  'spec.internalTrafficPolicy: Unsupported value: "": supported values: "Cluster", "Local"',
);
test(
  refuses,
  '{type: LoadBalancer, healthCheckNodePort: 31000}',
  "spec.healthCheckNodePort: Invalid value: 31000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
);
test(
  refuses,
  '{type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 70000}',
  `spec.healthCheckNodePort: Invalid value: 70000: ${portRange}`,
);
for (const seconds of [0, 86_401])
  test(
    refuses,
    `{sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: ${seconds}}}}`,
    `spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: ${seconds}: must be greater than 0 and less than 86400`,
  );
test(
  refuses,
  '{sessionAffinity: Cookie, trafficDistribution: Any, publishNotReadyAddresses: "yes"}',
  'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
  'spec.publishNotReadyAddresses: Invalid value: "string": spec.publishNotReadyAddresses in body must be of type boolean: "string"',
  'spec.trafficDistribution: Unsupported value: "Any": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
);

test(`whatever a value is replaced by, it is read, or refused with a reason (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const odd = [null, 0, -1, 1.5, 70_000, '', 'None', 'x', '::', true, [], [[]], {}, { a: 'b' }] as const;
  for (let turn = 0; turn < 20_000; turn++) {
    const object = JSON.stringify(randomServiceObject(random));
    let at = random.below(60);
    const damaged: unknown = JSON.parse(object, (_, value: unknown) => {
      return at-- === 0 ? odd[random.below(odd.length)] : value;
    });
    const reading = readService(damaged);
    t.true(reading.service !== undefined || reading.problems.length > 0, object);
  }
});
