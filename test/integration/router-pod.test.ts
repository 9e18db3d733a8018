/** A pod that is the router of a prefix: a network behind it talks to pods of the other node, as long as the pod is there. */
import { fileURLToPath } from 'node:url';
import anyTest from 'ava';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import type { Trace } from '../../src/api/trace-api.ts';
import type { Explanation } from '../../src/explain/explanation.ts';
import { ipBatch } from '../../src/linux/iproute.ts';
import { runCommand } from '../../src/linux/command.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const test = anyTest.serial;

const streamProbe = fileURLToPath(new URL('../support/stream-probe.ts', import.meta.url));

const PREFIXES = ['10.244.200.0/24', 'fd00:10:244:200::/64'] as const;
const HOST = ['10.244.200.9', 'fd00:10:244:200::9'] as const;
/** Another address of the host behind the router, which is in none of its prefixes. */
const STRANGER = ['10.244.99.9', 'fd00:10:244:99::9'] as const;
const FAR = ['10.244.2.2', 'fd00:10:244:2::2'] as const;
const WORLD = '198.18.255.254';

let lab: TestLab;
const namespaces: string[] = [];

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
  for (const place of ['gw', 'host']) {
    await runCommand(['ip', 'netns', 'add', `${lab.name}-${place}`], { purpose: 'make a namespace for a test' });
    namespaces.push(`${lab.name}-${place}`);
  }
  await furnish('gw', [
    'link set lo up',
    `link add eth1 type veth peer name eth0 netns ${lab.name}-host`,
    'link set eth1 up',
    'address add 10.244.200.1/24 dev eth1',
    'address add fd00:10:244:200::1/64 dev eth1 nodad',
    'route add 10.244.99.9 dev eth1',
    'route add fd00:10:244:99::9 dev eth1',
  ]);
  for (const name of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'])
    await lab.exec('gw', 'sysctl', '-qw', `${name}=1`);
  await furnish('host', [
    'link set lo up',
    'link set eth0 mtu 1450 up',
    'address add 10.244.200.9/24 dev eth0',
    'address add fd00:10:244:200::9/64 dev eth0 nodad',
    'address add 10.244.99.9/32 dev eth0',
    'address add fd00:10:244:99::9/128 dev eth0 nodad',
    'route add default via 10.244.200.1 src 10.244.200.9',
    'route add default via fd00:10:244:200::1 src fd00:10:244:200::9',
  ]);
});

test.after.always(async () => {
  await lab?.down();
  for (const name of namespaces) await runCommand(['ip', 'netns', 'delete', name], { purpose: 'clean up' });
});

async function furnish(place: string, lines: readonly string[]): Promise<void> {
  await ipBatch(lines, { purpose: 'make a network behind a router', netns: `/run/netns/${lab.name}-${place}` });
}

const sources = PREFIXES.flatMap((prefix) => ['--allow-source', prefix]);

async function refused(): Promise<number> {
  const { kernel } = await lab.control('n1').drops();
  return kernel.find(({ pod, reason }) => pod === 'gw' && reason === 'pod-spoofed-source')?.packets ?? 0;
}

/** Prefixes behind the router that a node has routes to. */
async function routed(node: string): Promise<string[]> {
  const routes = await lab.control(node).routes();
  return routes
    .filter(({ prefix, node: owner }) => PREFIXES.some((one) => one === prefix) && owner === 'n1')
    .map(({ prefix }) => prefix);
}

/** What the kernel of n1 has of the router, in words. */
async function inKernel(): Promise<string> {
  const commands = [
    'ip route show proto 87; ip -6 route show proto 87',
    'nft list set inet weft-pods behind4; nft list set inet weft-pods behind6',
    'nft list set inet weft prefix4; nft list set inet weft prefix6',
  ];
  return await lab.exec('n1', 'sh', '-c', commands.join('; '));
}

async function isReached(): Promise<void> {
  for (const far of FAR) await until(`${far} is reached`, async () => lab.reaches('host', far));
}

async function explain(...args: readonly string[]): Promise<Explanation> {
  return JSON.parse((await lab.tryAsk('n1', 'explain', '--json', ...args)).stdout) as Explanation;
}

