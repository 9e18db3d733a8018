/** What is said of packets against what becomes of them, on a lab of three nodes with one pod each. */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Explanation } from '../../src/explain/explanation.ts';
import type { FlowReport } from '../../src/explain/flow-report.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** From a failure until gossip and probes know of it, on a busy machine. */
const DEADLINE_MS = 75_000;

const forgedSender = fileURLToPath(new URL('../support/forged-sender.ts', import.meta.url));

const addresses = { n1: '10.244.1.2', n2: '10.244.2.2', n3: '10.244.3.2' } as const;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--pods', '1');
});

test.after.always(async () => lab?.down());

/** What `weft explain ARGS` on n1 says, and its exit code. */
async function explain(...args: readonly string[]): Promise<Explanation & { readonly exitCode: number }> {
  const { stdout, stderr, exitCode } = await lab.tryAsk('n1', 'explain', '--json', ...args);
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as Explanation), exitCode };
}

/** Hooks that a packet passes, node by node: `n1 from-pod`, `n1 route`. */
function hooksOf({ nodes }: Explanation): string[] {
  return [...new Set(nodes.flatMap(({ node, steps }) => steps.map(({ hook }) => `${node} ${hook}`)))];
}

function textOf({ nodes }: Explanation): string {
  return nodes.flatMap(({ steps }) => steps.map(({ text }) => text)).join('\n');
}

