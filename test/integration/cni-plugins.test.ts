/** The verbs of CNI 1.1 through the reference implementation of a runtime (cnitool), in chains with the reference plugins. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import { listLinks } from '../../src/linux/link.ts';
import { CniRuntime, type AddResult } from '../support/cni-runtime.ts';
import { goProgram, hasGo } from '../support/go-programs.ts';
import type { ProgramResult } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

// All programs but ours are built from their modules: this needs Go.
const testWithGo = hasGo() ? test.serial : test.serial.skip;

const CNITOOL = 'github.com/containernetworking/cni/cnitool@v1.3.0';

const PLUGINS = 'github.com/containernetworking/plugins/plugins';

const plugins = ['meta/portmap', 'meta/bandwidth', 'meta/tuning', 'ipam/host-local', 'main/ptp'].map(
  (path) => `${PLUGINS}/${path}@v1.9.1`,
);

/** Where libcni remembers what it attached; cnitool knows no other place. */
const RESULTS = '/var/lib/cni/results';

const HOST_PORT = 18_081;

type Variables = Readonly<Record<string, string>>;

let lab: TestLab;
let runtime: CniRuntime;
let cnitool: string;
let networks: string;

test.before(async () => {
  if (!hasGo()) return;
  cnitool = await goProgram(CNITOOL);
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
  runtime = new CniRuntime(lab, 'n1');
  for (const plugin of plugins) {
    const file = await goProgram(plugin);
    symlinkSync(file, join(runtime.binDirectory, basename(file)));
  }
  networks = join(runtime.binDirectory, 'net.d');
  mkdirSync(networks);
});

test.after.always(async () => {
  await runtime?.remove();
  if (lab !== undefined) for (const file of cached()) rmSync(file);
  await lab?.down();
});

/** The names of networks are the lab's, so that two runs may go at once. */
function network(name: string): string {
  return `${lab.name}-${name}`;
}

/** Writes a network: our plugin with these keys, and others behind it. */
function define(name: string, own: object, ...chain: readonly object[]): void {
  const entry = { ...runtime.conf(), capabilities: { ips: true, dns: true }, ...own };
  const document = { cniVersion: '1.1.0', name: network(name), plugins: [entry, ...chain] };
  writeFileSync(join(networks, `${name}.conflist`), JSON.stringify(document));
}

/** Runs cnitool in the node, whatever its exit code. */
async function attempt(verb: string, name: string, container: string, env: Variables = {}): Promise<ProgramResult> {
  const variables: Variables = { CNI_PATH: runtime.binDirectory, NETCONFPATH: networks, ...env };
  const given = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
  return await lab.tryExec('n1', 'env', ...given, cnitool, verb, network(name), netns(container));
}

/** As {@link attempt}, and it has to succeed. */
async function run(verb: string, name: string, container: string, env: Variables = {}): Promise<string> {
  return (await attempt(verb, name, container, env)).succeeded();
}

async function add(name: string, container: string, env: Variables = {}): Promise<AddResult> {
  return JSON.parse(await run('add', name, container, env)) as AddResult;
}

function netns(container: string): string {
  return `/run/netns/${runtime.netns(container)}`;
}

/** Files in which libcni remembers what this test attached. */
function cached(): string[] {
  if (!existsSync(RESULTS)) return [];
  const ours = readdirSync(RESULTS).filter((name) => name.startsWith(`${lab.name}-`));
  return ours.map((name) => join(RESULTS, name));
}

/** What there is in the node of devices, leases and published ports. */
async function held(): Promise<object> {
  const links = (await listLinks(`/run/netns/${lab.name}-n1`)).map(({ ifname }) => ifname).toSorted();
  const { families } = await lab.control('n1').ipamStatus();
  const isPublished = (await lab.exec('n1', 'nft', 'list', 'ruleset')).includes(String(HOST_PORT));
  return { links, used: families.map(({ used }) => used), isPublished };
}

const addressOf = ({ ips }: AddResult): string => ips[0]!.address.split('/')[0]!;