test('what overlaps, or no node would route, is refused, and nothing is made', async (t) => {
  for (const [prefix, words] of [
    ['192.168.7.0/24', /allowSources\[0\]: 192\.168\.7\.0\/24 does not lie within clusterPrefixes/],
    ['10.244.1.128/25', /overlaps 10\.244\.1\.0\/24, of this node/],
    ['10.244.2.0/25', /10\.244\.2\.0\/25 overlaps 10\.244\.2\.0\/24 of node n2: choose another prefix/],
    ['fd00:10:244:2::/80', /overlaps fd00:10:244:2::\/64 of node n2/],
    ['10.244.200.1/24', /has bits behind its length: did you mean 10\.244\.200\.0\/24/],
    ['0.0.0.0/0', /unspecified/],
  ] as const) {
    const { exitCode, stderr } = await lab.tryAsk(
      'n1',
      'pod',
      'add',
      'gw',
      '--netns',
      `${lab.name}-gw`,
      '--allow-source',
      prefix,
    );
    t.not(exitCode, 0, prefix);
    t.regex(stderr, words);
  }
  await lab.exec('n1', 'ip', 'route', 'add', '10.244.201.0/24', 'via', WORLD);
  const taken = await lab.tryAsk(
    'n1',
    'pod',
    'add',
    'gw',
    '--netns',
    `${lab.name}-gw`,
    '--allow-source',
    '10.244.201.128/25',
  );
  t.regex(taken.stderr, /overlaps the route of this machine to 10\.244\.201\.0\/24 dev/);
  await lab.exec('n1', 'ip', 'route', 'delete', '10.244.201.0/24');
  t.deepEqual(
    (await lab.control('n1').pods()).map(({ name }) => name),
    ['p1'],
  );
  t.notRegex(await inKernel(), /10\.244\.20[01]/);
});

test('hosts behind a router reach pods of the other node, are reached, and reach the world', async (t) => {
  const { stdout } = await lab.tryAsk('n1', 'pod', 'add', 'gw', '--netns', `${lab.name}-gw`, ...sources);
  t.regex(stdout, /router of 10\.244\.200\.0\/24, fd00:10:244:200::\/64/);
  await until('n2 routes both', async () => (await routed('n2')).length === 2);
  await isReached();
  for (const host of HOST) t.true(await lab.reaches('n2-p1', host), host);
  t.true(await lab.reaches('n1-p1', HOST[0]));
  t.true(await lab.reaches('host', WORLD), 'masqueraded from the first packet on');
  for (const [place, address] of [
    ['n2-p1', FAR[0]],
    ['n2-p1', FAR[1]],
    ['host', HOST[0]],
    ['host', HOST[1]],
  ] as const) {
    const server = await lab.serve(place, 9_100, process.execPath, streamProbe, 'receive', '9100');
    const client = place === 'host' ? 'n2-p1' : 'host';
    await lab.exec(client, process.execPath, streamProbe, 'send', address, '9100', '1');
    await until(`a stream to ${address} has ended`, async () => Promise.resolve(server.stdout !== ''));
    t.true((JSON.parse(server.stdout) as { bytes: number }).bytes > 100_000, address);
  }
  t.is(await refused(), 0);
  const [, gw] = await lab.control('n1').pods();
  t.deepEqual(gw?.allowSources, [...PREFIXES]);
  t.regex((await lab.tryAsk('n1', 'pod', 'list')).stdout, /ROUTER OF/);
  t.is((await lab.control('n1').audit()).differences.length, 0);
  await until('the doctor finds nothing', async () => (await lab.tryAsk('n1', 'doctor', '--all')).exitCode === 0);
});

test('what comes from elsewhere behind it is dropped, and counted', async (t) => {
  for (const [index, stranger] of STRANGER.entries())
    await lab.tryExec('host', 'ping', '-n', '-q', '-c', '2', '-W', '1', '-I', stranger, FAR[index]!);
  await until('it is counted', async () => (await refused()) >= 4);
  await until('it is known who was tried', async () => {
    const { kernel } = await lab.control('n1').drops();
    const { sources: tried = [] } = kernel.find(({ pod }) => pod === 'gw') ?? {};
    return STRANGER.every((stranger) => tried.includes(stranger));
  });
  t.pass();
});

