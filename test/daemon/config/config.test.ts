import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { loadConfig, type Config, type ConfigInput } from '../../../src/daemon/config/config.ts';
import { configKeys, flagOf, inlinePaths, variableOf, type ConfigPath } from '../../../src/daemon/config/config-key.ts';
import { optionalFeatures } from '../../../src/daemon/config/optional-feature.ts';
import { ConfigError } from '../../../src/errors.ts';
import { formatEndpoint, formatIpAddress, formatMacAddress } from '../../../src/wire/address.ts';
import { formatPrefix } from '../../../src/wire/prefix.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-config-'));
test.after.always(() => rmSync(directory, { recursive: true }));

/** Lines 1 to 3 of most files below. */
const BASE = `nodeName: n1
clusterPrefixes: [10.244.0.0/16, 'fd00:10:244::/48']
nodePrefixes: [10.244.1.0/24, 'fd00:10:244:1::/64']
`;

const PEER = `staticPeers:
  - name: vtep
    endpoint: 198.18.0.9
    mac: 02:00:00:00:00:09
    prefixes: [10.244.9.0/24]
`;

let files = 0;

function load(text: string, rest: Partial<ConfigInput> = {}) {
  const file = join(directory, `weft-${files++}.yaml`);
  writeFileSync(file, text);
  return loadConfig({ file, flags: {}, ...rest, env: { WEFT_GOSSIP_KEY_FILE: '/etc/weft/gossip.key', ...rest.env } });
}

/** Lines of the error, with the file called `weft.yaml`. */
function problemsOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.replaceAll(/\S*weft-\d+\.yaml/g, 'weft.yaml').split('\n');
  }
  return [];
}

const refuses = test.macro({
  exec: (t, text: string, ...problems: string[]) =>
    t.deepEqual(
      problemsOf(() => load(text)),
      problems,
    ),
  title: (name) => `refuses ${name}`,
});

