/** Packets that are larger than the path to their peer: pods are told, fragments pass, TCP never notices. Needs root. */
import test from 'ava';
import { DataplanePair, type DirectionStatus, type NodeProcess } from '../support/dataplane-pair.ts';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';
import { iperf, isBalanced, remote4, remote6 } from '../support/pair-traffic.ts';

interface Account {
  readonly egress: DirectionStatus;
  readonly ingress: DirectionStatus;
  readonly socketOverflow: number;
  readonly outerFragmented: number;
}

async function accountOf(node: NodeProcess): Promise<Account> {
  const { accounts } = await node.status();
  return accounts![0] as Account;
}

/** What a program says, whether it succeeds or not. */
async function said(output: Promise<string>): Promise<string> {
  return await output.catch(String);
}

/** A pair whose devices may take errors from the node's own address, as a node's may. */
async function upWithErrors(pair: DataplanePair): Promise<readonly [NodeProcess, NodeProcess]> {
  const nodes = await pair.up();
  for (const side of [1, 2]) await pair.run(side, 'sysctl -qw net.ipv4.conf.weft0.accept_local=1');
  return nodes;
}

/** From now on both sides silently lose what is longer than `bytes`, and see packets as they are on a wire. */
async function clip(pair: DataplanePair, bytes: number): Promise<void> {
  for (const side of [1, 2]) {
    await pair.run(side, 'ethtool -K u0 tx off');
    await pair.run(side, 'nft add table netdev clip');
    await pair.run(side, 'nft add chain netdev clip in { type filter hook ingress device u0 priority 0 ; }');
    await pair.run(side, `nft add rule netdev clip in meta length > ${bytes} drop`);
  }
}

/** An error ends them: what it says has been learnt then. */
const ping = 'ping -n -c 3 -i 0.1 -W 2';
/** One: for the answer to the last of several, ping waits no longer than the interval between them. */
const onePing = 'ping -n -c 1 -W 10';

for (const family of [4, 6] as const) {
  const overheadBytes = family === 4 ? 50 : 70;

  test.serial(`over IPv${family}: who must not be fragmented is told the MTU, others are fragmented`, async (t) => {
    await using pair = new DataplanePair({ family, peerMtuBytes: 1300 });
    const [first, second] = await upWithErrors(pair);
    const first4 = await said(pair.run(1, `${onePing} -M do -s 1300 ${remote4}`));
    t.regex(first4, /From 10\.244\.1\.1 icmp_seq=1 Frag needed and DF set \(mtu = 1300\)/);
    const second4 = await said(pair.run(1, `${onePing} -M do -s 1300 ${remote4}`));
    t.regex(second4, /local error: message too long, mtu=1300/);
    const told6 = await said(pair.run(1, `${onePing} -M do -s 1300 ${remote6}`));
    t.regex(told6, /From fd00:10:244:1::1 icmp_seq=1 Packet too big: mtu=1300/);
    for (const [address, back] of [
      [remote4, '10.244.1.1'],
      [remote6, 'fd00:10:244:1::1'],
    ] as const) {
      // IPv6 senders learn the size from the first packet that is lost; so do those that answer.
      await said(pair.run(2, `${ping} -M do -s 1350 ${back}`));
      t.regex(await pair.run(1, `${onePing} -M dont -s 1272 ${address}`), /1 received/);
      t.regex(await pair.run(1, `${onePing} -M dont -s 8000 ${address}`), /1 received/);
    }
    for (const node of [first, second]) {
      const { egress, ingress } = await accountOf(node);
      t.true(isBalanced(egress) && isBalanced(ingress));
      t.true(egress.delivered > 0 && egress.originated >= egress.delivered);
      t.is(egress.dropped['packet-too-big'], egress.delivered);
    }
  });

  test.serial(`over IPv${family}: IPv6 packets of 1280 bytes pass a smaller path, in outer fragments`, async (t) => {
    const pathMtuBytes = family === 4 ? 700 : 1280;
    await using pair = new DataplanePair({ family, peerMtuBytes: pathMtuBytes - overheadBytes });
    const [first, second] = await upWithErrors(pair);
    await clip(pair, pathMtuBytes);
    const told = await said(pair.run(1, `${onePing} -M do -s 1300 ${remote6}`));
    t.regex(told, /Packet too big: mtu=1280/);
    t.regex(await pair.run(1, `${onePing} -M do -s 1232 ${remote6}`), /1 received/);
    t.true((await accountOf(first)).outerFragmented >= 1);
    t.true((await accountOf(second)).outerFragmented >= 1);
    t.true((await iperf(pair, remote6, '--bytes', '20M')) > 0);
    t.true((await iperf(pair, remote4, '--bytes', '20M')) > 0);
    for (const node of [first, second]) t.true(isBalanced((await accountOf(node)).egress));
  });
}

test.serial('without outer fragmentation such packets are dropped for their own reason', async (t) => {
  await using pair = new DataplanePair({ peerMtuBytes: 1200, outerFragmentation: false });
  const [first] = await upWithErrors(pair);
  const output = await said(pair.run(1, `${ping} -M do -s 1232 ${remote6}`));
  t.regex(output, / 0 received/);
  t.regex(await pair.run(1, `${onePing} -s 1100 ${remote6}`), /1 received/);
  const { egress, outerFragmented } = await accountOf(first);
  t.is(egress.dropped['overlay-below-ipv6-minimum'], 3);
  t.is(outerFragmented, 0);
  t.is((await first.status()).features?.['outerFragmentation'], false);
});

