/**
 * Nothing behind a node passes for the node: not a pod, not a container that it masquerades, not one that forges an address. And
 * what may enter the overlay under the node's address does.
 */
import { fileURLToPath } from 'node:url';
import anyTest from 'ava';
import type { RuleCounter } from '../../src/daemon/rules/node-rules.ts';
import { attachContainer, CONTAINER, detachContainer } from '../support/container-network.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** One at a time: what is counted is what one of them sent. */
const test = anyTest.serial;

const injector = fileURLToPath(new URL('../support/vxlan-injector.ts', import.meta.url));

const icmpSender = fileURLToPath(new URL('../support/icmp-sender.ts', import.meta.url));

/** Of each attack. */
const PACKETS = 5;
/** More than fits into one packet. */
const FRAGMENTED_BYTES = 3_000;

const PODS = { n1: '10.244.1.2', n2: '10.244.2.2' } as const;
const UNDERLAY = { n1: '198.18.0.1', n2: '198.18.0.2', n3: '198.18.0.3' } as const;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '3', '--pods', '1');
  await attachContainer(lab, 'n1');
});

test.after.always(async () => {
  if (lab === undefined) return;
  await detachContainer(lab);
  await lab.down();
});

type Target = keyof typeof PODS;

interface Attack {
  /** Inner source. */
  readonly source?: string;
  readonly bytes?: number;
  /** Underlay address to send from. */
  readonly from?: string;
}

/**
 * Sends VXLAN to the data port of `target` from `place`; how many of its packets got into the pod there.
 *
 * @param arriving how many are waited for.
 */
async function inject(
  place: string,
  target: Target,
  { source = '10.244.1.200', bytes = 8, from }: Attack = {},
  arriving = 0,
): Promise<number> {
  const { mac } = (await lab.control(target).status()).tun;
  const before = await refusedByPod(target);
  const args = [
    `${UNDERLAY[target]}:4789`,
    mac,
    source,
    PODS[target],
    `${PACKETS}`,
    `${bytes}`,
    ...(from === undefined ? [] : [from]),
  ];
  await lab.exec(place, process.execPath, injector, ...args);
  // What is sent last arrives last.
  const other = target === 'n1' ? 'n2-p1' : 'n1-p1';
  await lab.probe(other, 'error', PODS[target], '9999');
  const arrived = async (): Promise<number> => (await refusedByPod(target)) - before - 1;
  await until(`${arriving} packets arrive`, async () => (await arrived()) >= arriving);
  return await arrived();
}

/** One datagram, of whatever. */
async function send(place: string, address: string, port: number): Promise<void> {
  await lab.exec(place, 'bash', '-c', `echo >/dev/udp/${address}/${port}`);
}

/** Datagrams to a port where nobody listens. */
async function refusedByPod(node: Target): Promise<number> {
  return Number(/UdpNoPorts\s+(\d+)/.exec(await lab.exec(`${node}-p1`, 'nstat', '-asz', 'UdpNoPorts'))![1]);
}

async function counted(node: string, counter: RuleCounter): Promise<number> {
  return Number(/packets (\d+)/.exec(await lab.exec(node, 'nft', 'list', 'counter', 'inet', 'weft', counter))![1]);
}

/** By how much a counter of n1 rises: it is waited for until it has by `atLeast`. */
async function rise(counter: RuleCounter, atLeast: number, action: () => Promise<unknown>): Promise<number> {
  const before = await counted('n1', counter);
  await action();
  const risen = async (): Promise<number> => (await counted('n1', counter)) - before;
  await until(`${counter} counts ${atLeast} more`, async () => (await risen()) >= atLeast);
  return await risen();
}

test('what a process of the node itself sends is taken for the word of the node', async (t) => {
  t.is(await inject('n1', 'n2', {}, PACKETS), PACKETS);
  t.is(await inject('n1', 'n2', { bytes: FRAGMENTED_BYTES }, PACKETS), PACKETS);
});