test(
  'a switch that is neither on nor off',
  refuses,
  `${BASE}dataplane:\n  coalescing: maybe\n`,
  'weft.yaml:5: dataplane.coalescing: maybe is neither on nor off',
);
test(
  'CPUs that are none',
  refuses,
  `${BASE}dataplane:\n  cpus: [all, 3-1, 1024]\n`,
  'weft.yaml:5: dataplane.cpus[0]: all is not a CPU like 3, or a range like 0-1',
  'weft.yaml:5: dataplane.cpus[1]: 3-1 ends before it begins',
  'weft.yaml:5: dataplane.cpus[2]: 1024 is larger than 1023',
);
test(
  'a DSCP of more than 6 bits',
  refuses,
  `${BASE}dataplane:\n  dscp: 64\n`,
  'weft.yaml:5: dataplane.dscp: 64 is neither copy nor a number from 0 to 63',
);
test(
  'a VNI above 24 bits',
  refuses,
  `${BASE}vxlan:\n  vni: 16777216\n`,
  'weft.yaml:5: vxlan.vni: 16777216 is larger than 16777215',
);
test('a port of 0', refuses, `${BASE}vxlan: {port: 0}\n`, 'weft.yaml:4: vxlan.port: 0 is smaller than 1');
test('a port in words', refuses, `${BASE}vxlan: {port: many}\n`, 'weft.yaml:4: vxlan.port: many is not a whole number');
test(
  'an MTU with a fraction',
  refuses,
  `${BASE}underlay: {mtu: 1500.5}\n`,
  'weft.yaml:4: underlay.mtu: 1500.5 is not a whole number',
);
test(
  'host bits in a prefix, and says what was meant',
  refuses,
  'nodeName: n1\nclusterPrefixes:\n  - 10.244.0.1/16\nnodePrefixes: [10.244.1.0/24]\n',
  'weft.yaml:3: clusterPrefixes[0]: 10.244.0.1/16 has bits behind its length: did you mean 10.244.0.0/16?',
);
test(
  'what is no prefix',
  refuses,
  'nodeName: n1\nclusterPrefixes: [10.244.0.0/33]\nnodePrefixes: [10.244.1.0/24]\n',
  'weft.yaml:2: clusterPrefixes[0]: 10.244.0.0/33 is not a prefix like 10.244.0.0/16 or fd00:10:244::/48',
);
test(
  'a prefix instead of a list of them',
  refuses,
  'nodeName: n1\nclusterPrefixes: 10.244.0.0/16\nnodePrefixes: [10.244.1.0/24]\n',
  'weft.yaml:2: clusterPrefixes: is not a list',
);
test(
  'a file without prefixes, and says what to do',
  refuses,
  'nodeName: n1\n',
  "weft.yaml: clusterPrefixes: is missing: give the prefixes of the whole cluster's pods, such as [10.244.0.0/16]",
  "weft.yaml: nodePrefixes: is missing: give this node's own part of clusterPrefixes, such as [10.244.1.0/24], or set ipam.mode to kubernetes",
);
test(
  'an empty list of node prefixes',
  refuses,
  'nodeName: n1\nclusterPrefixes: [10.244.0.0/16]\nnodePrefixes: []\n',
  "weft.yaml:3: nodePrefixes: is missing: give this node's own part of clusterPrefixes, such as [10.244.1.0/24], or set ipam.mode to kubernetes",
);
test(
  'a node prefix outside of the cluster',
  refuses,
  'nodeName: n1\nclusterPrefixes: [10.244.0.0/16]\nnodePrefixes:\n  - 10.245.1.0/24\n',
  'weft.yaml:4: nodePrefixes[0]: 10.245.1.0/24 does not lie within clusterPrefixes (10.244.0.0/16)',
);
test(
  'a node prefix without room for pods',
  refuses,
  'nodeName: n1\nclusterPrefixes: [10.244.0.0/16]\nnodePrefixes: [10.244.1.0/31]\n',
  'weft.yaml:3: nodePrefixes[0]: 10.244.1.0/31 has no room for pods: /30 is the longest',
);
test(
  'node prefixes that overlap',
  refuses,
  'nodeName: n1\nclusterPrefixes: [10.244.0.0/16]\nnodePrefixes: [10.244.1.0/24, 10.244.1.128/25]\n',
  'weft.yaml:3: nodePrefixes[1]: 10.244.1.128/25 overlaps 10.244.1.0/24, which is there already',
);
test(
  'a cluster prefix that is everything',
  refuses,
  'nodeName: n1\nclusterPrefixes: [0.0.0.0/0]\nnodePrefixes: [10.244.1.0/24]\n',
  'weft.yaml:2: clusterPrefixes[0]: 0.0.0.0/0 would take all traffic of the node',
);
test(
  'a device name that the kernel would cut',
  refuses,
  `${BASE}tun: {device: weft-tunnel-device}\n`,
  'weft.yaml:4: tun.device: weft-tunnel-device is longer than 15 characters',
);
test(
  'a device name that is a pattern',
  refuses,
  `${BASE}tun: {device: 'weft%d'}\n`,
  'weft.yaml:4: tun.device: weft%d is not a name for a network device',
);
test(
  'a node name that is no DNS label',
  refuses,
  BASE.replace('n1', 'Node_1'),
  'weft.yaml:1: nodeName: Node_1 is not a DNS label: lower-case letters, digits and hyphens, at most 63',
);
test(
  'a name that YAML takes for a number',
  refuses,
  BASE.replace('n1', '12'),
  'weft.yaml:1: nodeName: 12 is not text: quote it',
);
test('a key without a value', refuses, BASE.replace(' n1', ''), 'weft.yaml:1: nodeName: has no value');
test(
  'an unknown key, and finds the near one',
  refuses,
  `${BASE}vxlan: {prot: 1}\n`,
  'weft.yaml:4: vxlan.prot: is not a known key: did you mean port?',
);
test(
  'a key that belongs into a group',
  refuses,
  `${BASE}vni: 7\n`,
  'weft.yaml:4: vni: is not a known key: did you mean vxlan.vni?',
);
test('a key like no other', refuses, `${BASE}frobnicate: 7\n`, 'weft.yaml:4: frobnicate: is not a known key');
test('a key of every object', refuses, `${BASE}constructor: 7\n`, 'weft.yaml:4: constructor: is not a known key');
test(
  'a value where a group belongs',
  refuses,
  `${BASE}vxlan: 4789\n`,
  'weft.yaml:4: vxlan: is a group of keys: port, vni',
);
test('the same key twice', refuses, `${BASE}nodeName: n2\n`, 'weft.yaml:4: Map keys must be unique');
test('a list at the root', refuses, '- nodeName\n', 'weft.yaml:1: is not a mapping of keys to values');
test(
  'an unknown log level',
  refuses,
  `${BASE}logLevel: loud\n`,
  'weft.yaml:4: logLevel: loud is none of debug, info, warn, error',
);
test(
  'a preset of gossip that there is not',
  refuses,
  `${BASE}gossip: {preset: moon}\n`,
  'weft.yaml:4: gossip.preset: moon is none of lan, wan, local',
);
test(
  'a relative state directory',
  refuses,
  `${BASE}stateDir: state\n`,
  'weft.yaml:4: stateDir: state is not an absolute path',
);
test(
  'a socket path that no socket can have',
  refuses,
  `${BASE}control: {socket: /${'x'.repeat(107)}}\n`,
  `weft.yaml:4: control.socket: /${'x'.repeat(107)} is longer than the 107 bytes that a Unix socket may have`,
);
test(
  'two sockets at one path',
  refuses,
  `${BASE}control: {socket: /s, readOnlySocket: /s}\n`,
  'weft.yaml:4: control.readOnlySocket: is the same path as control.socket',
);
test(
  'the socket of captures at the path of another',
  refuses,
  `${BASE}control: {socket: /s.sock, readOnlySocket: /s-capture.sock}\n`,
  'weft.yaml:4: control.readOnlySocket: is the path of the socket for captures, which is named after control.socket',
);
test(
  'a socket beside which the read-only one has no room',
  refuses,
  `${BASE}control: {socket: /${'x'.repeat(105)}}\n`,
  `weft.yaml:4: control.readOnlySocket: is missing: /${'x'.repeat(105)}-ro.sock is too long for a Unix socket`,
);
test(
  'one port for VXLAN and gossip',
  refuses,
  `${BASE}gossip: {port: 4789}\n`,
  'weft.yaml:4: gossip.port: 4789 is vxlan.port, too',
);
test(
  'a metrics address without a port',
  refuses,
  `${BASE}metrics: {address: 127.0.0.1}\n`,
  'weft.yaml:4: metrics.address: 127.0.0.1 is neither ADDRESS:PORT nor off',
);
test(
  'a seed that is no host',
  refuses,
  `${BASE}gossip:\n  seeds:\n    - n2\n    - n2:port\n`,
  'weft.yaml:7: gossip.seeds[1]: n2:port is not HOST or HOST:PORT',
);
test(
  'a seed with an octet too large',
  refuses,
  `${BASE}gossip: {seeds: [198.18.0.256]}\n`,
  'weft.yaml:4: gossip.seeds[0]: 198.18.0.256 is not HOST or HOST:PORT',
);
test(
  'a seed inside the overlay',
  refuses,
  `${BASE}gossip: {seeds: [10.244.2.1]}\n`,
  'weft.yaml:4: gossip.seeds[0]: 10.244.2.1 lies within clusterPrefixes (10.244.0.0/16): it must be outside',
);
test(
  'an underlay address inside the overlay',
  refuses,
  `${BASE}underlay: {address: 10.244.2.1}\n`,
  'weft.yaml:4: underlay.address: 10.244.2.1 lies within clusterPrefixes (10.244.0.0/16): it must be outside',
);
test(
  'a static peer with a group MAC',
  refuses,
  `${BASE}${PEER.replace('02:', '01:')}`,
  'weft.yaml:7: staticPeers[0].mac: 01:00:00:00:00:09 is a group address: the MAC of one station is needed',
);
test(
  'a static peer without a MAC',
  refuses,
  `${BASE}${PEER.replace(/ {4}mac.*\n/, '')}`,
  'weft.yaml:5: staticPeers[0].mac: is missing',
);
test(
  'an unknown key of a static peer',
  refuses,
  `${BASE}${PEER}    prefix: x\n`,
  'weft.yaml:9: staticPeers[0].prefix: is not a known key: did you mean prefixes?',
);
test(
  'a static peer with a prefix of this node',
  refuses,
  `${BASE}${PEER.replace('10.244.9.0/24', '10.244.1.128/25')}`,
  'weft.yaml:8: staticPeers[0].prefixes[0]: 10.244.1.128/25 overlaps 10.244.1.0/24 of this node',
);
test(
  'a static peer with a prefix outside of the cluster',
  refuses,
  `${BASE}${PEER.replace('10.244.9.0/24', '10.99.0.0/24')}`,
  'weft.yaml:8: staticPeers[0].prefixes[0]: 10.99.0.0/24 does not lie within clusterPrefixes (10.244.0.0/16, fd00:10:244::/48)',
);
test(
  'two static peers that are the same',
  refuses,
  `${BASE}${PEER}${PEER.replace('staticPeers:\n', '')}`,
  'weft.yaml:9: staticPeers[1].name: vtep is there already',
  'weft.yaml:10: staticPeers[1].endpoint: 198.18.0.9 is the address of another static peer',
  'weft.yaml:12: staticPeers[1].prefixes[0]: 10.244.9.0/24 overlaps 10.244.9.0/24 of static peer vtep',
);
test(
  'several mistakes, and names all of them',
  refuses,
  'nodeName: n1\nvxlan:\n  vni: -1\n  port: 70000\nnodePrefixes: [10.244.1.0/24, x]\nlogLvl: debug\n',
  'weft.yaml:6: logLvl: is not a known key: did you mean logLevel?',
  'weft.yaml:4: vxlan.port: 70000 is larger than 65535',
  'weft.yaml:3: vxlan.vni: -1 is smaller than 0',
  "weft.yaml: clusterPrefixes: is missing: give the prefixes of the whole cluster's pods, such as [10.244.0.0/16]",
  'weft.yaml:5: nodePrefixes[1]: x is not a prefix like 10.244.0.0/16 or fd00:10:244::/48',
);