/** What the second node says that its path takes, in bytes. */
const ANNOUNCED_BYTES = 1350 - 50;
const STREAM_BYTES = 20_000_000;
let lab: TestLab | undefined;
let made: Promise<TestLab> | undefined;

test.after.always(async () => await lab?.down());

/** A lab whose second node says that its underlay is smaller; made when it is needed first. */
async function unequalLab(): Promise<TestLab> {
  return await (made ??= makeUnequalLab());
}

async function makeUnequalLab(): Promise<TestLab> {
  const unequal = await TestLab.up('--nodes', '2', '--pods', '1', '--plain-underlay');
  lab = unequal;
  await unequal.lab('stop', 'n2');
  unequal.daemon('n2', '--underlay-mtu', '1350');
  await until('n1 knows what n2 takes', async () => {
    const [peer] = await unequal.control('n1').peers();
    return peer?.state === 'alive' && peer.path.mtuBytes === ANNOUNCED_BYTES;
  });
  await until('the pods reach each other', async () => unequal.isConnected());
  return unequal;
}

test.serial('pods are told by the overlay address of their node', async (t) => {
  const lab = await unequalLab();
  const echo = ['ping', '-n', '-c', '1', '-W', '10', '-M', 'do', '-s', '1372'];
  const told4 = await lab.tryExec('n1-p1', ...echo, '10.244.2.2');
  t.regex(told4.stdout, /From 10\.244\.1\.1 icmp_seq=1 Frag needed and DF set \(mtu = 1300\)/);
  const told6 = await lab.tryExec('n1-p1', ...echo, 'fd00:10:244:2::2');
  t.regex(told6.stdout, /From fd00:10:244:1::1 icmp_seq=1 Packet too big: mtu=1300/);
});

test.serial('a pod that ignores the MTU gets its datagrams through in fragments', async (t) => {
  const lab = await unequalLab();
  await lab.serveEcho('n2-p1', 7000);
  const echo = ['ping', '-n', '-q', '-c', '1', '-W', '10', '-M', 'dont', '-s', '1372'];
  await lab.exec('n1-p1', 'ip', 'route', 'flush', 'cache');
  t.regex(await lab.exec('n1-p1', ...echo, '10.244.2.2'), /1 received/);
  const before = (await lab.control('n1').status()).workers[0]!.egress.originated;
  t.true(before > 0);
  for (const address of ['10.244.2.2', 'fd00:10:244:2::2']) {
    t.is(Number(await lab.probe('n1-p1', 'exchange', address, '7000', '5', '8000')), 5);
  }
});

/** Sizes of segments in what tcpdump said. */
function sizesIn({ stdout }: Program): number[] {
  return [...stdout.matchAll(/mss (\d+)/g)].map(([, text]) => Number(text));
}

const announces = test.macro<[address: string, mss: number]>({
  exec: async (t, address, mss) => {
    const lab = await unequalLab();
    const filter = address.includes(':') ? 'ip6[53] & 2 != 0' : 'tcp[13] & 2 != 0';
    const places = ['n1-p1', 'n2-p1'] as const;
    const captures = places.map((place) =>
      lab.background(place, 'tcpdump', '-i', 'eth0', '-nn', '-U', '-l', `${filter} and port 5201`),
    );
    for (const capture of captures) await until('tcpdump listens', async () => capture.stderr.includes('listening'));
    const server = await lab.serve('n2-p1', 5201, 'iperf3', '--server', '--one-off');
    const report = await lab.exec('n1-p1', 'iperf3', '--json', '--client', address, '--bytes', `${STREAM_BYTES}`);
    const { end } = JSON.parse(report) as { end: { sum_received: { bytes: number } } };
    // The sender calls it a day before the receiver has read the rest.
    t.true(end.sum_received.bytes > 0);
    await server.ends();
    for (const capture of captures) {
      // Of two connections; on a busy machine one of them may be asked for again.
      await until('both ends of both connections are seen', () => sizesIn(capture).length >= 4);
      await capture.end('SIGINT');
      // Its own announcement leaves a pod as it is; what arrives from the other is lowered.
      t.is(Math.min(...sizesIn(capture)), mss, capture.stdout);
    }
    for (const node of ['n1', 'n2']) t.is((await lab.control(node).status()).residual, 0);
  },
  title: (_, address, mss) => `TCP to ${address} passes, and segments of ${mss} bytes are announced to either end`,
});
test.serial(announces, '10.244.2.2', ANNOUNCED_BYTES - 40);
test.serial(announces, 'fd00:10:244:2::2', ANNOUNCED_BYTES - 60);

test.serial('a node whose underlay is too small for IPv6 has it all the same', async (t) => {
  const lab = await unequalLab();
  await lab.lab('stop', 'n1');
  const daemon = lab.daemon('n1', '--underlay-mtu', '1300');
  await lab.answers('n1');
  await until('the other node knows', async () => {
    const [peer] = await lab.control('n2').peers();
    return peer?.state === 'alive' && peer.path.mtuBytes === 1250;
  });
  await until('the pods reach each other', async () => lab.isConnected());
  t.regex(await lab.exec('n1', 'ip', 'link', 'show', 'weft0'), / mtu 1280 /);
  const echo = ['ping', '-n', '-q', '-c', '1', '-W', '10', '-M', 'do', '-s', '1232'];
  t.regex(await lab.exec('n1-p1', ...echo, 'fd00:10:244:2::2'), /1 received/);
  for (const node of ['n1', 'n2']) {
    const { workers, residual } = await lab.control(node).status();
    t.true(workers.some(({ outerFragmented }) => outerFragmented > 0));
    t.is(residual, 0);
  }
  await daemon.end();
});
