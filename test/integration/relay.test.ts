/** Two nodes that do not reach each other, and a third that reaches both: on labs of three nodes with one pod each. */
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Peer, Status } from '../../src/api/control-api.ts';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const streamProbe = fileURLToPath(new URL('../support/stream-probe.ts', import.meta.url));

/** From a cut until packets take another way, on a busy machine. Without load it takes three seconds. */
const CHANGE_DEADLINE_MS = 60_000;
/** From its end until they go straight: a link that comes and goes is trusted later each time, and here it does. */
const RETURN_DEADLINE_MS = 150_000;
/** As long as a connection may stand still: TCP itself doubles its patience with each attempt. */
const MAX_STALL_MS = 60_000;
/** Longer than any test: a stream is ended by the test. */
const STREAM_SECONDS = 300;
const STREAM_PAUSE_MS = 20;

type Node = 'n1' | 'n2' | 'n3';
const addresses = { n1: '10.244.1.2', n2: '10.244.2.2', n3: '10.244.3.2' } as const;
const addresses6 = { n1: 'fd00:10:244:1::2', n2: 'fd00:10:244:2::2', n3: 'fd00:10:244:3::2' } as const;
const labs: TestLab[] = [];
let nextPort = 7300;

test.after.always(async () => {
  for (const lab of labs) await lab.down();
});

async function up(...options: string[]): Promise<TestLab> {
  const lab = await TestLab.up('--nodes', '3', '--pods', '1', ...options);
  labs.push(lab);
  return lab;
}

/** Made when it is needed first. */
function once(make: () => Promise<TestLab>): () => Promise<TestLab> {
  let made: Promise<TestLab> | undefined;
  return async () => await (made ??= make());
}

const overIpv4 = once(async () => await up());
/** Plain: a filter between nodes sees packets as they are on a wire. */
const overIpv6 = once(async () => await up('--ipv6-underlay', '--plain-underlay'));

async function peer(lab: TestLab, from: Node, to: Node): Promise<Peer> {
  const peers = await lab.control(from).peers();
  return peers.find(({ name }) => name === to)!;
}

/** Through which node packets go, for all routes alike; empty: they go straight. */
async function relayOf(lab: TestLab, from: Node, to: Node): Promise<string> {
  const routes = (await lab.control(from).routes()).filter(({ node }) => node === to);
  const relays = new Set(routes.map(({ way, relay }) => (way === 'relayed' ? relay : '')));
  return [...relays].join(' and ');
}

async function untilWay(lab: TestLab, from: Node, to: Node, relay: string): Promise<void> {
  const deadlineMs = relay === '' ? RETURN_DEADLINE_MS : CHANGE_DEADLINE_MS;
  const what = `packets from ${from} to ${to} go ${relay === '' ? 'straight' : `through ${relay}`}`;
  await until(what, async () => (await relayOf(lab, from, to)) === relay, deadlineMs);
}

async function relayedBy(lab: TestLab, node: Node): Promise<number> {
  const { workers } = await lab.control(node).status();
  return workers.reduce((sum, { ingress }) => sum + ingress.relayed, 0);
}

function droppedBy(status: Status, reason: RegExp): number {
  const all = status.workers.flatMap(({ egress, ingress }) => [egress, ingress]);
  const counts = all.flatMap(({ dropped }) => Object.entries(dropped));
  return counts.reduce((sum, [name, count]) => (reason.test(name) ? sum + count : sum), 0);
}

interface Stream {
  readonly receiver: Program;
  readonly sender: Program;
}

async function stream(lab: TestLab, address: string): Promise<Stream> {
  const port = nextPort++;
  const receiver = await lab.serve('n3-p1', port, process.execPath, streamProbe, 'receive', `${port}`);
  const args = ['send', address, `${port}`, `${STREAM_SECONDS}`, `${STREAM_PAUSE_MS}`];
  return { receiver, sender: lab.background('n1-p1', process.execPath, streamProbe, ...args) };
}

/** Ends the stream; what the receiver saw. */
async function outcome({ receiver, sender }: Stream): Promise<{ bytes: number; longestGapMs: number }> {
  await sender.end();
  const { stdout } = await receiver.ends();
  return JSON.parse(stdout) as { bytes: number; longestGapMs: number };
}