test('neighbours behind it are none of the node, whatever they say', async (t) => {
  const before = await refused();
  await lab.exec('gw', 'ip', 'address', 'add', '10.244.200.77/32', 'dev', 'eth0');
  await lab.exec('gw', 'ip', 'address', 'add', 'fd00:10:244:200::77/128', 'dev', 'eth0', 'nodad');
  await lab.exec('gw', 'ip', 'neigh', 'flush', 'dev', 'eth0');
  await lab.tryExec('gw', 'ping', '-n', '-q', '-c', '1', '-W', '1', '-I', '10.244.200.77', FAR[0]);
  await lab.tryExec('gw', 'ping', '-n', '-q', '-c', '1', '-W', '1', '-I', 'fd00:10:244:200::77', FAR[1]);
  await until('it is counted', async () => (await refused()) > before);
  t.notRegex(await lab.exec('n1', 'ip', 'neigh', 'show'), /200(\.|::)77/);
  await lab.exec('gw', 'ip', 'address', 'delete', '10.244.200.77/32', 'dev', 'eth0');
  await lab.exec('gw', 'ip', 'address', 'delete', 'fd00:10:244:200::77/128', 'dev', 'eth0');
  await isReached();
});

test('an explanation ends at the router, and begins there', async (t) => {
  let there!: Explanation;
  // Both nodes are asked; on a busy machine one may be late.
  await until('it ends at the router', async () => {
    there = await explain('n2/p1', HOST[0]);
    return there.decision?.text.startsWith('pod gw gets it') === true;
  });
  // A ping is answered, as it happens; what is behind the router, nobody of weft can ask.
  t.is(there.fate, 'unknown', JSON.stringify(there));
  t.regex(there.decision?.text ?? '', /^pod gw gets it as the router of 10\.244\.200\.0\/24: whether it forwards it/);
  t.true(there.nodes.some(({ steps }) => steps.some(({ text }) => /behind pod gw/.test(text))));
  let back!: Explanation;
  await until('it begins at the router', async () => {
    back = await explain(HOST[0], 'n2/p1');
    return back.there?.fate === 'delivered';
  });
  t.like(back, { there: { fate: 'delivered' }, back: { fate: 'unknown' } }, JSON.stringify(back));
  t.not((await explain(STRANGER[0], 'n2/p1', '--node', 'n1')).fate, 'delivered');
});

test('a packet of a trace leaves by the router, for what lies behind it', async (t) => {
  let probe: Trace['probes'][number] | undefined;
  await until('it is answered', async () => {
    const { stdout } = await lab.tryAsk('n1', 'trace', HOST[0], 'n2/p1', '--json');
    [probe] = (JSON.parse(stdout) as Trace).probes;
    return probe?.fate === 'answered';
  });
  // It came to n1 by the device of the pod; what a node sends itself begins at its output.
  t.is(probe?.steps[0]?.hook, 'prerouting');
});

test('what somebody takes away of it is put back, and of rules it is said who did', async (t) => {
  await lab.exec('n1', 'ip', 'route', 'delete', '10.244.200.0/24', 'via', '10.244.1.3');
  await until('the route is back', async () => (await inKernel()).includes('10.244.200.0/24 via 10.244.1.3'));
  // What is missing while something else is put right is put right with it, and no event.
  await lab.control('n1').audit();
  await lab.exec('n1', 'nft', 'flush', 'set', 'inet', 'weft-pods', 'behind4');
  await until('the prefix is back', async () => / \. 10\.244\.200\.0\/24 \. /.test(await inKernel()));
  await isReached();
  let messages: string[] = [];
  await until('there is an event', async () => {
    const events = await lab.control('n1').events();
    messages = events.filter(({ kind }) => kind === 'audit-repaired').map(({ message }) => message);
    return messages.some((message) => message.includes('behind4'));
  });
  t.regex(
    messages.find((message) => message.includes('behind4'))!,
    /; it was changed last by process "nft" \(pid \d+\)$/,
  );
});