/** What is said, once it is what is expected: another node that is asked may be busy, or gossip be on its way. */
async function untilTold(
  what: string,
  isExpected: (said: Explanation) => boolean,
  ...args: readonly string[]
): Promise<Awaited<ReturnType<typeof explain>>> {
  let last: Awaited<ReturnType<typeof explain>> | undefined;
  await until(
    `${args.join(' ')} is said to be ${what}`,
    async () => isExpected((last = await explain(...args))),
    DEADLINE_MS,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; the last that was said: ${JSON.stringify(last)}`, { cause: error });
  });
  return last!;
}

async function untilFate(fate: string, ...args: readonly string[]): ReturnType<typeof untilTold> {
  return await untilTold(fate, (said) => said.fate === fate, ...args);
}

async function flows(...args: readonly string[]): Promise<FlowReport[]> {
  const { stdout, stderr } = await lab.tryAsk('n1', 'flows', '--json', ...args);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as FlowReport[];
}

test.serial('a packet to a pod of another node is told hook by hook, by both nodes', async (t) => {
  const explanation = await untilTold(
    'delivered, of which all is known',
    ({ fate, remarks, back }) => fate === 'delivered' && remarks.length === 0 && back?.fate === 'delivered',
    'n1/p1',
    'n2/p1',
    '--proto',
    'tcp',
    '--dport',
    '80',
  );
  t.like(explanation, { exitCode: 0, fate: 'delivered', reason: '', remarks: [], around: null });
  t.deepEqual(explanation.packet.source, { address: addresses.n1, node: 'n1', pod: 'p1' });
  t.deepEqual(explanation.packet.destination, { address: addresses.n2, node: 'n2', pod: 'p1' });
  t.deepEqual(hooksOf(explanation), [
    'n1 from-pod',
    'n1 in-pod',
    'n1 kernel',
    'n1 route',
    'n1 encapsulate',
    'n1 to-underlay',
    'n2 kernel',
    'n2 from-underlay',
    'n2 decapsulate',
    'n2 to-pod',
    'n2 in-pod',
  ]);
  t.is(explanation.back?.fate, 'delivered');
  // Without those of kernels, which have no details but their place.
  const details = explanation.nodes[0]!.steps.filter(({ hook }) => hook !== 'in-pod' && hook !== 'kernel').map(
    (step) => step.details,
  );
  const [route] = (await lab.control('n1').routes()).filter(({ prefix }) => prefix === '10.244.2.0/24');
  t.like(details[1], { prefix: '10.244.2.0/24', node: 'n2', origin: route!.origin, version: route!.version });
  t.like(details[2], { node: 'n2', relay: '', pathMtuBytes: 1450 });
  t.like(details[3], { source: '198.18.0.1', endpoint: '198.18.0.2:4789', vni: 42 });
});

test.serial('it does not matter on which node of the cluster one asks', async (t) => {
  const there = await untilFate('delivered', 'n3/p1', 'n2/p1', '-6');
  t.is(there.fate, 'delivered');
  t.deepEqual(
    there.nodes.map(({ node }) => node),
    ['n3', 'n2'],
  );
  t.is(there.packet.source.address, 'fd00:10:244:3::2');
});

for (const [destination, fate, reason] of [
  ['n2', 'delivered', ''],
  ['n1', 'delivered', ''],
  ['10.244.2.77', 'unreachable', ''],
  ['10.244.1.77', 'unreachable', ''],
  ['10.244.9.9', 'dropped', 'no-route'],
  ['198.51.100.1', 'outside', ''],
  ['127.0.0.1', 'delivered', ''],
  ['224.0.0.1', 'blocked', ''],
  ['224.0.0.9', 'blocked', ''],
  ['255.255.255.255', 'blocked', ''],
  ['198.18.255.255', 'blocked', ''],
  ['169.254.1.1', 'delivered', ''],
] as const) {
  test.serial(`a packet to ${destination} is ${fate}, as it is told`, async (t) => {
    const explanation = await untilFate(fate, 'n1/p1', destination);
    t.like(explanation, { fate, reason });
    t.is(explanation.exitCode, fate === 'delivered' || fate === 'outside' ? 0 : 1);
    const { address } = explanation.packet.destination;
    if (fate === 'delivered') await until(`${address} is reached`, async () => lab.reaches('n1-p1', address));
    else if (fate !== 'outside') t.false(await lab.reaches('n1-p1', address));
  });
}

test.serial('a packet that is too large is dropped in words as in fact', async (t) => {
  await untilFate('delivered', 'n1/p1', 'n2/p1', '--size', '1450');
  const large = await untilFate('blocked', 'n1/p1', 'n2/p1', '--size', '1451');
  t.regex(large.decision!.text, /^it has 1451 bytes, more than the MTU of weft0 at n1, 1450, and may not be cut$/);
});

test.serial('a source that the node does not have is refused there', async (t) => {
  const spoofed = await explain('10.244.3.9', 'n2/p1', '--node', 'n1');
  t.is(spoofed.fate, 'blocked');
  t.regex(spoofed.decision!.text, /^dropped by the kernel of n1 as pod-spoofed-source: no pod may send from there/);
});

/** What pods of n1 sent, but for what says that they are there, and what was dropped for want of a route. */
async function accountOf(): Promise<unknown> {
  const { workers } = await lab.control('n1').status();
  return workers.map(({ egress: { received, dropped } }) => [
    received - dropped['node-link-control']!,
    dropped['no-route'],
  ]);
}

test.serial('explaining sends nothing, and no account changes', async (t) => {
  const before = await accountOf();
  await explain('n1/p1', 'n2/p1');
  await explain('n1/p1', '10.244.9.9');
  t.deepEqual(await accountOf(), before);
});

test.serial('the read-only socket explains, too', async (t) => {
  const { readOnlySocket } = lab.files('n1');
  const argv = ['--socket', readOnlySocket, 'explain', 'n1/p1', 'n2/p1'];
  await until('it is delivered', async () => (await lab.tryAsk('n1', ...argv)).exitCode === 0);
  t.pass();
});

/** Whether it has the three echo requests from n1 to n3, or more. */
function hasThree({ flows: told }: FlowReport): boolean {
  return told.some(
    ({ source, destination, packets }) => source === addresses.n1 && destination === addresses.n3 && packets >= 3,
  );
}

test.serial('flows are those of the packets that were sent, with what became of them', async (t) => {
  await lab.exec('n1-p1', 'ping', '-n', '-q', '-c', '3', '-i', '0.2', '-W', '3', addresses.n3);
  await lab.tryExec('n1-p1', 'ping', '-n', '-q', '-c', '1', '-W', '1', '10.244.8.8');
  let all: FlowReport[] = [];
  await until('all recorders have told', async () => {
    all = await flows('--all');
    const isDropped = all.some((report) => report.flows.some(({ reason }) => reason === 'no-route'));
    return isDropped && all.length === 3 && hasThree(all[0]!) && hasThree(all[2]!);
  });
  t.deepEqual(
    all.map(({ node, error }) => [node, error]),
    [
      ['n1', ''],
      ['n2', ''],
      ['n3', ''],
    ],
  );
  const there = { source: addresses.n1, destination: addresses.n3 };
  const sent = all[0]!.flows.find((flow) => flow.destination === addresses.n3)!;
  t.like(sent, { ...there, protocol: 'icmp', direction: 'egress', verdict: 'sent', reason: '' });
  t.like(sent, { packets: 3, bytes: 3 * 84, peer: 'n3', relay: '', route: '10.244.3.0/24', origin: 'n3' });
  const got = all[2]!.flows.find((flow) => flow.destination === addresses.n3)!;
  t.like(got, { ...there, direction: 'ingress', verdict: 'delivered', packets: 3, peer: 'n1', origin: 'n1' });
  const [dropped] = (await flows('--dropped')).flatMap((report) =>
    report.flows.filter(({ destination }) => destination === '10.244.8.8'),
  );
  t.like(dropped, { verdict: 'dropped', reason: 'no-route', packets: 1, peer: '', route: '' });
});

test.serial('what became of packets a moment ago is told by both nodes', async (t) => {
  let seen: string[] = [];
  const args = ['n1/p1', 'n3/p1', '--around', '5s', '--window', '2m'];
  await until('both have told', async () => {
    const { around } = await explain(...args);
    seen = around!.nodes.flatMap((past) =>
      past.seen.map(({ way, hook, peer, packets }) => `${past.node}: ${way} ${hook} ${peer} ${packets}`),
    );
    return seen.length >= 4 && seen.every((one) => !/ [12]$/.test(one));
  });
  t.deepEqual(seen, [
    'n1: there to-underlay n3 3',
    'n1: back to-pod n3 3',
    'n3: there to-pod n1 3',
    'n3: back to-underlay n1 3',
  ]);
  const { around: before } = await explain('n1/p1', 'n3/p1', '--around', '10m');
  t.deepEqual(
    before!.nodes.map((past) => past.seen),
    [[], []],
  );
});

test.serial(
  'packets under an address of another node are found where they were dropped, with who sent them',
  async (t) => {
    const { mac } = (await lab.control('n1').status()).tun;
    await lab.exec('n3', process.execPath, forgedSender, '198.18.0.3', '198.18.0.1', mac);
    const { around } = await untilTold(
      'seen',
      (said) => said.around!.nodes.some(({ node, seen }) => node === 'n1' && seen.length > 0),
      '10.244.2.200',
      'n1/p1',
      '--around',
      '1s',
      '--window',
      '2m',
    );
    const seen = around!.nodes.find(({ node }) => node === 'n1')!.seen;
    t.deepEqual(
      seen.map(({ way, hook, reason, peer }) => [way, hook, reason, peer]),
      [['there', 'drop', 'forged-source', 'n3']],
    );
    t.true(seen[0]!.packets > 0);
  },
);

test.serial('a rule of a firewall that nobody can tell makes it unknown, and is shown', async (t) => {
  await lab.exec(
    'n2',
    'nft',
    'table ip oops { chain f { type filter hook forward priority 0; limit rate 1/hour drop; }; }',
  );
  try {
    const explanation = await untilTold(
      'unknown for a rule',
      ({ decision }) => decision?.node === 'n2' && decision.hook === 'kernel',
      'n1/p1',
      'n2/p1',
    );
    t.like(explanation, { fate: 'unknown', exitCode: 1 });
    t.regex(
      explanation.decision!.text,
      /^whether the firewall of n2 lets it pass cannot be told: .*limit rate 1\/hour/,
    );
  } finally {
    await lab.exec('n2', 'nft', 'delete table ip oops');
  }
  await untilFate('delivered', 'n1/p1', 'n2/p1');
});

test.serial('faults that are injected are told, at either end', async (t) => {
  (await lab.tryAsk('n1', 'fault', 'add', '--peer', 'n2', '--direction', 'out', '--delay', '1ms')).succeeded();
  // From both others: otherwise packets would soon go through n3.
  for (const from of ['n3', 'n1'])
    (await lab.tryAsk('n2', 'fault', 'add', '--peer', from, '--direction', 'in', '--loss', '100%')).succeeded();
  const explanation = await untilFate('dropped', 'n1/p1', addresses.n2);
  t.like(explanation, { fate: 'dropped', reason: 'fault-loss-in', exitCode: 1 });
  t.regex(textOf(explanation), /a fault is injected out to n2: delay 1 ms/);
  for (const node of ['n1', 'n2']) (await lab.tryAsk(node, 'fault', 'rm', '--all')).succeeded();
  await untilFate('delivered', 'n1/p1', addresses.n2);
});

test.serial('a wrong VNI is found at the node that has another', async (t) => {
  await lab.lab('stop', 'n2');
  const daemon = lab.daemon('n2', '--vxlan-vni', '77');
  try {
    await lab.answers('n2');
    // Until gossip has met the new one, there is no route.
    const wrong = await untilTold(
      'of another VNI',
      ({ reason }) => reason === 'vxlan-wrong-vni',
      'n1/p1',
      addresses.n2,
    );
    t.is(wrong.fate, 'dropped');
    t.is(wrong.nodes.at(-1)!.node, 'n2');
    t.false(await lab.reaches('n1-p1', addresses.n2));
  } finally {
    await daemon.end();
    await lab.lab('start', 'n2');
  }
  t.is((await untilFate('delivered', 'n1/p1', 'n2/p1')).reason, '');
});

test.serial('behind a cut packets go through the third node, and all three tell their part', async (t) => {
  await lab.lab('cut', 'n1', 'n2');
  await until(
    'packets for n2 are relayed',
    async () => (await lab.control('n1').routes()).some(({ node, relay }) => node === 'n2' && relay === 'n3'),
    DEADLINE_MS,
  );
  const explanation = await untilFate('delivered', 'n1/p1', addresses.n2);
  t.deepEqual(
    explanation.nodes.map(({ node }) => node),
    ['n1', 'n3', 'n2'],
  );
  t.true(hooksOf(explanation).includes('n3 relay'));
  await until('it is reached', async () => lab.reaches('n1-p1', addresses.n2));
});

test.serial('where no way is left, the packet is said to be lost, or to have no route any more', async (t) => {
  await lab.lab('cut', 'n1', 'n3');
  await until(
    'n2 is not reached',
    async () => ['lost', 'dropped'].includes((await explain('n1/p1', addresses.n2)).fate),
    DEADLINE_MS,
  );
  const gone = await untilFate('dropped', 'n1/p1', 'n2/p1');
  t.is(gone.reason, 'no-route');
  t.regex(textOf(gone), /n2 is dead.*10\.244\.2\.0\/24 is no longer at n2/);
  // What n2 said of its pods while it could be asked is still known.
  t.deepEqual(gone.packet.destination, { address: addresses.n2, node: 'n2', pod: 'p1' });
  await lab.lab('heal', 'n1', 'n2');
  await lab.lab('heal', 'n1', 'n3');
  for (const node of ['n2', 'n3']) await untilFate('delivered', 'n1/p1', `${node}/p1`);
});

test.serial('of a killed node everything is told that is known', async (t) => {
  await lab.lab('kill', 'n3');
  const gone = await untilFate('dropped', 'n1/p1', addresses.n3);
  t.is(gone.reason, 'no-route');
  const { around } = await explain('n1/p1', addresses.n3, '--around', '1s', '--window', '2m');
  const kinds = around!.nodes.find(({ node }) => node === 'n1')!.events.map(({ kind }) => kind);
  t.true(kinds.includes('member-dead'));
  t.true(kinds.includes('route-removed'));
  const back = await untilFate('dropped', 'n3/p1', 'n1/p1');
  // What n1 would do with an answer is known.
  t.like(back, { fate: 'dropped', way: 'back', exitCode: 1 });
  t.is(back.there.fate, 'unknown');
});