/** From now on the switch drops what goes from one node to another, and only that. */
async function cutOneWay(lab: TestLab, from: Node, to: Node): Promise<void> {
  const chain = `chain cut { type filter hook forward priority 1; iifname "${from}" oifname "${to}" drop; }`;
  await lab.exec(
    'switch',
    'nft',
    `add table bridge oneway; delete table bridge oneway; table bridge oneway { ${chain}; }`,
  );
}

type Cut = 'in both directions' | 'from n1 to n3' | 'from n3 to n1';

/** Until the end of the test, at the latest. */
async function cut(t: ExecutionContext, lab: TestLab, where: Cut): Promise<void> {
  t.teardown(async () => heal(lab));
  if (where === 'in both directions') await lab.lab('cut', 'n1', 'n3');
  else if (where === 'from n1 to n3') await cutOneWay(lab, 'n1', 'n3');
  else await cutOneWay(lab, 'n3', 'n1');
}

async function heal(lab: TestLab): Promise<void> {
  await lab.lab('heal', 'n1', 'n3');
  for (const table of ['oneway', 'clip']) {
    await lab.exec('switch', 'nft', `add table bridge ${table}; delete table bridge ${table}`);
  }
}

const relays = test.macro<[() => Promise<TestLab>, Cut]>({
  exec: async (t, labOf, where) => {
    const lab = await labOf();
    await Promise.all([untilWay(lab, 'n1', 'n3', ''), untilWay(lab, 'n3', 'n1', '')]);
    const before = await relayedBy(lab, 'n2');
    const streams = [await stream(lab, addresses.n3), await stream(lab, addresses6.n3)];
    const first = (await peer(lab, 'n1', 'n3')).sentBytes;
    await until('the streams run', async () => (await peer(lab, 'n1', 'n3')).sentBytes > first + 1_000_000);

    await cut(t, lab, where);
    await Promise.all([untilWay(lab, 'n1', 'n3', 'n2'), untilWay(lab, 'n3', 'n1', 'n2')]);
    await until('pods reach each other', async () => lab.isConnected());
    const sent = (await peer(lab, 'n1', 'n3')).sentBytes;
    await until('the streams go on', async () => (await peer(lab, 'n1', 'n3')).sentBytes > sent + 1_000_000);
    await until('n2 relays them', async () => (await relayedBy(lab, 'n2')) > before + 500);
    t.is(await relayOf(lab, 'n1', 'n2'), '');

    await heal(lab);
    await Promise.all([untilWay(lab, 'n1', 'n3', ''), untilWay(lab, 'n3', 'n1', '')]);
    for (const one of streams) {
      const { bytes, longestGapMs } = await outcome(one);
      t.log(`${Math.round(bytes / 1e6)} MB, longest gap ${Math.round(longestGapMs)} ms`);
      t.true(bytes > 2_000_000);
      t.true(longestGapMs < MAX_STALL_MS, `the stream stood still for ${longestGapMs} ms`);
    }
    for (const node of ['n1', 'n2', 'n3'] as const) {
      const status = await lab.control(node).status();
      t.is(status.residual, 0);
      t.is(droppedBy(status, /relay/), 0, node);
    }
  },
  title: (_name, _lab, where) =>
    `pods of nodes cut off ${where} go on talking through a third node, and straight again`,
});

test.serial(relays, overIpv4, 'in both directions');
test.serial(relays, overIpv4, 'from n1 to n3');
test.serial(relays, overIpv4, 'from n3 to n1');

test.serial('over IPv6, too', async (t) => {
  const lab = await overIpv6();
  await cut(t, lab, 'in both directions');
  t.true(await lab.reaches('n1-p1', addresses.n2));
  const reaches = async (): Promise<boolean> => await lab.reaches('n1-p1', addresses.n3);
  await until('the pods reach each other', reaches, CHANGE_DEADLINE_MS);
  await until('n2 relays', async () => (await relayedBy(lab, 'n2')) > 0);
  await heal(lab);
});