test('a YAML error names its line', (t) => {
  t.regex(problemsOf(() => load(`${BASE}vxlan: {port: 1\n`))[0]!, /^weft\.yaml:\d+: /);
});

test('a file that is not there is named', (t) => {
  const problems = problemsOf(() => loadConfig({ file: '/nowhere/weft.yaml', flags: {}, env: {} }));
  t.deepEqual(problems, ['/nowhere/weft.yaml: there is no such file']);
});

test('the error holds each problem for programs', (t) => {
  const error = t.throws(() => load(`${BASE}vxlan: {port: 0}\n`), { instanceOf: ConfigError });
  t.is(error.code, 'config-invalid');
  t.is(error.details['path'], 'vxlan.port');
  const problems = error.details['problems'] as { path: string; problem: string }[];
  t.like(problems[0], { path: 'vxlan.port', problem: '0 is smaller than 1' });
});

test('the least that a file must say leaves the rest to the defaults', (t) => {
  const config = load(BASE);
  t.like(config, {
    nodeName: 'n1',
    networkName: 'default',
    underlay: { interface: undefined, address: undefined, mtuBytes: undefined },
    vxlan: { port: 4789, vni: 42 },
    tun: { device: 'weft0' },
    dataplane: { workers: 0, cpus: [], busyPollUs: 0, without: [], dscp: 'copy' },
    stateDir: '/var/lib/weft',
    control: { socket: '/run/weft/weft.sock', readOnlySocket: '/run/weft/weft-ro.sock' },
    logLevel: 'info',
    log: { format: 'auto' },
  });
  t.is(config.gossip.port, 7948);
  t.deepEqual(config.gossip.seeds, []);
  t.deepEqual(config.staticPeers, []);
  t.deepEqual(config.nodePrefixes.map(formatPrefix), ['10.244.1.0/24', 'fd00:10:244:1::/64']);
  t.is(formatEndpoint(config.metrics.address!), '127.0.0.1:9748');
  t.is(config.recorder.sizeBytes, 16_777_216);
});

