/** What a capture of the underlay shows: VXLAN as everybody knows it. `docs/captures.md` says the same in words. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { decodeCapture, startCapture, type DecodedFrame } from '../support/capture.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const fields = [
  'frame.len',
  'frame.protocols',
  'vxlan.vni',
  'vxlan.flags',
  'eth.src',
  'eth.dst',
  'ip.src',
  'ip.id',
  'ip.flags.df',
  'ip.flags.mf',
  'ip.frag_offset',
  'ip.checksum.status',
  'ipv6.src',
  'ipv6.fraghdr.ident',
  'udp.srcport',
  'udp.dstport',
  'udp.checksum',
  'udp.checksum.status',
  'tcp.checksum.status',
  'icmp.checksum.status',
  'icmpv6.checksum.status',
] as const;
type Frame = DecodedFrame<(typeof fields)[number]>;

/** Values of the status fields of tshark. */
const Checksum = { bad: '0', good: '1' } as const;

/** The flags I, and C of VXLAN Remote Checksum Offload. */
const REMOTE_CHECKSUM_FLAGS = '0x0820';

const TCP_PORT = 7001;
const ECHO_PORT = 7000;
/** Flows of a kind: enough that 16 source ports do not all fall together. */
const FLOWS = 8;
const PODS = ['10.244.2.2', 'fd00:10:244:2::2'] as const;

const directory = mkdtempSync(join(tmpdir(), 'weft-capture-'));
const labs: TestLab[] = [];
/** On a plain underlay, and on one with the offloads of a veth. */
let plain: readonly Frame[];
let offloaded: readonly Frame[];
let macs: readonly string[];

test.before(async () => {
  const [lab, other] = await Promise.all([labOf('--plain-underlay'), labOf()]);
  [plain, offloaded] = await Promise.all([capturedTraffic(lab), capturedTraffic(other)]);
  const statuses = await Promise.all(['n1', 'n2'].map(async (node) => lab.control(node).status()));
  macs = statuses.map(({ tun }) => tun.mac);
});

test.after.always(async () => {
  rmSync(directory, { recursive: true });
  for (const lab of labs) await lab.down();
});

async function labOf(...options: readonly string[]): Promise<TestLab> {
  const lab = await TestLab.up('--nodes', '2', '--pods', '1', ...options);
  labs.push(lab);
  return lab;
}

/** A little of everything between two pods, as it looks in front of the first one's node. */
async function capturedTraffic(lab: TestLab): Promise<Frame[]> {
  const file = join(directory, `${lab.name}.pcap`);
  await lab.serveEcho('n2-p1', ECHO_PORT);
  await lab.serve(
    'n2-p1',
    TCP_PORT,
    'socat',
    `TCP6-LISTEN:${TCP_PORT},fork,backlog=64`,
    'SYSTEM:head -c 100000 /dev/zero',
  );
  const capture = await startCapture(lab, 'n1', file);
  for (const address of PODS) {
    await lab.exec('n1-p1', 'ping', '-nqc3', '-i0.05', '-W2', address);
    await lab.exec('n1-p1', 'ping', '-nqc3', '-i0.05', '-W2', '-s5000', address);
    await lab.probe('n1-p1', 'exchange', address, `${ECHO_PORT}`, '5', '100');
    await lab.probe('n1-p1', 'exchange', address, `${ECHO_PORT}`, '5', '5000');
    const target = address.includes(':') ? `TCP:[${address}]:${TCP_PORT}` : `TCP:${address}:${TCP_PORT}`;
    await Promise.all(
      Array.from({ length: FLOWS }, async () => lab.exec('n1-p1', 'socat', '-u', target, 'OPEN:/dev/null')),
    );
  }
  // The kernel hands over packets in blocks, once a second, and who is ended before that gets none of the last one.
  const mark = Buffer.from('the last of them');
  await until('the last packet is in the file', async () => {
    await lab.tryExec('n1-p1', 'ping', '-nqc1', '-W2', '-p', mark.toString('hex'), PODS[0]);
    return readFileSync(file).includes(mark);
  });
  await capture.end('SIGINT');
  return await decodeCapture(file, fields);
}

const decodes = test.macro<[inner: string]>({
  exec: (t, inner) => {
    const stack = `eth:ethertype:ip:udp:vxlan:eth:ethertype:${inner}`;
    t.true(plain.some((frame) => frame['frame.protocols'][0]!.startsWith(stack)));
  },
  title: (_, inner) => `tshark decodes down to ${inner}`,
});

for (const inner of ['ip:tcp', 'ipv6:tcp', 'ip:udp', 'ipv6:udp', 'ip:icmp', 'ipv6:icmpv6', 'ipv6:ipv6.fraghdr']) {
  test.serial(decodes, inner);
}