test.serial('the way is shown, with the direct path and in which direction that fails', async (t) => {
  const lab = await overIpv4();
  const { sender, receiver } = await stream(lab, addresses.n3);
  await cut(t, lab, 'from n3 to n1');
  await untilWay(lab, 'n1', 'n3', 'n2');
  t.regex(
    (await lab.tryAsk('n1', 'routes')).succeeded(),
    /10\.244\.3\.0\/24 +n3 +gossip +relayed +n2,198\.18\.0\.2:4789/,
  );
  // Three probes lost in a row start a window of their own, in which the direction is not known at first.
  await until('it is known and shown that replies are lost', async () => {
    const { directPath } = await peer(lab, 'n1', 'n3');
    const shown = (await lab.tryAsk('n1', 'peers')).succeeded();
    return (
      directPath !== null &&
      directPath.lossInRatio! > 0 &&
      directPath.lossInRatio! > directPath.lossOutRatio! &&
      /^n3 is reached through n2; the direct path: loss \d+%\/\d+%$/m.test(shown)
    );
  });
  await until('the way through n2 has its full size and a round trip', async () => {
    const { path, relay } = await peer(lab, 'n1', 'n3');
    return relay === 'n2' && path.mtuBytes === 1450 && path.roundTripMs !== null && path.roundTripMs.min > 0;
  });
  const { identity } = await peer(lab, 'n2', 'n1');
  await until('everybody hears of the bad path', async () => {
    const { pathReports } = await peer(lab, 'n2', 'n3');
    return pathReports.some((report) => report.identity === identity && report.lossPermille === 1000);
  });
  await until('an event says it', async () => {
    const events = await lab.control('n1').events({ kind: 'way-changed' });
    return events.at(-1)?.message === 'packets for n3 go through n2';
  });
  await heal(lab);
  await untilWay(lab, 'n1', 'n3', '');
  await sender.end();
  await receiver.ends();
});

test.serial('the path MTU of the whole way is found, and large packets pass', async (t) => {
  const lab = await overIpv6();
  await cut(t, lab, 'in both directions');
  const clip = 'iifname "n2" oifname "n3" meta length > 1300 drop';
  await lab.exec(
    'switch',
    'nft',
    `add table bridge clip; table bridge clip { chain c { type filter hook forward priority 2; ${clip}; }; }`,
  );
  const { sender, receiver } = await stream(lab, addresses.n3);
  await until('the size is found', async () => {
    const { relay, path } = await peer(lab, 'n1', 'n3');
    return relay === 'n2' && path.mtuBytes === 1230 && path.probing === 'confirmed';
  });
  await until('the first hop has its full size', async () => (await peer(lab, 'n1', 'n2')).path.mtuBytes > 1400);
  const { sentBytes } = await peer(lab, 'n1', 'n3');
  await until('the stream runs', async () => (await peer(lab, 'n1', 'n3')).sentBytes > sentBytes + 1_000_000);
  await heal(lab);
  await untilWay(lab, 'n1', 'n3', '');
  await sender.end();
  await receiver.ends();
  t.pass();
});

test.serial('when the relay dies, and there is no other, packets go straight when they can', async (t) => {
  const lab = await overIpv4();
  await cut(t, lab, 'in both directions');
  const pinger = lab.background('n1-p1', 'ping', '-n', '-q', '-i', '0.2', addresses.n3);
  await untilWay(lab, 'n1', 'n3', 'n2');
  await lab.lab('kill', 'n2');
  await heal(lab);
  await until('the pods reach each other', async () => lab.reaches('n1-p1', addresses.n3));
  await untilWay(lab, 'n1', 'n3', '');
  await pinger.end();
  await lab.lab('start', 'n2');
  await lab.answers('n2');
  await until('all are there again', async () => lab.isConnected());
  t.pass();
});

test.serial('a node that does not relay is not asked to', async (t) => {
  const lab = await overIpv4();
  await lab.lab('stop', 'n2');
  const unwilling = lab.daemon('n2', '--relay', 'off');
  await lab.answers('n2');
  await until('all are there again', async () => lab.isConnected());
  await until('n1 knows that n2 does not', async () => !(await peer(lab, 'n1', 'n2')).capabilities.includes('relay'));
  await cut(t, lab, 'in both directions');
  const pinger = lab.background('n1-p1', 'ping', '-n', '-q', '-i', '0.2', addresses.n3);
  const isLost = async (): Promise<boolean> => ((await peer(lab, 'n1', 'n3')).path.lossRatio ?? 0) > 0.05;
  await until('the path is known to be lost', isLost, 60_000);
  t.is(await relayOf(lab, 'n1', 'n3'), '');
  t.false(await lab.reaches('n1-p1', addresses.n3, 1));
  t.is(await relayedBy(lab, 'n2'), 0);
  await heal(lab);
  await pinger.end();
  await until('the pods reach each other', async () => lab.reaches('n1-p1', addresses.n3));
  await unwilling.end();
});