test('everything at once is read as it stands', (t) => {
  const config = load(
    `${BASE}${PEER}networkName: blue
underlay: {interface: eth1, address: 198.18.0.1, mtu: 9000}
vxlan: {port: 8472, vni: 1}
tun: {device: blue0}
gossip: {port: 7000, seeds: [n2, 'n3:7001', 198.18.0.4, '[fd00::5]:7002'], preset: wan}
metrics: {address: off}
logLevel: debug
`,
  );
  t.is(formatIpAddress(config.underlay.address!), '198.18.0.1');
  t.is(config.underlay.mtuBytes, 9000);
  t.deepEqual(config.gossip.seeds, [
    { host: 'n2', port: 7000 },
    { host: 'n3', port: 7001 },
    { host: '198.18.0.4', port: 7000 },
    { host: 'fd00::5', port: 7002 },
  ]);
  t.is(config.gossip.preset, 'wan');
  const [peer] = config.staticPeers;
  t.is(formatEndpoint(peer!.endpoint), '198.18.0.9:8472');
  t.is(formatMacAddress(peer!.mac), '02:00:00:00:00:09');
  t.is(config.metrics.address, undefined);
});

test('a flag is stronger than a variable, that than the file, that than the default', (t) => {
  const file = `${BASE}vxlan: {port: 1003}\n`;
  const env = { WEFT_VXLAN_PORT: '1002' };
  t.is(load(file, { env, flags: { 'vxlan.port': '1001' } }).vxlan.port, 1001);
  t.is(load(file, { env }).vxlan.port, 1002);
  t.is(load(file).vxlan.port, 1003);
  t.is(load(BASE).vxlan.port, 4789);
});