test('it stays over a restart and a kill, and while no daemon runs, nothing else is let through', async (t) => {
  await lab.lab('stop', 'n1');
  await lab.lab('start', 'n1');
  await lab.answers('n1');
  await isReached();
  await lab.lab('kill', 'n1');
  const near = '10.244.1.2';
  t.true(await lab.reaches('host', near), 'without a daemon');
  t.false(
    (await lab.tryExec('host', 'ping', '-n', '-q', '-c', '1', '-W', '1', '-I', STRANGER[0], near)).exitCode === 0,
  );
  const before = /packets (\d+)/.exec(await lab.exec('n1', 'nft', 'list', 'set', 'inet', 'weft-pods', 'refused'))?.[1];
  t.true(Number(before) > 0);
  await lab.lab('start', 'n1');
  await lab.answers('n1');
  await isReached();
  t.deepEqual((await lab.control('n1').pods()).at(-1)?.allowSources, [...PREFIXES]);
});

test('the same again changes nothing; another prefix needs another pod', async (t) => {
  const add = (...args: string[]) => lab.tryAsk('n1', 'pod', 'add', 'gw', '--netns', `${lab.name}-gw`, ...args);
  t.is((await add(...sources)).exitCode, 0);
  t.is((await add()).exitCode, 0);
  const other = await add('--allow-source', '10.244.202.0/24');
  t.regex(other.stderr, /pod gw exists with the allowed sources 10\.244\.200\.0\/24, fd00:10:244:200::\/64/);
  const second = await lab.tryAsk('n1', 'pod', 'add', 'gw2', '--new', '--allow-source', '10.244.200.0/25');
  t.regex(second.stderr, /10\.244\.200\.0\/25 overlaps 10\.244\.200\.0\/24 of pod gw: .* weft pod rm gw/);
  const elsewhere = await lab.tryAsk('n2', 'pod', 'add', 'gw2', '--new', '--allow-source', '10.244.200.0/25');
  t.regex(elsewhere.stderr, /10\.244\.200\.0\/25 overlaps 10\.244\.200\.0\/24 of node n1/);
});

test('with the pod goes all of it', async (t) => {
  await lab.control('n1').removePod('gw');
  await until('nobody routes it', async () => (await routed('n2')).length + (await routed('n1')).length === 0);
  await until('the sets follow', async () => !(await inKernel()).includes('200'));
  t.false(await lab.reaches('host', FAR[0], 1));
  t.is((await lab.control('n1').audit()).differences.length, 0);
});

test('of two nodes that have the same behind pods, one keeps it, and the doctor says so', async (t) => {
  const add = (node: string, name: string, prefix: string) =>
    lab.tryAsk(node, 'pod', 'add', name, '--netns', `${lab.name}-${name}`, '--allow-source', prefix);
  t.is((await add('n2', 'gw', '10.244.210.0/24')).exitCode, 0);
  await until('n1 knows', async () =>
    (await lab.control('n1').routes()).some(({ prefix }) => prefix === '10.244.210.0/24'),
  );
  await lab.lab('stop', 'n2');
  const refusal = await add('n1', 'host', '10.244.210.0/25');
  t.regex(refusal.stderr, /10\.244\.210\.0\/24 of node n2: .*weft peer forget n2/);
  await until('n2 can be forgotten', async () => (await lab.tryAsk('n1', 'peer', 'forget', 'n2')).exitCode === 0);
  await lab.exec('host', 'ip', 'link', 'delete', 'eth0');
  t.is((await add('n1', 'host', '10.244.210.0/25')).exitCode, 0);
  await lab.lab('start', 'n2');
  await lab.answers('n2');
  for (const node of ['n1', 'n2']) {
    await until(`the doctor of ${node} finds it`, async () => {
      const { nodes } = JSON.parse((await lab.tryAsk(node, 'doctor', '--json')).stdout) as DoctorReport;
      return nodes[0]?.findings.some(({ id }) => id === 'prefix-overlap') === true;
    });
    await until(`one has it, at ${node}`, async () => {
      const routes = await lab.control(node).routes();
      return routes.filter(({ prefix }) => prefix.startsWith('10.244.210.')).length === 1;
    });
  }
});
