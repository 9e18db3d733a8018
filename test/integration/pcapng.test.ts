/** What other programs make of our captures and filters: tshark, capinfos and tcpdump are the judges. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { compileFilter } from '../../src/capture/bpf-compiler.ts';
import { formatComment } from '../../src/capture/comment.ts';
import { packetId } from '../../src/capture/packet-id.ts';
import { PcapngMerger } from '../../src/capture/pcapng-merger.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import { Hook } from '../../src/dataplane/hook.ts';
import { TapForm } from '../../src/dataplane/tap-record.ts';
import { compileExpression } from '../../src/linux/packet-filter.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { decodeCapture } from '../support/capture.ts';
import { ipPacket, makePartial, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import { mutated } from '../support/mutation.ts';
import { runProgram } from '../support/program.ts';
import { packetsOf, recordOf } from '../support/tap-record-bytes.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const section = { hardware: 'x64', os: 'Linux 6.18.1', application: 'weft 0.3.0' };
const directory = mkdtempSync(join(tmpdir(), 'weft-pcapng-'));
test.after.always(() => rmSync(directory, { recursive: true }));

const v4 = { source: [10, 1, 0, 2], destination: [10, 2, 0, 3] } as const;
const v6 = {
  source: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 1],
  destination: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 2],
} as const;
const filled = (length: number) => Array.from({ length }, (_, index) => index & 0xff);
const newWriter = () => new PcapngWriter(section, new TextEncoder());
const macs = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/** A super-packet of three segments from a pod, and the first of them on the underlay, over both families. */
function records() {
  const packet = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x18, filled(3000)) });
  makePartial(packet);
  const single = ipPacket({ ...v6, protocol: 17, transport: udpDatagram(filled(99)) });
  makePartial(single);
  const datagram = [0x08, 0x20, 0, 0, 0, 0, 42, 0x9b, ...macs, 0x86, 0xdd, ...single];
  return [
    recordOf(TapForm.virtio, [1, 1, 0, 0, 0xe8, 3, 20, 0, 16, 0, ...packet], { gsoSize: 1000 }),
    recordOf(TapForm.datagram, datagram, { hook: Hook.toUnderlay }),
    recordOf(TapForm.datagram, datagram, {
      localAddress: v6.source,
      remoteAddress: v6.destination,
      trafficClass: 0xb8,
    }),
  ];
}

test('tshark reads everything that stands in a file, and finds no checksum wrong', async (t) => {
  const out = newWriter();
  const inner = out.interface({ name: 'n1/from-pod', description: 'inner', filter: 'tcp or udp' });
  const outer = out.interface({ name: 'n1/to-underlay', description: 'rebuilt', os: 'Linux' });
  const ids: (bigint | undefined)[] = [];
  for (const [index, record] of records().entries()) {
    for (const { bytes, lengthBytes, inner: packet, segment } of packetsOf(record)) {
      const id = packetId(packet, 0, packet.length);
      ids.push(id);
      out.packet({
        interfaceId: index === 0 ? inner : outer,
        seconds: 1_763_841_600,
        nanoseconds: 123_456_789,
        bytes,
        lengthBytes,
        direction: index === 0 ? 'in' : 'out',
        lost: index,
        queue: 3,
        id: id!,
        comment: formatComment({ verdict: 'pass', route: '10.2.0.0/24', peer: 'n2', segment }),
      });
    }
  }
  const file = join(directory, 'all.pcapng');
  writeFileSync(file, out.take());
  const frames = await decodeCapture(file, [
    'frame.interface_name',
    'frame.interface_description',
    'frame.time_epoch',
    'frame.protocols',
    'frame.packet_id',
    'frame.drop_count',
    'frame.interface_queue',
    'frame.p2p_dir',
    'frame.comment',
    'ip.checksum.status',
    'tcp.checksum.status',
    'udp.checksum.status',
    'vxlan.vni',
    'vxlan.flags',
    'tcp.seq_raw',
    'ip.dsfield.dscp',
  ]);
  t.is(frames.length, 5);
  t.deepEqual(
    frames.map((frame) => frame['frame.packet_id'].map(BigInt)),
    ids.map((id) => [id!]),
  );
  t.like(frames[1], {
    'frame.interface_name': ['n1/from-pod'],
    'frame.interface_description': ['inner'],
    'frame.time_epoch': ['1763841600.123456789'],
    'frame.protocols': ['raw:ip:tcp:data'],
    'frame.interface_queue': ['3'],
    'frame.comment': ['weft verdict=pass route=10.2.0.0/24 peer=n2 segment=2/3'],
    'tcp.seq_raw': ['1001'],
  });
  t.deepEqual(frames[3]!['frame.drop_count'], ['1']);
  t.deepEqual(frames[3]!['frame.protocols'], ['raw:ip:udp:vxlan:eth:ethertype:ipv6:udp:dns']);
  t.deepEqual(frames[3]!['vxlan.vni'], ['42']);
  t.deepEqual(frames[3]!['udp.checksum.status'], ['1', '1']);
  t.deepEqual(frames[4]!['udp.checksum.status'], ['1', '1']);
  t.true(frames[4]!['frame.protocols'][0]!.startsWith('raw:ipv6:udp:vxlan:eth:ethertype:ipv6:udp'));
  const statuses = frames.flatMap((frame) => [
    ...frame['ip.checksum.status'],
    ...frame['tcp.checksum.status'],
    ...frame['udp.checksum.status'],
  ]);
  t.deepEqual(new Set(statuses), new Set(['1']));
});