test('an empty variable counts as unset', (t) => {
  t.is(load(`${BASE}vxlan: {port: 1003}\n`, { env: { WEFT_VXLAN_PORT: '' } }).vxlan.port, 1003);
});

test('a problem in a flag or variable names it', (t) => {
  const problems = problemsOf(() =>
    load(BASE, { flags: { 'vxlan.port': 'x' }, env: { WEFT_NODE_PREFIXES: '10.244.1.0/24,y' } }),
  );
  t.deepEqual(problems, [
    '--vxlan-port: vxlan.port: x is not a whole number',
    'WEFT_NODE_PREFIXES: nodePrefixes[1]: y is not a prefix like 10.244.0.0/16 or fd00:10:244::/48',
  ]);
});

test('without a file, flags and variables may say it all', (t) => {
  const env = {
    WEFT_CLUSTER_PREFIXES: '10.244.0.0/16',
    WEFT_NODE_PREFIXES: '10.244.1.0/24',
    WEFT_GOSSIP_AUTHENTICATION: 'off',
  };
  const config = loadConfig({ flags: { 'gossip.seeds': 'n2, n3:7', nodeName: 'n1' }, env });
  t.deepEqual(config.gossip.seeds, [
    { host: 'n2', port: 7948 },
    { host: 'n3', port: 7 },
  ]);
});

const NO_KEY_FILE =
  'is missing: make a key with "weft key generate /etc/weft/gossip.key", and give every node that file; ' +
  'or, where nobody else reaches the gossip port, set gossip.authentication to off';

test('gossip is authenticated unless that is switched off, and a key file that is missing is asked for', (t) => {
  const env = { WEFT_GOSSIP_KEY_FILE: '' };
  t.deepEqual(
    problemsOf(() => load(BASE, { env })),
    [`weft.yaml: gossip.keyFile: ${NO_KEY_FILE}`],
  );
  t.is(load(`${BASE}gossip: {authentication: off}\n`, { env }).gossip.keyFile, undefined);
  t.is(load(`${BASE}gossip: {authentication: off}\n`).gossip.keyFile, undefined);
  t.is(load(BASE).gossip.keyFile, '/etc/weft/gossip.key');
});

