/**
 * Interoperation with a Linux `vxlan` device whose offloads are on, as static peer: over a veth it hands us super-packets
 * far above the MTU as one datagram, and partial inner checksums without any flag.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Diagnosis } from '../../src/doctor/finding.ts';
import type { Status } from '../../src/api/control-api.ts';
import type { ReceivedDatagrams } from '../support/numbered-datagrams.ts';
import { runProgram } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';
import { attachVxlanPeer, detachVxlanPeer, peerAddresses, remakeVxlanDevice } from '../support/vxlan-peer.ts';

const BULK_BYTES = 100 * 1024 * 1024;
const BURST_DATAGRAMS = 400;
const ECHO_PORT = 7000;

const addresses = { ...peerAddresses, 'n1-p1': { 4: '10.244.1.2', 6: 'fd00:10:244:1::2' } } as const;
type Place = keyof typeof addresses;
const numberedDatagrams = fileURLToPath(new URL('../support/numbered-datagrams.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'weft-vxlan-peer-'));
const file = join(directory, 'random');
/** Each stream has its own, so that none meets what is left of another. */
let nextPort = 9_000;
let lab: TestLab;
/** A node that has just started does not know its peers yet. What a busy machine loses before weft sees it is none of this. */
let lostAtStart: Record<string, number>;

test.before(async () => {
  (await runProgram(['sh', '-c', `head -c ${BULK_BYTES} /dev/urandom > ${file}`])).succeeded();
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
  await attachVxlanPeer(lab, 'n1');
  for (const place of Object.keys(addresses)) await lab.serveEcho(place, ECHO_PORT);
  lostAtStart = losses(await lab.control('n1').status());
});

test.after.always(async () => {
  rmSync(directory, { recursive: true });
  if (lab === undefined) return;
  await lab.down();
  await detachVxlanPeer(lab);
});

test.serial('the static peer is shown as one', async (t) => {
  const peers = await lab.control('n1').peers();
  const { name, kind, state, endpoint } = peers.find((peer) => peer.kind === 'static')!;
  t.deepEqual([name, kind, state, endpoint], ['kernel', 'static', 'static', '198.18.0.99:4789']);
});

type Way = [from: Place, to: Place, family: 4 | 6];

const pings = test.macro<Way>({
  exec: async (t, from, to, family) => {
    const headers = family === 4 ? 28 : 48;
    const sizes = [
      { bytes: 56, fragment: 'do' },
      { bytes: 1450 - headers, fragment: 'do' },
      { bytes: 1451 - headers, fragment: 'dont' },
      { bytes: 8_000, fragment: 'dont' },
      { bytes: 60_000, fragment: 'dont' },
    ];
    for (const { bytes, fragment } of sizes) {
      const size = ['-M', fragment, '-s', String(bytes)];
      // One: for the answer to the last of several, ping waits no longer than the interval between them.
      const output = await lab.exec(from, 'ping', '-nqc1', '-W10', ...size, addresses[to][family]);
      t.regex(output, /1 received/, `${bytes} bytes`);
    }
  },
  title: (_, from, to, family) => `pings of all sizes from ${from} to ${to} over IPv${family}`,
});

const datagrams = test.macro<Way>({
  exec: async (t, from, to, family) => {
    for (const bytes of [1, 1_423, 8_193, 60_001]) {
      const intact = await lab.probe(from, 'exchange', addresses[to][family], `${ECHO_PORT}`, '20', `${bytes}`);
      t.is(intact.trim(), '20', `${bytes} bytes`);
    }
  },
  title: (_, from, to, family) => `UDP datagrams of all sizes from ${from} to ${to} and back over IPv${family}`,
});

const stream = test.macro<[...Way, bytes: number]>({
  exec: async (t, from, to, family, bytes) => {
    const before = await checksumErrors(to);
    const port = nextPort++;
    const receiver = await lab.serve(to, port, 'sh', '-c', `socat -u TCP6-LISTEN:${port} STDOUT | sha256sum`);
    const part = `FILE:${file},readbytes=${bytes}`;
    await lab.exec(from, 'socat', '-u', '-b65536', part, `TCP:${hostOf(addresses[to][family])}:${port}`);
    const { stdout } = await receiver.ends();
    const checksum = (await runProgram(['sh', '-c', `head -c ${bytes} ${file} | sha256sum`])).succeeded();
    t.is(stdout, checksum);
    t.is((await checksumErrors(to)) - before, 0);
  },
  title: (_, from, to, family, bytes) =>
    `${bytes / 1024 / 1024} MB from ${from} to ${to} through TCP over IPv${family}`,
});

const superPackets = test.macro<Way>({
  exec: async (t, from, to, family) => {
    const before = await checksumErrors(to);
    const [port, count] = [nextPort++, `${BURST_DATAGRAMS}`];
    const { [family]: source } = addresses[from];
    const { [family]: address } = addresses[to];
    const receive = [numberedDatagrams, 'receive', address, `${port}`, count];
    const receiver = await lab.serve(to, port, process.execPath, ...receive);
    await lab.exec(from, process.execPath, numberedDatagrams, 'send', source, `${hostOf(address)}:${port}`, count);
    const { stdout } = await receiver.ends();
    t.deepEqual(JSON.parse(stdout) as ReceivedDatagrams, { intact: BURST_DATAGRAMS, damaged: 0 });
    t.is((await checksumErrors(to)) - before, 0);
  },
  title: (_, from, to, family) => `UDP super-packets from ${from} to ${to} over IPv${family} come apart again`,
});