for (const [who, place] of [
  ['a pod', 'n1-p1'],
  ['a container that the node masquerades', CONTAINER],
] as const) {
  test(`VXLAN of ${who} to another node is refused, in fragments as well, and counted`, async (t) => {
    const refused = await rise('not-from-a-node', 2 * PACKETS, async () => {
      t.is(await inject(place, 'n2'), 0);
      t.is(await inject(place, 'n2', { bytes: FRAGMENTED_BYTES }), 0);
    });
    t.is(refused, 2 * PACKETS);
  });
}

test('the status counts what was refused, and an event names who sent it', async (t) => {
  const total = await counted('n1', 'not-from-a-node');
  await until('the status has the whole count', async () => {
    const { kernel } = await lab.control('n1').status();
    return kernel.refused['not-from-a-node'] === total;
  });
  t.pass();
  await until('an event names the pod', async () =>
    (await lab.control('n1').events({ kind: 'traffic-refused' })).some(
      ({ message }) => message.startsWith(`pod p1 (${PODS.n1}) sends to `) && message.includes('(not-from-a-node)'),
    ),
  );
});

test("a container's VXLAN under the address of another node is refused, to this node and to others", async (t) => {
  await lab.exec(CONTAINER, 'ip', 'address', 'add', `${UNDERLAY.n3}/32`, 'dev', 'lo');
  const forged = { source: '10.244.3.200', from: UNDERLAY.n3 };
  const refused = await rise('not-from-a-node', 2 * PACKETS, async () => {
    t.is(await inject(CONTAINER, 'n2', forged), 0);
    t.is(await inject(CONTAINER, 'n1', forged), 0);
  });
  t.is(refused, 2 * PACKETS);
});

test('the ports of gossip are closed to pods, and to containers where they are those of other nodes', async (t) => {
  t.true(await connects('n1', UNDERLAY.n2, 10));
  const refused = await rise('not-from-a-node', 3, async () => {
    t.false(await connects('n1-p1', UNDERLAY.n2));
    t.false(await connects('n1-p1', UNDERLAY.n1));
    t.false(await connects(CONTAINER, UNDERLAY.n2));
  });
  t.true(refused >= 3, `${refused}`);
  const datagrams = await rise('not-from-a-node', 2, async () => {
    for (const address of [UNDERLAY.n1, UNDERLAY.n2]) await send('n1-p1', address, 7_948);
  });
  t.is(datagrams, 2);
});

test('pods may send VXLAN to each other, on any port', async (t) => {
  await lab.serveEcho('n2-p1', 4_789);
  t.is(await lab.probe('n1-p1', 'exchange', PODS.n2, '4789', '3', '100'), '3\n');
});

test('nothing is masqueraded on its way to a VXLAN port outside of the cluster', async (t) => {
  const arrived = async (): Promise<number> =>
    Number(/UdpNoPorts\s+(\d+)/.exec(await lab.exec('world', 'nstat', '-asz', 'UdpNoPorts'))![1]);
  const before = await arrived();
  const refused = await rise('masqueraded-vxlan', 4, async () => {
    for (const place of ['n1-p1', CONTAINER]) {
      for (const port of [4_789, 8_472]) await send(place, '198.19.255.1', port);
    }
  });
  t.is(refused, 4);
  t.is(await arrived(), before);
  t.is(await lab.probe('n1-p1', 'error', '198.19.255.1', '4790'), 'ECONNREFUSED\n');
  t.is(await arrived(), before + 1);
});