for (const file of ['gossip.key', '/etc/weft/']) {
  test(`refuses ${file} as a key file`, (t) => {
    const problem = `--gossip-key-file: gossip.keyFile: ${file} is not an absolute path of a file`;
    t.deepEqual(
      problemsOf(() => load(BASE, { flags: { 'gossip.keyFile': file } })),
      [problem],
    );
  });
}

test('CPUs are given by numbers and ranges, each counted once', (t) => {
  t.deepEqual(load(`${BASE}dataplane: {cpus: [4, 0-2, '1']}\n`).dataplane.cpus, [4, 0, 1, 2]);
});

for (const feature of optionalFeatures) {
  test(`${feature} alone is switched off by its key`, (t) => {
    t.deepEqual(load(`${BASE}dataplane: {${feature}: off}\n`).dataplane.without, [feature]);
    t.deepEqual(load(`${BASE}dataplane: {${feature}: false}\n`).dataplane.without, [feature]);
    t.deepEqual(load(`${BASE}dataplane: {${feature}: true}\n`).dataplane.without, []);
  });
}

test('a node is named by its host if nothing else names it', (t) => {
  t.regex(load(BASE.replace('nodeName: n1\n', '')).nodeName, /^[a-z0-9-]+$/);
});

test('a node is named by its Node object if nothing else names it: a domain is no part of that', (t) => {
  const text = BASE.replace('nodeName: n1\n', 'kubernetes: {enabled: on, nodeName: ip-10-0-0-7.ec2.internal}\n');
  const { nodeName, kubernetes } = load(text);
  t.is(nodeName, 'ip-10-0-0-7');
  t.is(kubernetes?.nodeName, 'ip-10-0-0-7.ec2.internal');
});

test('prefixes that come from Kubernetes imply that it is asked, under the name of the node', (t) => {
  const { nodePrefixes, kubernetes } = load(BASE.replace(/^nodePrefixes.*\n/m, 'ipam: {mode: kubernetes}\n'));
  t.deepEqual(nodePrefixes, []);
  t.deepEqual(kubernetes, { kubeconfig: undefined, apiServer: undefined, nodeName: 'n1' });
  t.is(load(BASE).kubernetes, undefined);
});

test(
  'prefixes beside those that come from Kubernetes',
  refuses,
  `${BASE}ipam:\n  mode: kubernetes\n`,
  'weft.yaml:3: nodePrefixes: are given, and ipam.mode is kubernetes, where they come from the Node object: leave them out, or set ipam.mode to static',
);

test(
  'prefixes from an API that is not to be asked',
  refuses,
  `nodeName: n1\nclusterPrefixes: [10.244.0.0/16]\nipam: {mode: kubernetes}\nkubernetes: {enabled: off}\n`,
  'weft.yaml:4: kubernetes.enabled: is off, and ipam.mode is kubernetes, which needs the API: leave one of them out',
);

test(
  'a kubeconfig for an API that is not asked',
  refuses,
  `${BASE}kubernetes:\n  kubeconfig: /etc/kubernetes/kubelet.conf\n`,
  'weft.yaml:5: kubernetes.kubeconfig: is given, and the API is not asked: set kubernetes.enabled to on, or ipam.mode to kubernetes',
);

const inKubernetes = (services: string, apiServer = '') =>
  `${BASE}kubernetes: {enabled: on${apiServer}}\nservices: {enabled: ${services}}\n`;

function isOn(text: string): boolean {
  return load(text).services.enabled;
}

test('weft has services where there is no Kubernetes, unless it is told otherwise', (t) => {
  t.true(isOn(BASE));
  t.true(isOn(`${BASE}services: {enabled: auto}\n`));
  t.false(isOn(`${BASE}services: {enabled: off}\n`));
  t.false(isOn(inKubernetes('auto')));
  t.true(isOn(inKubernetes('on', ', apiServer: api:6443')));
});