for (const family of [4, 6] as const) {
  for (const [from, to] of [
    ['n1-p1', 'peer'],
    ['peer', 'n1-p1'],
  ] as const) {
    test.serial(pings, from, to, family);
    test.serial(datagrams, from, to, family);
    test.serial(stream, from, to, family, BULK_BYTES);
  }
  // There nobody trusts a checksum: what weft sends is verified, what weft receives went through another veth.
  for (const [from, to] of [
    ['n1-p1', 'peer-pod'],
    ['peer-pod', 'n1-p1'],
  ] as const) {
    test.serial(stream, from, to, family, BULK_BYTES / 10);
    test.serial(superPackets, from, to, family);
  }
}

test.serial('the peer did send super-packets', async (t) => {
  const [link] = JSON.parse(await lab.exec('peer', 'ip', '-j', '-s', 'link', 'show', 'eth0')) as [
    { stats64: { tx: { bytes: number; packets: number } } },
  ];
  const { bytes, packets } = link.stats64.tx;
  // Half of what it sent are acknowledgements of the streams that it took.
  t.true(bytes / packets > 2 * 1500, `${bytes} bytes in ${packets} frames`);
});

test.serial('weft dropped nothing of all this, and every packet is in its accounts', async (t) => {
  const status = await lab.control('n1').status();
  t.is(status.residual, 0);
  t.deepEqual(losses(status), lostAtStart);
});

test.serial('what the peer floods for another node is dropped, and not relayed', async (t) => {
  const other = (await lab.control('n2').status()).tun.mac;
  const commands = [
    'bridge fdb append 00:00:00:00:00:00 dev vx dst 198.18.0.1',
    `ip neigh add 10.244.2.1 lladdr ${other} dev vx nud permanent`,
    'ip route add 10.244.2.0/24 via 10.244.2.1 dev vx onlink',
  ];
  for (const command of commands) await lab.exec('peer', ...command.split(' '));
  const before = losses(await lab.control('n1').status())['inner-wrong-mac'] ?? 0;
  await lab.exec('peer', 'sh', '-c', 'ping -nqc1 -W1 10.244.2.2 || true');
  await until('n1 has dropped it', async () => {
    return losses(await lab.control('n1').status())['inner-wrong-mac'] === before + 1;
  });
  const { workers } = await lab.control('n1').status();
  t.true(workers.every(({ ingress }) => ingress.relayed === 0));
});

function hostOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** Packets that weft dropped, by the reason. */
function losses({ workers }: Status): Record<string, number> {
  const lost: Record<string, number> = {};
  for (const { egress, ingress } of workers) {
    const reasons = { ...egress.dropped, ...ingress.dropped };
    for (const [reason, packets] of Object.entries(reasons)) lost[reason] = (lost[reason] ?? 0) + packets;
  }
  // What the node's kernel tells its neighbours about multicast is for no pod.
  delete lost['node-link-control'];
  return lost;
}

/** TCP and UDP packets that this place refused for their checksums. Over IPv6, TCP is in the counters of IPv4, too. */
async function checksumErrors(place: Place): Promise<number> {
  const lines = (await lab.exec(place, 'cat', '/proc/net/snmp')).split('\n');
  const errorsOf = (protocol: string): number => {
    const [names = [], values = []] = lines
      .filter((line) => line.startsWith(`${protocol}: `))
      .map((line) => line.split(' '));
    return Number(values[names.indexOf('InCsumErrors')]);
  };
  const [, udp6] = /^Udp6InCsumErrors\s+(\d+)/m.exec(await lab.exec(place, 'cat', '/proc/net/snmp6')) ?? [];
  return errorsOf('Tcp') + errorsOf('Udp') + Number(udp6);
}

test.serial('a peer that leaves checksums to others, which was not agreed, is found by the doctor', async (t) => {
  await remakeVxlanDevice(lab, 'n1', 'udpcsum remcsumtx');
  t.true(await lab.reaches('peer-pod', addresses['n1-p1'][4]));
  const request = ['curl', '-s', '--max-time', '2', `http://${addresses['n1-p1'][4]}:${ECHO_PORT}/`];
  t.not((await lab.tryExec('peer-pod', ...request)).exitCode, 0);
  let finding: Diagnosis['findings'][number] | undefined;
  await until('the doctor finds it', async () => {
    const [{ findings }] = (await lab.control('n1').doctor({})).nodes as [Diagnosis];
    finding = findings.find(({ id }) => id === 'remote-checksum-not-agreed');
    return finding !== undefined;
  });
  t.is(finding?.severity, 'error');
  t.regex(finding?.evidence.join('\n') ?? '', /dropped as remote-checksum-not-agreed\nof the last: from kernel/);
  t.regex(finding?.fix.text ?? '', /without remcsumtx/);
});