testWithGo('in a chain with tuning, bandwidth and portmap each plugin does its part, and undoes it', async (t) => {
  define(
    'chain',
    {},
    { type: 'tuning', sysctl: { 'net.core.somaxconn': '777' }, dataDir: join(runtime.binDirectory, 'tuning-data') },
    { type: 'bandwidth', capabilities: { bandwidth: true } },
    { type: 'portmap', backend: 'nftables', capabilities: { portMappings: true } },
  );
  const before = await held();
  await runtime.make('web');
  t.is(await run('status', 'chain', 'web'), '');
  const env = {
    CAP_ARGS: JSON.stringify({
      portMappings: [{ hostPort: HOST_PORT, containerPort: 80, protocol: 'tcp' }],
      bandwidth: { ingressRate: 8_000_000, ingressBurst: 800_000 },
    }),
    CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=web;K8S_POD_NAMESPACE=shop',
  };
  const result = await add('chain', 'web', env);
  t.is(result.cniVersion, '1.1.0');
  const [host, inside] = result.interfaces;
  t.like(inside, { name: 'eth0', sandbox: netns('web') });
  t.true((await lab.control('n1').pods()).some(({ name, namespace }) => `${namespace}/${name}` === 'shop/web'));
  t.is((await runtime.exec('web', 'sysctl', '-n', 'net.core.somaxconn')).succeeded().trim(), '777');
  t.regex(await lab.exec('n1', 'tc', 'qdisc', 'show', 'dev', host!.name), /qdisc tbf .* rate 8Mbit/);
  await lab.serve(
    'web',
    80,
    process.execPath,
    '-e',
    'require("http").createServer((_, to) => to.end("web")).listen(80)',
  );
  const [node] = (await lab.status()).nodes;
  const published = `http://${String(node?.endpoint).split(':')[0]!}:${HOST_PORT}/`;
  t.is(await lab.exec('n2', 'curl', '-s', '-m', '30', published), 'web');
  t.is(await lab.exec('n2-p1', 'curl', '-s', '-m', '30', `http://${addressOf(result)}/`), 'web');
  t.is(await run('check', 'chain', 'web', env), '');

  for (let round = 0; round < 2; round++) t.is(await run('del', 'chain', 'web', env), '');
  t.not((await lab.tryExec('n2', 'curl', '-s', '-m', '2', published)).exitCode, 0);
  t.deepEqual(await held(), before);
  await runtime.end('web');
});

testWithGo('CHECK fails when an address, a route or the MTU was changed by hand, and says which', async (t) => {
  define('plain', {});
  const before = await held();
  await runtime.make('ck');
  const own = addressOf(await add('plain', 'ck'));
  t.is(await run('check', 'plain', 'ck'), '');
  const changes: [argv: string, difference: string][] = [
    ['ip link set dev eth0 mtu 1400', 'the MTU of eth0 is 1400, and not 1450'],
    ['ip route delete default', 'no default route'],
    [`ip address delete ${own}/32 dev eth0`, `no address ${own}/32`],
  ];
  let said = '';
  for (const [argv, difference] of changes) {
    t.false(said.includes(difference), said);
    (await runtime.exec('ck', ...argv.split(' '))).succeeded();
    const { exitCode, stderr } = await attempt('check', 'plain', 'ck');
    t.is(exitCode, 1);
    said = stderr;
    t.true(said.includes(difference), said);
  }
  await run('del', 'plain', 'ck');
  t.deepEqual(await held(), before);
  await runtime.end('ck');
});

testWithGo('host-local gives the address, and has it back', async (t) => {
  const dataDir = join(runtime.binDirectory, 'host-local-data');
  const ranges = [[{ subnet: '10.244.1.0/24', rangeStart: '10.244.1.200' }]];
  define('local', { ipam: { type: 'host-local', dataDir, ranges } });
  const leases = (): string[] => readdirSync(join(dataDir, network('local'))).filter((name) => name.startsWith('10.'));
  const before = await held();
  await runtime.make('hl');
  t.is(await run('status', 'local', 'hl'), '');
  const result = await add('local', 'hl');
  t.deepEqual([addressOf(result), ...leases()], ['10.244.1.200', '10.244.1.200']);
  await runtime.untilReaches('hl', '10.244.2.2');
  t.is(await run('check', 'local', 'hl'), '');
  await run('del', 'local', 'hl');
  t.deepEqual(leases(), []);
  t.deepEqual(await held(), before);
  await runtime.end('hl');
});