test('in Kubernetes, addresses of services are not guessed', (t) => {
  t.is(load(BASE).services.prefixes.length, 2);
  t.deepEqual(load(inKubernetes('auto')).services.prefixes, []);
});

test(
  'services in Kubernetes without an API server that is reached without them',
  refuses,
  inKubernetes('on'),
  'weft.yaml:4: kubernetes.apiServer: is missing, and services.enabled is on: weft would have to know the backends of the service of the API to reach it; ' +
    'give HOST:PORT of an API server, or of a load balancer in front of several, or leave services to kube-proxy',
);

test(
  'an API server where the API is not asked',
  refuses,
  `${BASE}kubernetes:\n  apiServer: api:6443\n`,
  'weft.yaml:5: kubernetes.apiServer: is given, and the API is not asked: set kubernetes.enabled to on, or ipam.mode to kubernetes',
);

test(
  'services that are neither on nor off',
  refuses,
  `${BASE}services:\n  enabled: yes\n`,
  'weft.yaml:5: services.enabled: yes is none of auto, on, off',
);

function apiServerOf(text: string) {
  return load(`${BASE}kubernetes: {enabled: on, apiServer: '${text}'}\n`).kubernetes?.apiServer;
}

test('an API server has a port, and its host is an address or a name', (t) => {
  t.deepEqual(apiServerOf('api.example.net:6443'), { host: 'api.example.net', port: 6443 });
  t.deepEqual(apiServerOf('[fd00::1]:6443'), { host: 'fd00::1', port: 6443 });
  for (const wrong of ['api.example.net', '198.18.0.10', 'fd00::1', '198.18.0.256:6443', 'api:0'])
    t.throws(() => apiServerOf(wrong), { message: /kubernetes\.apiServer: .* is not HOST:PORT$/ }, wrong);
});

test(
  'a name that no object in Kubernetes can have',
  refuses,
  `${BASE}kubernetes:\n  enabled: on\n  nodeName: Node_1\n`,
  'weft.yaml:6: kubernetes.nodeName: Node_1 is not a name in Kubernetes: lower-case letters, digits, hyphens and dots, at most 253',
);

test(
  'pools that no service could get addresses of',
  refuses,
  `${BASE}services:\n  pools: [192.0.2.20-192.0.2.10, 127.0.0.0/8]\n`,
  'weft.yaml:5: services.pools[0]: 192.0.2.20-192.0.2.10 is neither a prefix like 192.0.2.0/24 nor a range like 192.0.2.10-192.0.2.20',
  'weft.yaml:5: services.pools[1]: 127.0.0.0/8 has addresses that no service may have',
);

test(
  'pools of which others have addresses',
  refuses,
  `${BASE}services:\n  pools: [192.0.2.0/24, 192.0.2.9-192.0.2.10, 10.244.9.0/24, 10.96.1.1-10.96.1.9]\n`,
  'weft.yaml:5: services.pools[1]: 192.0.2.9-192.0.2.10 overlaps 192.0.2.0/24, which is there already',
  'weft.yaml:5: services.pools[2]: 10.244.9.0/24 overlaps 10.244.0.0/16 of clusterPrefixes',
  'weft.yaml:5: services.pools[3]: 10.96.1.1-10.96.1.9 overlaps 10.96.0.0/16 of services.prefixes',
);

test(
  'pools where weft has no services',
  refuses,
  `${BASE}services:\n  enabled: off\n  pools: [192.0.2.0/24]\n`,
  'weft.yaml:6: services.pools: are given, and weft has no services here: set services.enabled to on, or leave them out',
);

test('what is missing may be missing where it is not needed', (t) => {
  const config = loadConfig({ flags: {}, env: { WEFT_NODE_NAME: 'n1' }, allowMissing: true });
  t.deepEqual(config.nodePrefixes, []);
  t.is(config.stateDir, '/var/lib/weft');
});

