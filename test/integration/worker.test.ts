import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { until } from '../support/until.ts';
import { optionalFeatures } from '../../src/daemon/config/optional-feature.ts';
import { DataplanePair, type NodeProcess, type PairOptions, type WorkerStatus } from '../support/dataplane-pair.ts';
import { accountOf, iperf, isBalanced, listens, ping, remote4, remote6, sum } from '../support/pair-traffic.ts';

/** Nobody is to wait longer for a process that was told to end, in ms. */
const END_TIMEOUT_MS = 60_000;

async function endsWithin<Value>(promise: Promise<Value>): Promise<Value | 'still running'> {
  return Promise.race([promise, sleep(END_TIMEOUT_MS, 'still running' as const, { ref: false })]);
}

/**
 * Whether what one sent came to the other. A reader that gets no processor for long loses some to its full socket; of datagrams that it
 * had joined, the kernel counts one.
 */
function hasArrived({ egress }: WorkerStatus, { ingress, socketOverflow }: WorkerStatus): boolean {
  const missing = egress.sent - ingress.received;
  return missing === 0 || (socketOverflow > 0 && missing >= socketOverflow);
}

async function isSending(node: NodeProcess): Promise<boolean> {
  return (await accountOf(node)).egress.sent > 1_000;
}

const nothing = { without: optionalFeatures, outerFragmentation: false };

const passesTraffic = test.macro<[PairOptions]>({
  async exec(t, options) {
    await using pair = new DataplanePair(options);
    const [first, second] = await pair.up();
    const { features } = await first.status();
    const isPlain = options.without !== undefined;
    t.deepEqual(new Set(Object.values(features ?? {})), new Set([!isPlain]));

    for (const address of [remote4, remote6]) {
      await t.notThrowsAsync(ping(pair, address));
      await t.notThrowsAsync(ping(pair, address, 8000));
      t.true((await iperf(pair, address, '--bytes', '20M')) > 0);
    }
    t.true((await iperf(pair, remote4, '--bytes', '4M', '--udp', '--bitrate', '20M', '--length', '1000')) > 0);

    let [one, two] = [await accountOf(first), await accountOf(second)];
    // TCP says good-bye late, and what was sent is read when the other side gets a processor.
    await until('what was sent has arrived', async () => {
      [one, two] = [await accountOf(first), await accountOf(second)];
      return hasArrived(one, two) && hasArrived(two, one);
    }).catch(() => t.fail(JSON.stringify([one, two])));
    for (const account of [one.egress, one.ingress, two.egress, two.ingress]) {
      t.true(isBalanced(account), JSON.stringify(account));
      t.is(sum(account.dropped), 0, JSON.stringify(account.dropped));
    }
  },
  title: (name = '') => `${name}: pings, large packets, TCP and UDP pass, and every packet is accounted for`,
});

test.serial('IPv4 underlay', passesTraffic, {});
test.serial('IPv6 underlay', passesTraffic, { family: 6 });
test.serial('IPv4 underlay, nothing of the kernel in use', passesTraffic, nothing);
test.serial('IPv6 underlay, nothing of the kernel in use', passesTraffic, { family: 6, ...nothing });

test.serial('a device outlives its daemon, also one that was killed, and TCP survives the restart', async (t) => {
  await using pair = new DataplanePair();
  const [first] = await pair.up();
  const server = pair.background(2, 'iperf3 --server --one-off');
  await listens(pair, 't', 5201);
  const client = pair.background(1, `iperf3 --client ${remote4} --connect-timeout 30000 --time 600 --bitrate 100M`);
  await until('the transfer is under way', async () => isSending(first));
  t.is(await first.kill(), 'SIGKILL');
  t.regex(pair.ip(1, 'link show weft0'), /NO-CARRIER/);
  t.regex(pair.ip(1, 'addr show weft0'), /10\.244\.1\.1\/32/);
  t.regex(pair.ip(1, 'route show'), /10\.244\.0\.0\/16 dev weft0/);
  const again = pair.start(1);
  t.is((await again.report()).message, undefined);
  await until('the transfer goes on', async () => isSending(again));
  t.is(client.child.exitCode, null, client.stderr);
  await client.end();
  await server.end();
  await t.notThrowsAsync(ping(pair, remote6));
  t.is(await endsWithin(again.stop()), 0);
  t.regex(pair.ip(1, 'link show weft0'), /NO-CARRIER/);
});

test.serial('no way to end hangs on the worker', async (t) => {
  await using pair = new DataplanePair();
  const [first, second] = await pair.up();
  first.tell('exit');
  t.is(await endsWithin(first.ended()), 7);
  second.tell('throw');
  t.is(await endsWithin(second.ended()), 1);
  const again = pair.start(1);
  await again.report();
  t.is(await endsWithin(again.kill('SIGTERM')), 'SIGTERM');
});

