/**
 * Paths that silently lose large packets, on labs of two nodes. The underlay is plain: a filter between nodes sees packets
 * as they are on a wire, and not what the kernel has yet to cut up.
 */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Peer } from '../../src/api/control-api.ts';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const streamProbe = fileURLToPath(new URL('../support/stream-probe.ts', import.meta.url));

/** Until the daemons know better, on a busy machine. Without load it takes a second and a half. */
const NOTICE_DEADLINE_MS = 60_000;
/** As long as a connection may stand still: TCP itself doubles its patience with each attempt. */
const MAX_STALL_MS = 30_000;
/** Attempts at more come every ten seconds, and as late again without traffic. */
const GROWTH_DEADLINE_MS = 90_000;

/** So much has arrived when a stream counts as one that runs, in bytes: far more than its beginning. */
const UNDER_WAY_BYTES = 5_000_000;
/** Longer than any test: a stream is ended by the test. */
const STREAM_SECONDS = 600;
type Node = 'n1' | 'n2';
type Direction = 'one direction' | 'both directions';
const labs: TestLab[] = [];
let nextPort = 7100;

test.after.always(async () => {
  for (const lab of labs) await lab.down();
});

async function up(...options: string[]): Promise<TestLab> {
  const lab = await TestLab.up('--nodes', '2', '--pods', '1', '--plain-underlay', ...options);
  labs.push(lab);
  return lab;
}

/** The one peer that a node of these labs has. */
async function peerOf(lab: TestLab, from: Node): Promise<Peer> {
  const [peer] = await lab.control(from).peers();
  return peer!;
}

async function pathOf(lab: TestLab, from: Node): Promise<Peer['path']> {
  return (await peerOf(lab, from)).path;
}

async function untilPath(lab: TestLab, from: Node, mtuBytes: number, deadlineMs = NOTICE_DEADLINE_MS): Promise<void> {
  const holds = async (): Promise<boolean> => {
    const path = await pathOf(lab, from);
    return path.mtuBytes === mtuBytes && path.probing === 'confirmed';
  };
  await until(`the path from ${from} takes ${mtuBytes} bytes`, holds, deadlineMs);
}

/** From now on the switch loses what is longer than `bytes`, from n1, or from both nodes, and tells nobody. */
async function clip(lab: TestLab, bytes: number, direction: Direction): Promise<void> {
  const from = direction === 'one direction' ? '"n1"' : '{ "n1", "n2" }';
  const rule = `iifname ${from} meta length > ${bytes} drop`;
  const chain = `chain clip { type filter hook forward priority 1; ${rule}; }`;
  await lab.exec('switch', 'nft', `add table bridge clip; delete table bridge clip; table bridge clip { ${chain}; }`);
}

async function unclip(lab: TestLab): Promise<void> {
  await lab.exec('switch', 'nft', 'add table bridge clip; delete table bridge clip');
}

interface Stream {
  readonly lab: TestLab;
  readonly port: number;
  readonly receiver: Program;
  readonly sender: Program;
}

async function stream(lab: TestLab, address: string): Promise<Stream> {
  const port = nextPort++;
  const receiver = await lab.serve('n2-p1', port, process.execPath, streamProbe, 'receive', `${port}`);
  const args = ['send', address, `${port}`, `${STREAM_SECONDS}`];
  return { lab, port, receiver, sender: lab.background('n1-p1', process.execPath, streamProbe, ...args) };
}

/** Bytes that have come to the receiver. */
async function arrived({ lab, port }: Stream): Promise<number> {
  const sockets = await lab.exec('n2-p1', 'ss', '-Htin', 'state', 'established', `sport = :${port}`);
  return Number(/bytes_received:(\d+)/.exec(sockets)?.[1] ?? 0);
}

/** Waits until so many bytes more have arrived. */
async function untilMore(one: Stream, bytes: number): Promise<void> {
  const before = await arrived(one);
  await until(`the stream to port ${one.port} goes on`, async () => (await arrived(one)) > before + bytes);
}

/** Ends the stream; what the receiver saw. */
async function outcome({ receiver, sender }: Stream): Promise<{ bytes: number; longestGapMs: number }> {
  await sender.end();
  const { stdout } = await receiver.ends();
  return JSON.parse(stdout) as { bytes: number; longestGapMs: number };
}

async function assertEquation(t: { is(actual: number, expected: number): void }, lab: TestLab): Promise<void> {
  for (const node of ['n1', 'n2']) t.is((await lab.control(node).status()).residual, 0);
}

const followsClip = test.macro<[() => Promise<TestLab>, number, number, Direction]>({
  exec: async (t, labOf, full, found, direction) => {
    const lab = await labOf();
    const clipBytes = found + (full === 1450 ? 50 : 70);
    await Promise.all([untilPath(lab, 'n1', full, GROWTH_DEADLINE_MS), untilPath(lab, 'n2', full, GROWTH_DEADLINE_MS)]);
    const streams = [await stream(lab, '10.244.2.2'), await stream(lab, 'fd00:10:244:2::2')];
    for (const one of streams) await untilMore(one, UNDER_WAY_BYTES);
    await clip(lab, clipBytes, direction);
    await untilPath(lab, 'n1', found);
    await untilPath(lab, 'n2', direction === 'both directions' ? found : full);
    for (const one of streams) {
      await untilMore(one, UNDER_WAY_BYTES);
      const { bytes, longestGapMs } = await outcome(one);
      t.log(`${Math.round(bytes / 1e6)} MB, longest gap ${Math.round(longestGapMs)} ms`);
      t.true(longestGapMs < MAX_STALL_MS, `the stream stood still for ${longestGapMs} ms`);
    }
    await unclip(lab);
    await untilPath(lab, 'n1', full, GROWTH_DEADLINE_MS);
    await assertEquation(t, lab);
  },
  title: (_name, _lab, full, found, direction) =>
    `over ${full === 1450 ? 'IPv4' : 'IPv6'}, a path that loses in ${direction} what is above ${found} bytes is followed under load, and back`,
});