/** A value for each key that differs from its default. */
const samples: Readonly<Record<Exclude<ConfigPath, 'staticPeers'>, string>> = {
  nodeName: 'sample',
  networkName: 'sample',
  'underlay.interface': 'sample0',
  'underlay.address': '198.18.0.77',
  'underlay.mtu': '1777',
  'vxlan.port': '1777',
  'vxlan.vni': '1777',
  'tun.device': 'sample0',
  'dataplane.workers': '3',
  'dataplane.cpus': '0-1,3',
  'dataplane.busyPollUs': '17',
  'dataplane.tunOffloads': 'off',
  'dataplane.udpSegmentation': 'off',
  'dataplane.udpCoalescing': 'off',
  'dataplane.coalescing': 'off',
  'dataplane.remoteChecksum': 'off',
  'dataplane.ecn': 'off',
  'dataplane.dscp': '17',
  'pathMtu.probing': 'off',
  'pathMtu.outerFragmentation': 'off',
  'masquerade.intoOverlay': 'off',
  'masquerade.vxlan': 'on',
  relay: 'off',
  'audit.watch': 'off',
  faults: 'on',
  clusterPrefixes: '10.0.0.0/8,fd00::/16',
  nodePrefixes: '10.244.7.0/24',
  'ipam.mode': 'kubernetes',
  'kubernetes.enabled': 'on',
  'kubernetes.kubeconfig': '/sample',
  'kubernetes.apiServer': 'sample:6443',
  'kubernetes.nodeName': 'sample.example',
  'gossip.port': '1777',
  'gossip.seeds': 'sample:1777',
  'gossip.preset': 'wan',
  'gossip.authentication': 'off',
  'gossip.keyFile': '/sample',
  stateDir: '/sample',
  standby: 'on',
  readyFile: '/sample',
  'pods.netnsPrefix': 'sample-',
  'pods.freeAfterMinutes': '17',
  'names.enabled': 'off',
  'names.domain': 'sample.test',
  'names.ttlSeconds': '17',
  'names.resolvers': '192.0.2.53,192.0.2.54:5353',
  'services.enabled': 'off',
  'services.prefixes': '10.97.0.0/24',
  'services.pools': '192.0.2.10-192.0.2.20',
  'control.socket': '/sample',
  'control.readOnlySocket': '/sample',
  'capture.remote': 'on',
  'capture.remoteRate': '17',
  'capture.remoteSize': '17',
  'recorder.size': '0',
  'metrics.address': '127.0.0.1:1777',
  'metrics.hostNames': 'node1.example.com',
  logLevel: 'warn',
  'log.format': 'text',
};

/** What the others need beside them. */
const bases: Partial<Readonly<Record<ConfigPath, string>>> = {
  'ipam.mode': BASE.replace(/^nodePrefixes.*\n/m, ''),
  'kubernetes.kubeconfig': `${BASE}kubernetes: {enabled: on}\n`,
  'kubernetes.apiServer': `${BASE}kubernetes: {enabled: on}\n`,
  'kubernetes.nodeName': `${BASE}kubernetes: {enabled: on}\n`,
};

/** Each is read from a file of its own. */
function withoutFile(config: Config): Config {
  return { ...config, file: undefined };
}

for (const path of inlinePaths as (keyof typeof samples)[]) {
  const sample = samples[path];
  test(`${path} may be given as --${flagOf(path)} and ${variableOf(path)}`, (t) => {
    const base = bases[path] ?? BASE;
    const byFlag = load(base, { flags: { [path]: sample } });
    const byVariable = load(base, { env: { [variableOf(path)]: sample } });
    t.deepEqual(withoutFile(byFlag), withoutFile(byVariable));
    t.notDeepEqual(withoutFile(byFlag), withoutFile(load(BASE)));
  });
}

test('every scalar key has a flag and a variable of the expected names', (t) => {
  const scalars = Object.entries(configKeys).filter(([, { kind }]) => kind === 'scalar');
  t.true(scalars.every(([path]) => (inlinePaths as string[]).includes(path)));
  t.is(flagOf('control.readOnlySocket'), 'control-read-only-socket');
  t.is(variableOf('control.readOnlySocket'), 'WEFT_CONTROL_READ_ONLY_SOCKET');
});