test.serial('a worker that dies is reported with its error', async (t) => {
  await using pair = new DataplanePair();
  const [first] = await pair.up();
  // Fewer descriptors than it waits for: the next time that it waits, the kernel refuses.
  await pair.run(1, `prlimit --pid ${first.pid} --nofile=2`);
  const report = first.report();
  // What it found to do when it woke up is done, be it an answer.
  await ping(pair, remote4).catch(() => undefined);
  t.regex((await report).death ?? '', /cannot wait for packets: ppoll failed with EINVAL/);
  t.is(await endsWithin(first.ended()), 3);
});

test.serial('a worker whose device is deleted opens another one of that name, and lives', async (t) => {
  await using pair = new DataplanePair();
  const [first] = await pair.up();
  for (let deletions = 0; deletions < 3; deletions++) {
    pair.ip(1, 'link delete weft0');
    await until('there is a device again', () => /numqueues [1-9]/.test(links(pair)));
  }
  t.regex(links(pair), /weft0.* persist on/s);
  t.true(isBalanced((await accountOf(first)).egress));
  t.is(await endsWithin(first.stop()), 0);
});

function links(pair: DataplanePair): string {
  return pair.ip(1, '-details link show');
}

test.serial('packets that nobody reads in time are counted, but none from before the start', async (t) => {
  await using pair = new DataplanePair();
  const [first] = await pair.up();
  const flood = async (): Promise<string> => pair.run(1, `ping -q -l 2000 -c 2000 -W 1 ${remote4}`);
  await first.kill();
  // Without a daemon, the device drops everything.
  await t.throwsAsync(flood);
  const again = pair.start(1);
  t.is((await again.report()).tunQueueOverflow, 0);
  again.pause();
  await t.throwsAsync(flood);
  again.resume();
  t.true(((await again.status()).tunQueueOverflow ?? 0) > 500);
  t.true(isBalanced((await accountOf(again)).egress));
});

test.serial('datagrams that do not fit the underlay are dropped for that reason, each for itself', async (t) => {
  await using pair = new DataplanePair();
  const [first] = await pair.up();
  pair.ip(1, 'link set u0 mtu 1300');
  await t.notThrowsAsync(ping(pair, remote4, 1000));
  await t.throwsAsync(pair.run(1, `ping -q -l 300 -c 300 -W 1 -s 1400 ${remote4}`));
  const { egress } = await accountOf(first);
  t.true(isBalanced(egress));
  t.is(egress.dropped['datagram-too-big'], 300);
  t.true((await first.status()).features?.['udpSegmentation']);
});

const refuses = test.macro<[(pair: DataplanePair) => unknown, string, RegExp]>({
  async exec(t, prepare, code, message) {
    await using pair = new DataplanePair();
    await prepare(pair);
    const node = pair.start(1);
    const report = await node.report();
    t.is(report.code, code);
    t.regex(report.message ?? '', message);
    t.is(await endsWithin(node.ended()), 1);
  },
  title: (name = '') => `does not start with ${name}`,
});

test.serial(
  'the device in use',
  refuses,
  async (pair) => pair.up(),
  'tun-device-in-use',
  /another process is attached/,
);
test.serial(
  'a port that a vxlan device has',
  refuses,
  (pair) => {
    pair.ip(1, 'link add vx type vxlan id 1 dstport 4789 local 198.18.0.1 remote 198.18.0.2');
    pair.ip(1, 'link set vx up');
  },
  'port-in-use',
  /198\.18\.0\.1:4789 is held by/,
);
test.serial(
  'an address that the node does not have',
  refuses,
  (pair) => pair.ip(1, 'addr flush dev u0'),
  'address-not-here',
  /198\.18\.0\.1/,
);
test.serial(
  'a device that is no TUN device',
  refuses,
  (pair) => pair.ip(1, 'link add weft0 type veth peer name other'),
  'tun-device-unusable',
  /it is no TUN device/,
);
test.serial(
  'a TAP device',
  refuses,
  (pair) => pair.ip(1, 'tuntap add weft0 mode tap multi_queue vnet_hdr'),
  'tun-device-unusable',
  /it is a TAP device/,
);
test.serial(
  'a device without virtio-net headers',
  refuses,
  (pair) => pair.ip(1, 'tuntap add weft0 mode tun multi_queue'),
  'tun-device-unusable',
  /without vnet_hdr/,
);
test.serial(
  'a device with one queue',
  refuses,
  (pair) => pair.ip(1, 'tuntap add weft0 mode tun vnet_hdr'),
  'tun-device-unusable',
  /without multi_queue/,
);