testWithGo(
  'behind the plugins of another network, weft gives an interface beside it, and leaves its result alone',
  async (t) => {
    const ipam = {
      type: 'host-local',
      dataDir: join(runtime.binDirectory, 'ptp-data'),
      ranges: [[{ subnet: '192.0.2.0/24' }]],
      routes: [{ dst: '0.0.0.0/0' }],
    };
    const ptp = { type: 'ptp', ipam };
    const list = (name: string, ...own: readonly object[]): void => {
      const document = { cniVersion: '1.1.0', name: network(name), plugins: [ptp, ...own] };
      writeFileSync(join(networks, `${name}.conflist`), JSON.stringify(document));
    };
    list('alone');
    list('beside', { ...runtime.conf({ alongside: 'weft0' }) });
    const before = await held();
    await runtime.make('alone', 'beside');
    const alone = await add('alone', 'alone');
    // Both networks begin with the same address.
    await run('del', 'alone', 'alone');
    const beside = await add('beside', 'beside');
    t.is(beside.interfaces.length, alone.interfaces.length);
    t.deepEqual(beside.routes, alone.routes);
    t.regex(addressOf(beside), /^192\.0\.2\./);

    // Inside: the default route is that of the other network, and weft's interface leads to the overlay alone.
    const own = (await lab.control('n1').pods()).find(({ device }) => device === 'weft0');
    t.is(own?.addresses.length, 2);
    const routes = (await runtime.exec('beside', 'ip', '-4', 'route', 'show', 'table', 'all')).succeeded().split('\n');
    const byWeft = routes.filter((line) => line.includes('dev weft0') && !line.includes('table local'));
    t.deepEqual(
      byWeft.map((line) => line.split(' ')[0]),
      ['10.244.0.0/16'],
    );
    t.true(routes.some((line) => line.startsWith('default via 192.0.2.') && line.includes('dev eth0')));
    for (const [at, address] of ['10.244.2.2', 'fd00:10:244:2::2'].entries()) {
      await runtime.untilReaches('beside', address);
      await until(`n2-p1 reaches ${own!.addresses[at]}`, async () => lab.reaches('n2-p1', own!.addresses[at]!));
    }
    await runtime.untilReaches('beside', '192.0.2.1');

    t.is(await run('check', 'beside', 'beside'), '');
    (await runtime.exec('beside', 'ip', 'route', 'delete', '10.244.0.0/16')).succeeded();
    const { exitCode, stderr } = await attempt('check', 'beside', 'beside');
    t.is(exitCode, 1);
    t.regex(stderr, /no route to the overlay/);
    // What it was given is on the disk, and comes back.
    await lab.lab('stop', 'n1');
    await lab.lab('start', 'n1');
    t.is(await run('check', 'beside', 'beside'), '');
    await runtime.untilReaches('beside', '10.244.2.2');

    // Of the interface that the runtime knows, not of weft's.
    const [{ containerId } = { containerId: '' }] = await lab.control('n1').attachments();
    const valid = [{ containerID: containerId, ifname: 'eth0' }];
    const conf = { name: network('beside'), alongside: 'weft0' };
    await runtime.run('GC', { container: '', conf: { ...conf, 'cni.dev/valid-attachments': valid } });
    t.is((await lab.control('n1').attachments()).length, 1);
    for (let round = 0; round < 2; round++) t.is(await run('del', 'beside', 'beside'), '');
    t.is((await lab.control('n1').attachments()).length, 0);
    t.deepEqual(await held(), before);
    for (const container of ['alone', 'beside']) await runtime.end(container);
  },
);

testWithGo('GC frees exactly what leaked, and never a pod that was made by hand', async (t) => {
  const before = await held();
  define('gc', {});
  define('other', {});
  await runtime.make('kept', 'lost', 'else');
  await add('gc', 'kept');
  const [kept] = await lab.control('n1').attachments();
  await add('gc', 'lost');
  await add('other', 'else');
  // The runtime forgot it, and its DEL never comes. cnitool would delete whatever it remembers, and so forgets the other as well.
  const remembered = cached().map((file) => [file, readFileSync(file)] as const);
  for (const [file] of remembered) rmSync(file);
  await runtime.end('lost');

  const unsaid = await attempt('gc', 'gc', 'kept');
  t.is(unsaid.exitCode, 1);
  t.regex(unsaid.stderr, /cni\.dev\/valid-attachments: is missing/);
  t.is((await lab.control('n1').attachments()).length, 3);

  // What cnitool does not say, the network does.
  define('gc', { 'cni.dev/valid-attachments': [{ containerID: kept!.containerId, ifname: 'eth0' }] });
  t.is(await run('gc', 'gc', 'kept'), '');
  const left = (await lab.control('n1').attachments()).map(({ cniNetwork, containerId }) => [cniNetwork, containerId]);
  t.is(left.length, 2);
  t.true(left.some(([name, id]) => name === network('gc') && id === kept!.containerId));
  t.true(left.some(([name]) => name === network('other')));
  await runtime.untilReaches('kept', '10.244.1.2');

  for (const [file, content] of remembered) writeFileSync(file, content);
  define('gc', {});
  await run('check', 'gc', 'kept');
  await run('del', 'gc', 'kept');
  await run('del', 'other', 'else');
  await until('the pods reach each other', async () => lab.reaches('n1-p1', '10.244.2.2'));
  t.deepEqual(await held(), before);
  for (const container of ['kept', 'else']) await runtime.end(container);
});

testWithGo('STATUS of a node without a daemon says so', async (t) => {
  define('nowhere', { socket: '/nowhere/weft.sock' });
  const { exitCode, stderr } = await attempt('status', 'nowhere', 'none');
  t.is(exitCode, 1);
  t.regex(stderr, /no daemon at \/nowhere\/weft\.sock/);
});
