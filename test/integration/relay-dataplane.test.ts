/** Two nodes that cannot reach each other, and a third that passes on what they have for one another: the dataplane alone. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { decodeCapture } from '../support/capture.ts';
import type { NodeProcess } from '../support/dataplane-pair.ts';
import { DataplaneTrio } from '../support/dataplane-trio.ts';
import { accountOf, isBalanced, sum } from '../support/pair-traffic.ts';
import type { Program } from '../support/program.ts';
import { until, untilStill } from '../support/until.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-relay-'));

test.after.always(() => rmSync(directory, { recursive: true, force: true }));

/** Addresses of side 3 in the overlay. */
const far = ['10.244.3.1', 'fd00:10:244:3::1'] as const;

/** A super-datagram on a veth is one frame: longer than any that fits the MTU. */
const SUPER_BYTES = 5_000;

/** Sends over TCP or UDP from side 1 to side 3, or back, and gives the bytes that arrived. */
async function iperf(trio: DataplaneTrio, address: string, ...flags: string[]): Promise<number> {
  const server = trio.run(3, 'iperf3 --server --one-off');
  try {
    await serverListens(trio);
    const command = ['iperf3', '--json', '--client', address, '--connect-timeout', '30000', ...flags];
    const report = JSON.parse(await trio.run(1, command.join(' '))) as { end: { sum_received: { bytes: number } } };
    return report.end.sum_received.bytes;
  } finally {
    await server;
  }
}

async function serverListens(trio: DataplaneTrio): Promise<void> {
  await until('iperf3 listens', async () => (await trio.run(3, 'ss -Hlnt sport = :5201')) !== '');
}

/** Ends a capture to a file, once it has written what was there to be captured. */
async function endCapture(capture: Program, file: string): Promise<void> {
  await untilStill(`the size of ${file}`, () => statSync(file).size);
  await capture.end('SIGINT');
}

/** Each of the three: what is wrong with its accounts, if anything is. */
async function imbalances(nodes: readonly NodeProcess[]): Promise<string[]> {
  const accounts = await Promise.all(nodes.map(accountOf));
  return accounts.flatMap((account, side) =>
    (['egress', 'ingress'] as const)
      .filter((direction) => !isBalanced(account[direction]))
      .map((direction) => `side ${side + 1} ${direction}: ${JSON.stringify(account[direction])}`),
  );
}

for (const family of [4, 6] as const) {
  test.serial(
    `over IPv${family}, the second hop has an outer hop limit one lower, and the same datagrams`,
    async (t) => {
      await using trio = new DataplaneTrio({ family });
      // As a wire would see them: one frame per datagram, its checksums complete.
      for (const side of [1, 2, 3]) await trio.run(side, 'ethtool -K u0 tx off tx-udp-segmentation off gro off');
      const nodes = await trio.up();
      const files = [join(directory, `first-${family}.pcap`), join(directory, `second-${family}.pcap`)] as const;
      const captures = [await trio.capture(1, 'out', files[0]), await trio.capture(3, 'in', files[1])];
      for (const address of far) await trio.run(1, `ping -q -c 3 -i 0.05 -W 10 -s 1000 -Q 0xb8 ${address}`);
      await iperf(trio, far[0], '-n', '1M');
      await Promise.all(captures.map(async (capture, index) => endCapture(capture, files[index]!)));

      const limit = family === 4 ? 'ip.ttl' : 'ipv6.hlim';
      const trafficClass = family === 4 ? 'ip.dsfield' : 'ipv6.tclass';
      const fields = ['udp.payload', 'udp.checksum.status', 'ip.checksum.status', limit, trafficClass] as const;
      const [first, second] = await Promise.all(files.map(async (file) => decodeCapture(file, fields)));
      t.true(first!.length > 100, `${first!.length} frames`);
      // Inner frames and VXLAN headers, byte for byte. Of the transfer, a busy machine may have captured a frame on one side only.
      const isEcho = (frame: NonNullable<typeof first>[number]) => Number(frame[trafficClass][0]) === 0xb8;
      const payloads = (frames: typeof first) => frames!.map((frame) => frame['udp.payload'][0]!);
      const [sent, arrived] = [payloads(first), new Set(payloads(second))];
      t.deepEqual(payloads(second!.filter(isEcho)), payloads(first!.filter(isEcho)));
      t.is(second!.filter(isEcho).length, 3 * far.length);
      const common = sent.filter((payload) => arrived.has(payload)).length;
      t.true(
        common > 0.8 * Math.max(sent.length, arrived.size),
        `${common} of ${sent.length} and ${arrived.size} frames`,
      );
      t.deepEqual([...new Set(first!.map((frame) => frame[limit][0]))], ['64']);
      t.deepEqual([...new Set(second!.map((frame) => frame[limit][0]))], ['63']);
      for (const frame of second!) {
        if (frame['udp.checksum.status'][0] !== '1') t.fail(JSON.stringify(frame));
        if (frame['ip.checksum.status'].includes('0')) t.fail(JSON.stringify(frame));
      }
      t.deepEqual(await imbalances(nodes), []);
    },
  );
}