test.serial('every frame is VXLAN of our network, and nothing else', (t) => {
  t.true(plain.length > 300);
  for (const frame of plain) {
    t.regex(frame['frame.protocols'][0]!, /^eth:ethertype:ip:udp:vxlan:eth:ethertype:ipv?6?:?/);
    t.deepEqual([frame['vxlan.vni'], frame['vxlan.flags'], frame['udp.dstport'][0]], [['42'], ['0x0800'], '4789']);
  }
});

test.serial('flows leave from several source ports of the dynamic range', (t) => {
  for (const node of ['198.18.0.1', '198.18.0.2']) {
    const sent = plain.filter((frame) => frame['ip.src'][0] === node);
    const ports = new Set(sent.map((frame) => Number(frame['udp.srcport'][0])));
    t.true(ports.size >= 4, `${ports.size} ports`);
    t.true(ports.size <= 16, `${ports.size} ports`);
    for (const port of ports) t.true(port >= 49_152 && port <= 65_535, `${port}`);
  }
});

test.serial('outer packets ask not to be fragmented, and have a checksum', (t) => {
  for (const frame of plain) {
    t.is(frame['ip.flags.df'][0], '1');
    t.not(frame['udp.checksum'][0], '0x0000');
  }
});

test.serial('no frame is longer than the underlay takes, and none was cut', (t) => {
  t.is(Math.max(...plain.map((frame) => Number(frame['frame.len'][0]))), 1514);
});

test.serial('inner MAC addresses are synthetic, and those that the status shows', (t) => {
  for (const mac of macs) t.is(Number.parseInt(mac.slice(0, 2), 16) & 0b11, 0b10, mac);
  const pairs = new Set(plain.map((frame) => `${frame['eth.src'][1]} ${frame['eth.dst'][1]}`));
  t.deepEqual([...pairs].sort(), [`${macs[0]} ${macs[1]}`, `${macs[1]} ${macs[0]}`].sort());
});

test.serial('all fragments of a packet leave from one source port', (t) => {
  const portsOf = new Map<string, string[]>();
  for (const frame of plain) {
    const key = fragmentKey(frame);
    if (key !== undefined) portsOf.set(key, [...(portsOf.get(key) ?? []), frame['udp.srcport'][0]!]);
  }
  // Three pings and five datagrams, there and back, over both families.
  t.is(portsOf.size, 32);
  for (const [packet, ports] of portsOf) t.deepEqual([ports.length, new Set(ports).size], [4, 1], packet);
});

/** Which inner packet the frame has a fragment of. */
function fragmentKey(frame: Frame): string | undefined {
  const [ident] = frame['ipv6.fraghdr.ident'];
  if (ident !== undefined) return `${frame['ipv6.src'][0]} ${ident}`;
  const isFragment = frame['ip.flags.mf'][1] === '1' || Number(frame['ip.frag_offset'][1] ?? 0) > 0;
  return isFragment ? `${frame['ip.src'][1]} ${frame['ip.id'][1]}` : undefined;
}

for (const field of ['ip', 'udp', 'tcp', 'icmp', 'icmpv6'] as const) {
  test.serial(`no checksum of ${field} is wrong on a plain underlay, and many were looked at`, (t) => {
    const statuses = plain.flatMap((frame) => frame[`${field}.checksum.status`]);
    t.is(statuses.filter((status) => status === Checksum.bad).length, 0);
    t.true(statuses.filter((status) => status === Checksum.good).length >= 12);
  });
}

test.serial('on a veth with offloads, outer checksums are partial, and segments are not cut yet', (t) => {
  const partial = offloaded.filter((frame) => frame['udp.checksum.status'][0] === Checksum.bad);
  // A partial sum may be the right one by chance, and the kernel completes that of what it fragments.
  t.true(partial.length > 0.95 * offloaded.length, `${partial.length} of ${offloaded.length}`);
  t.true(Math.max(...offloaded.map((frame) => Number(frame['frame.len'][0]))) > 5_000);
});

test.serial('there inner checksums are left to the outer one, with a flag that says so, or complete', (t) => {
  const [flagged, others] = [true, false].map((wanted) =>
    offloaded.filter((frame) => (frame['vxlan.flags'][0] === REMOTE_CHECKSUM_FLAGS) === wanted),
  );
  t.true(flagged!.length > 20);
  const statuses = others!.flatMap((frame) => [
    ...frame['tcp.checksum.status'],
    ...frame['udp.checksum.status'].slice(1),
  ]);
  t.is(statuses.filter((status) => status === Checksum.bad).length, 0);
});