test('tshark shows the names of pods that stand in a file', async (t) => {
  const out = newWriter();
  const interfaceId = out.interface({ name: 'n1/from-pod' });
  out.names([
    { address: { family: 4, bytes: Uint8Array.from(v4.source) }, name: 'n1/web' },
    { address: { family: 6, bytes: Uint8Array.from(v6.destination) }, name: 'n2/shop/database' },
  ]);
  for (const ends of [v4, v6]) {
    const bytes = ipPacket({ ...ends, protocol: 17, transport: udpDatagram(filled(20)) });
    out.packet({ interfaceId, seconds: 1, nanoseconds: 0, bytes, lengthBytes: bytes.length });
  }
  const file = join(directory, 'names.pcapng');
  writeFileSync(file, out.take());
  const fields = ['-T', 'fields', '-e', 'ip.src_host', '-e', 'ip.dst_host', '-e', 'ipv6.dst_host'];
  const shown = (await runProgram(['tshark', '-r', file, '-N', 'n', ...fields])).succeeded();
  t.deepEqual(shown.trimEnd().split('\n'), ['n1/web\t10.2.0.3\t', '\t\tn2/shop/database']);
});

test('of packets that were cut, tshark calls no checksum wrong either', async (t) => {
  const out = newWriter();
  out.interface({ name: 'n1/to-underlay', snaplenBytes: 60 });
  const packet = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x18, filled(1000)) });
  makePartial(packet);
  const datagram = [0x08, 0x20, 0, 0, 0, 0, 42, 0x11, ...macs, 0x08, 0, ...packet];
  for (const addresses of [{}, { localAddress: v6.source, remoteAddress: v6.destination }]) {
    const [made] = packetsOf(recordOf(TapForm.datagram, datagram, { ...addresses, keptBytes: 82 }));
    out.packet({ interfaceId: 0, seconds: 1, nanoseconds: 0, bytes: made!.bytes, lengthBytes: made!.lengthBytes });
  }
  const file = join(directory, 'cut.pcapng');
  writeFileSync(file, out.take());
  const frames = await decodeCapture(file, [
    'frame.len',
    'frame.cap_len',
    'udp.checksum.status',
    'tcp.checksum.status',
  ]);
  t.deepEqual(
    frames.map((frame) => Object.values(frame).flat()),
    [
      ['1090', '110', '2', '2'],
      ['1110', '130', '2', '2'],
    ],
  );
});