test.serial(
  'TCP and UDP run through a relay in both directions, in super-datagrams, and every packet is accounted for',
  async (t) => {
    await using trio = new DataplaneTrio();
    const nodes = await trio.up();
    const file = join(directory, 'super.pcap');
    const capture = await trio.capture(2, 'out', file);
    await iperf(trio, far[0], '-n', '2M');
    await endCapture(capture, file);
    const frames = await decodeCapture(file, ['frame.len', 'ip.ttl', 'ip.dst'] as const);
    const relayed = frames.filter((frame) => frame['ip.dst'][0] === trio.underlayAddress(3));
    t.true(
      relayed.some((frame) => Number(frame['frame.len'][0]) > SUPER_BYTES),
      'what was joined leaves as one',
    );
    t.true(relayed.every((frame) => frame['ip.ttl'][0] === '63'));

    for (const address of far) {
      t.true((await iperf(trio, address, '-n', '50M')) > 0);
      t.true((await iperf(trio, address, '-n', '50M', '-R')) > 0);
      t.true((await iperf(trio, address, '-u', '-b', '20M', '-n', '4M', '-l', '1200')) > 0);
    }
    const [first, relay, third] = await Promise.all(nodes.map(accountOf));
    t.true(relay!.ingress.relayed > 10_000, JSON.stringify(relay!.ingress));
    t.is(relay!.ingress.delivered, 0);
    t.is(relay!.egress.sent, 0);
    t.is(sum(relay!.ingress.dropped), 0, JSON.stringify(relay!.ingress.dropped));
    t.is(first!.ingress.relayed + third!.ingress.relayed, 0);
    t.is(sum(third!.ingress.dropped), 0, JSON.stringify(third!.ingress.dropped));
    t.deepEqual(await imbalances(nodes), []);
  },
);

test.serial('a connection survives when the way changes from the relay to the direct one and back', async (t) => {
  await using trio = new DataplaneTrio();
  const nodes = await trio.up();
  trio.heal();
  const server = trio.background(3, 'iperf3 --server --one-off');
  await serverListens(trio);
  const client = trio.background(1, `iperf3 --client ${far[0]} --connect-timeout 30000 -t 600 -b 100M`);
  const relayed = async (): Promise<number> => (await accountOf(nodes[1])).ingress.relayed;
  const delivered = async (): Promise<number> => (await accountOf(nodes[2])).ingress.delivered;
  try {
    for (const way of ['relayed', 'direct', 'relayed', 'direct', 'relayed'] as const) {
      for (const node of [nodes[0], nodes[2]]) node.tell(way);
      const [relayedBefore, deliveredBefore] = [await relayed(), await delivered()];
      await until(`packets go on, ${way}`, async () => {
        const [more, all] = [(await relayed()) - relayedBefore, (await delivered()) - deliveredBefore];
        // Some may still have been on their way when it changed.
        return all > 2_000 && (way === 'relayed' ? more > all / 2 : more < all / 2);
      });
      t.is(client.child.exitCode, null, client.stderr);
    }
  } finally {
    await client.end();
    await server.end();
  }
  await until('every packet is accounted for', async () => (await imbalances(nodes)).length === 0);
});

test.serial('congestion that is marked on the first hop reaches the pod', async (t) => {
  await using trio = new DataplaneTrio();
  await trio.up();
  trio.nft(2, 'add table netdev congestion');
  trio.nft(2, 'add chain netdev congestion in { type filter hook ingress device u0 priority 0; }');
  trio.nft(2, `add rule netdev congestion in ip saddr ${trio.underlayAddress(1)} ip ecn ect0 ip ecn set ce`);
  trio.nft(3, 'add table inet seen');
  trio.nft(3, 'add chain inet seen in { type filter hook input priority 0; }');
  trio.nft(3, 'add rule inet seen in iifname weft0 ip ecn ce counter');
  await trio.run(1, `ping -q -c 3 -i 0.05 -W 10 -Q 0x02 ${far[0]}`);
  t.regex(trio.nft(3, 'list table inet seen'), /counter packets 3 /);
});

test.serial('IPv6 of 1280 bytes crosses a relay whose second hop is smaller, in outer fragments', async (t) => {
  await using trio = new DataplaneTrio({ secondHopMtuBytes: 1000 });
  const nodes = await trio.up();
  const file = join(directory, 'fragments.pcap');
  const capture = await trio.capture(3, 'in', file);
  await trio.run(1, `ping -q -c 2 -i 0.05 -W 10 -s 1200 ${far[1]}`);
  await endCapture(capture, file);
  // Of a fragment beyond the first, tcpdump cannot know the port: it is not there.
  const frames = await decodeCapture(file, ['ip.ttl', 'ip.len', 'ip.flags.mf'] as const);
  const firsts = frames.filter((frame) => frame['ip.flags.mf'][0] === '1');
  t.is(firsts.length, 2);
  for (const frame of firsts) t.true(frame['ip.ttl'][0] === '63' && Number(frame['ip.len'][0]) <= 1050);
  t.is((await accountOf(nodes[1])).ingress.relayed, 4);
  t.deepEqual(await imbalances(nodes), []);
});