const startsClipped = test.macro<[() => Promise<TestLab>, number, number]>({
  exec: async (t, labOf, full, found) => {
    const lab = await labOf();
    await clip(lab, found + (full === 1450 ? 50 : 70), 'both directions');
    await lab.lab('stop', 'n1');
    await lab.lab('start', 'n1');
    const digests = async (): Promise<Set<string>> =>
      new Set(await Promise.all(['n1', 'n2'].map(async (node) => (await lab.control(node).digest()).members.digest)));
    await until('both hold the same of each other', async () => (await digests()).size === 1, NOTICE_DEADLINE_MS);
    await untilPath(lab, 'n1', found);
    await untilPath(lab, 'n2', found);
    await until('the doctor asks both nodes', async () => {
      const { stdout } = await lab.tryAsk('n1', 'doctor', '--all');
      return stdout !== '' && !/could not be asked|ended before/.test(stdout);
    });
    await until('an explanation asks both nodes', async () =>
      /^on n2$/m.test((await lab.tryAsk('n1', 'explain', 'n1/p1', 'n2/p1')).stdout),
    );
    for (const address of ['10.244.2.2', 'fd00:10:244:2::2']) {
      const one = await stream(lab, address);
      await untilMore(one, UNDER_WAY_BYTES);
      const { longestGapMs } = await outcome(one);
      t.true(longestGapMs < MAX_STALL_MS, `the stream stood still for ${longestGapMs} ms`);
    }
    await unclip(lab);
    await Promise.all([untilPath(lab, 'n1', full, GROWTH_DEADLINE_MS), untilPath(lab, 'n2', full, GROWTH_DEADLINE_MS)]);
    await assertEquation(t, lab);
  },
  title: (_name, _lab, full, found) =>
    `over ${full === 1450 ? 'IPv4' : 'IPv6'}, a path that never took more than ${found} bytes is known as that from the start`,
});

/** Made when it is needed first. */
function once(make: () => Promise<TestLab>): () => Promise<TestLab> {
  let made: Promise<TestLab> | undefined;
  return async () => await (made ??= make());
}

const overIpv4 = once(async () => await up());
const overIpv6 = once(async () => await up('--ipv6-underlay'));

test.serial('on a good path the full size is confirmed, with a round trip and next to no loss', async (t) => {
  const lab = await overIpv4();
  await untilPath(lab, 'n1', 1450);
  await until('the path loses next to nothing', async () => ((await pathOf(lab, 'n1')).lossRatio ?? 1) < 0.2);
  const { roundTripMs } = await pathOf(lab, 'n1');
  t.true(roundTripMs!.min > 0 && roundTripMs!.min <= roundTripMs!.smoothed);
  t.regex((await lab.tryAsk('n1', 'peers')).succeeded(), /n2 .* 1450 +[\d.]+ ms +\d+%/);
  const metrics = await lab.control('n1').metrics();
  t.regex(metrics, /^weft_path_mtu_bytes\{peer="n2"\} 1450$/m);
});

test.serial(followsClip, overIpv4, 1450, 1350, 'one direction');
test.serial(followsClip, overIpv4, 1450, 1350, 'both directions');
test.serial(followsClip, overIpv4, 1450, 1230, 'one direction');
test.serial(followsClip, overIpv4, 1450, 1230, 'both directions');
test.serial(followsClip, overIpv4, 1450, 650, 'one direction');
test.serial(followsClip, overIpv4, 1450, 650, 'both directions');
test.serial(followsClip, overIpv6, 1430, 1210, 'one direction');
test.serial(followsClip, overIpv6, 1430, 1210, 'both directions');
test.serial(startsClipped, overIpv4, 1450, 1350);
test.serial(startsClipped, overIpv4, 1450, 1230);
test.serial(startsClipped, overIpv4, 1450, 650);
test.serial(startsClipped, overIpv6, 1430, 1210);

test.serial('where links are virtual, a switch with a smaller MTU is found out within seconds', async (t) => {
  const lab = await TestLab.up('--nodes', '2', '--pods', '1');
  labs.push(lab);
  await lab.exec('switch', 'ip', 'link', 'set', 'n2', 'mtu', '1300');
  // Into a veth device goes what is four bytes longer than its MTU: there may be a VLAN tag.
  await Promise.all([untilPath(lab, 'n1', 1250), untilPath(lab, 'n2', 1254)]);
  const full = ['ping', '-n', '-q', '-c', '1', '-W', '10', '-M', 'do', '-s', `${1250 - 28}`, '10.244.2.2'];
  t.regex(await lab.exec('n1-p1', ...full), /1 received/);
  const { stdout } = await lab.tryAsk('n1', 'ping', '-c', '1', '-s', '1400', 'n2');
  t.regex(stdout, /^Nothing comes back from n2: too big, no more than 1250 bytes pass\.$/m);
});

test.serial('a path that is lost altogether keeps its size', async (t) => {
  const lab = await overIpv4();
  await untilPath(lab, 'n1', 1450, GROWTH_DEADLINE_MS);
  await clip(lab, 20, 'both directions');
  let mtuBytes = 0;
  await until('n1 notices', async () => {
    const { state, path } = await peerOf(lab, 'n1');
    ({ mtuBytes } = path);
    return state === 'suspect';
  });
  t.is(mtuBytes, 1450);
  await unclip(lab);
  await until('the pods reach each other again', async () => lab.isConnected());
});