test('a pod reaches no loopback address of its node, even where the kernel would route there', async (t) => {
  await lab.exec('n1', 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet');
  await lab.serve('n1', 8_099, process.execPath, '-e', "require('node:net').createServer().listen(8099, '127.0.0.1')");
  const inPod = `echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
    ip route del local 127.0.0.1 table local && ip route del local 127.0.0.0/8 table local
    ip route add 127.0.0.1 via 169.254.1.1 dev eth0 src ${PODS.n1}
    timeout 3 bash -c '</dev/tcp/127.0.0.1/8099'`;
  const refused = await rise('pod-to-loopback', 1, async () => {
    t.not((await lab.tryExec('n1-p1', 'sh', '-c', inPod)).exitCode, 0);
  });
  t.true(refused > 0);
});

test('a pod that plays the router is not listened to', async (t) => {
  for (const message of [
    ['fd00:10:244:1::2', 'ff02::1', '134', '0'],
    [PODS.n1, UNDERLAY.n1, '5', '1'],
    [PODS.n1, UNDERLAY.n1, '3', '4'],
    [PODS.n1, UNDERLAY.n2, '3', '4'],
  ]) {
    t.is(await rise('pod-as-router', 1, async () => sendIcmp(...message)), 1, message.join(' '));
  }
});

test('what comes from an address that is not of the overlay enters it under the address of its node', async (t) => {
  const connections = await rise('into-overlay', 3, async () => {
    for (const [from, to] of [
      [UNDERLAY.n1, PODS.n2],
      ['fd00:198:18::1', 'fd00:10:244:2::2'],
    ] as const) {
      t.is((await lab.tryExec('n1', 'ping', '-nqc1', '-w5', '-I', from, to)).exitCode, 0, from);
    }
    t.true(await lab.reaches(CONTAINER, PODS.n2));
    await lab.exec('world', 'ip', 'route', 'add', '10.244.2.0/24', 'via', UNDERLAY.n1);
    t.true(await lab.reaches('world', PODS.n2));
  });
  const explained = (await lab.tryAsk('n1', 'explain', UNDERLAY.n1, 'n2/p1')).succeeded();
  t.regex(explained, /^DELIVERED/m);
  t.regex(explained, /so the packet gets 10\.244\.1\.1: rule into-overlay of chain leaving/);
  // Of a container, its own network has already said under which address it leaves.
  t.true(connections >= 3, `${connections}`);
  t.is(await sourceNotLocal(), 0);
});

test('data of nodes is not tracked as connections, gossip is', async (t) => {
  t.true(await lab.reaches('n1-p1', PODS.n2));
  const tracked = await lab.exec('n1', 'cat', '/proc/net/nf_conntrack');
  const between = tracked.split('\n').filter((line) => line.includes('src=198.18.0.1 dst=198.18.0.2'));
  t.deepEqual(
    between.filter((line) => line.includes('dport=4789')),
    [],
  );
  t.true(
    between.some((line) => line.includes('dport=7948')),
    between.join('\n'),
  );
});

test('the sets follow a node that gets another address, and an audit finds nothing wrong with that', async (t) => {
  await lab.lab('address', 'n3', '198.18.0.33');
  await until('n1 protects the new address of n3', async () =>
    (await lab.exec('n1', 'nft', 'list', 'set', 'inet', 'weft', 'data4')).includes('198.18.0.33 . 4789'),
  );
  const refused = await rise('not-from-a-node', 1, async () => send('n1-p1', '198.18.0.33', 4_789));
  t.is(refused, 1);
  await until('n3 protects its own new address', async () =>
    (await lab.exec('n3', 'nft', 'list', 'set', 'inet', 'weft', 'own4')).includes('198.18.0.33'),
  );
  for (const node of ['n1', 'n3']) t.deepEqual((await lab.control(node).audit()).differences, []);
});

test('an element that somebody takes away comes back', async (t) => {
  await lab.exec('n1', 'nft', 'delete', 'element', 'inet', 'weft', 'data4', `{ ${UNDERLAY.n2} . 4789 }`);
  await lab.control('n1').audit();
  t.is(await inject('n1-p1', 'n2'), 0);
});

test('rules that somebody flushes come back, and counters go on', async (t) => {
  const before = await counted('n1', 'not-from-a-node');
  t.true(before > 0);
  await lab.exec('n1', 'nft', 'flush', 'table', 'inet', 'weft');
  await lab.control('n1').audit();
  t.is(await counted('n1', 'not-from-a-node'), before);
  t.is(await rise('not-from-a-node', 1, async () => send('n1-p1', UNDERLAY.n2, 4_789)), 1);
  t.deepEqual((await lab.control('n1').audit()).differences, []);
});

test('nothing is let through while no daemon runs, nor when the next one starts', async (t) => {
  const before = await counted('n1', 'not-from-a-node');
  await lab.lab('kill', 'n1');
  const refused = await rise('not-from-a-node', 1, async () => send('n1-p1', UNDERLAY.n2, 4_789));
  t.is(refused, 1);
  // It knows nobody yet but itself, and is given no seed.
  lab.daemon(
    'n1',
    '--gossip-seeds',
    UNDERLAY.n1,
    '--metrics-address',
    '0.0.0.0:9748',
    '--masquerade-into-overlay',
    'off',
    '--masquerade-vxlan',
    'on',
  );
  await lab.answers('n1');
  t.is(await rise('not-from-a-node', 1, async () => send('n1-p1', UNDERLAY.n2, 4_789)), 1);
  // The rules are others by its configuration, and the counts of the one before go on.
  t.is(await counted('n1', 'not-from-a-node'), before + 2);
  await until('its status has the whole count', async () => {
    const { kernel } = await lab.control('n1').status();
    return kernel.refused['not-from-a-node'] === before + 2;
  });
});

test('pods do not reach metrics that are served at every address, over the overlay address', async (t) => {
  await until('n1 serves metrics', async () => hasMetrics('n1', '10.244.1.1'));
  t.false(await hasMetrics('n1-p1', '10.244.1.1'));
  t.false(await hasMetrics('n1-p1', '[fd00:10:244:1::1]'));
  t.false(await hasMetrics('n2-p1', '10.244.1.1'));
  await until('it is counted', async () => (await counted('n1', 'pod-to-metrics')) > 0);
});

test('both kinds of masquerading can be switched', async (t) => {
  await until('n1 knows n2 again', async () => lab.reaches('n1-p1', PODS.n2));
  const { exitCode } = await lab.tryExec('n1', 'ping', '-nqc1', '-W1', '-I', UNDERLAY.n1, PODS.n2);
  t.not(exitCode, 0);
  await until('it is counted', async () => (await sourceNotLocal()) > 0);
  t.is(await lab.probe('n1-p1', 'error', '198.19.255.1', '4789'), 'ECONNREFUSED\n');
  // The ports of nodes stay closed.
  t.is(await inject('n1-p1', 'n2'), 0);
});

/** Whether the port of gossip is open; a closed one does not answer. */
async function connects(place: string, address: string, seconds = 3): Promise<boolean> {
  const connect = ['timeout', `${seconds}`, 'bash', '-c', `</dev/tcp/${address}/7948`];
  return (await lab.tryExec(place, ...connect)).exitCode === 0;
}

/** Whether metrics are served. */
async function hasMetrics(place: string, host: string): Promise<boolean> {
  return (await lab.tryExec(place, 'curl', '-sfm1', '-o', '/dev/null', `http://${host}:9748/metrics`)).exitCode === 0;
}

/** One ICMP message of a pod of n1. */
async function sendIcmp(...args: string[]): Promise<string> {
  return lab.exec('n1-p1', process.execPath, icmpSender, ...args);
}

test('over IPv6 it is the same: the word of a node is its own, and not that of its pods', async (t) => {
  const other = await TestLab.up('--nodes', '2', '--pods', '1', '--ipv6-underlay');
  t.teardown(async () => other.down());
  const { mac } = (await other.control('n2').status()).tun;
  const arrived = async (): Promise<number> =>
    Number(/UdpNoPorts\s+(\d+)/.exec(await other.exec('n2-p1', 'nstat', '-asz', 'UdpNoPorts'))![1]);
  const attack = async (place: string, bytes: number): Promise<unknown> =>
    other.exec(
      place,
      process.execPath,
      injector,
      '[fd00:198:18::2]:4789',
      mac,
      '10.244.1.200',
      PODS.n2,
      `${PACKETS}`,
      `${bytes}`,
    );
  await attack('n1-p1', 8);
  await attack('n1-p1', FRAGMENTED_BYTES);
  await attack('n1', 8);
  await until("the node's own arrive", async () => (await arrived()) >= PACKETS);
  t.is(await arrived(), PACKETS);
  await until('all that is refused is counted', async () => {
    const { kernel } = await other.control('n1').status();
    return kernel.refused['not-from-a-node'] === 2 * PACKETS;
  });
});

async function sourceNotLocal(): Promise<number> {
  const { workers } = await lab.control('n1').status();
  return workers.reduce((sum, { egress }) => sum + (egress.dropped['source-not-local'] ?? 0), 0);
}