test('capinfos reads sections, interfaces and statistics of a merged file', async (t) => {
  const sink = newWriter();
  const merger = new PcapngMerger({ sink, decoder: new TextDecoder() });
  for (const [index, name] of ['n1', 'n2'].entries()) {
    const stream = merger.add({ offsetNs: index * 5_000_000_000, uncertaintyNs: 20_000 });
    const node = newWriter();
    node.interface({ name: `${name}/drop`, description: 'goes nowhere', filter: 'icmp' });
    const [made] = packetsOf(records()[1]!);
    const time = { seconds: 1_763_841_600 + index * 5, nanoseconds: 7 + index };
    node.packet({ interfaceId: 0, ...time, bytes: made!.bytes, lengthBytes: made!.lengthBytes });
    node.statistics({ interfaceId: 0, ...time, received: 40, dropped: 39 });
    merger.push(stream, node.take());
  }
  merger.end(0);
  merger.end(1);
  const file = join(directory, 'merged.pcapng');
  writeFileSync(file, sink.take());
  const said = (await runProgram(['capinfos', file])).succeeded();
  for (const words of [
    /File type: +Wireshark\/\.\.\. - pcapng/,
    /File encapsulation: +Raw IP/,
    /Number of packets: +2/,
    /Strict time order: +True/,
    /Capture hardware: +x64/,
    /Capture oper-sys: +Linux 6\.18\.1/,
    /Capture application: weft 0\.3\.0/,
    /Number of interfaces in file: 2/,
    /Name = n2\/drop/,
    /Description = goes nowhere; clock 5000\.000 ms ahead, \+-0\.020 ms, corrected/,
    /Comment = weft clock-offset-ns=5000000000 uncertainty-ns=20000 corrected=yes/,
    /Filter string = icmp/,
    /Time precision = nanoseconds \(9\)/,
    /Number of stat entries = 1/,
  ]) {
    t.regex(said, words);
  }
  const frames = await decodeCapture(file, ['frame.time_epoch']);
  t.deepEqual(
    frames.map((frame) => frame['frame.time_epoch'][0]),
    ['1763841600.000000007', '1763841600.000000008'],
  );
});

const expressions = [
  'ip',
  'ip6',
  'tcp',
  'udp port 53',
  'port 40000 or port 5201',
  'host 10.1.0.2',
  'src host 10.2.0.3',
  'dst net 10.2.0.0/16 and not udp',
  'net fd00::/16',
  'ip6 host fd00::2 and tcp',
  'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0',
  'tcp[13] == 24',
  'icmp or icmp6',
  'ip proto 6',
  'ip6 proto 17',
  'ip[8] < 64',
  'ip[6:2] & 0x1fff != 0',
  'greater 100',
  'less 60',
  'len % 2 == 1',
  'ip[2:2] - ((ip[0] & 0xf) << 2) > 20',
  'tcp[((tcp[12] & 0xf0) >> 2):4] = 0x00010203',
  'udp[4:2] / 3 = 13',
  'portrange 5000-6000',
  'ether proto 0x0800',
  'ip[1] & 0xfc >> 2 = 0',
  'not (tcp or udp)',
  'ip multicast or ip6 multicast',
  'ip6[6] = 58 and ip6[40] = 128',
];

test(`filters select what tcpdump selects (SEED=${SEED})`, async (t) => {
  const random = new SeededRandom(SEED);
  const originals = [
    ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x18, filled(30)) }),
    ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x02, []), options: [1, 1, 1, 0] }),
    ipPacket({ ...v4, protocol: 17, transport: udpDatagram(filled(30)) }),
    ipPacket({ ...v4, protocol: 17, fragment: 0x2001, transport: filled(40) }),
    ipPacket({ ...v4, protocol: 1, transport: [8, 0, 0, 0, 0, 1, 0, 1], timeToLive: 3 }),
    ipPacket({ ...v6, protocol: 6, transport: tcpSegment(1, 0x11, filled(80)) }),
    ipPacket({ ...v6, protocol: 17, transport: udpDatagram(filled(31)) }),
    ipPacket({ ...v6, protocol: 58, transport: [128, 0, 0, 0, 0, 1, 0, 1] }),
  ];
  const packets = Array.from({ length: 3000 }, (_, index) => {
    const packet = random.pick(originals);
    return index < 100 ? packet : mutated(random, packet);
  });
  const out = newWriter();
  out.interface({ name: 'n1/from-pod' });
  // The time of a packet is its number, by which it is known again.
  for (const [seconds, bytes] of packets.entries()) {
    out.packet({ interfaceId: 0, seconds, nanoseconds: 0, bytes, lengthBytes: bytes.length });
  }
  const file = join(directory, 'packets.pcapng');
  writeFileSync(file, out.take());
  for (const expression of expressions) {
    const selected = join(directory, 'selected.pcap');
    (await runProgram(['tcpdump', '-Z', 'root', '-r', file, '-w', selected, expression])).succeeded();
    const filter = compileFilter(compileExpression(expression));
    const ours = packets.flatMap((packet, index) => (filter(packet, 0, packet.length) === 0 ? [] : [index]));
    t.deepEqual(ours, timesOf(readFileSync(selected)), expression);
  }
});

/** Seconds of the packets of a classic capture file. */
function timesOf(file: Buffer): number[] {
  const times: number[] = [];
  for (let at = 24; at < file.length; at += 16 + file.readUInt32LE(at + 8)) times.push(file.readUInt32LE(at));
  return times;
}
