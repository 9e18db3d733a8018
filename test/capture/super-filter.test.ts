/** Filters for super-packets: whoever wants a segment must want the super-packet, or nobody ever asks for the segment. */
import test from 'ava';
import { compileFilter } from '../../src/capture/bpf-compiler.ts';
import type { BpfInstruction } from '../../src/capture/bpf-program.ts';
import { TapForm } from '../../src/dataplane/tap-record.ts';
import { compileExpression } from '../../src/linux/packet-filter.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { ipPacket, makePartial, tcpSegment, transportOf, u16, udpDatagram } from '../support/ip-packet.ts';
import { packetsOf, recordOf } from '../support/tap-record-bytes.ts';
import { withLibpcap } from '../support/with-libpcap.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const v4 = { source: [10, 1, 0, 2], destination: [10, 2, 0, 3] } as const;
const v6 = {
  source: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 1],
  destination: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 2],
} as const;

interface SuperPacket {
  readonly packet: Uint8Array;
  readonly segments: readonly Uint8Array[];
}

function superPacket(random: SeededRandom): SuperPacket {
  const addresses = random.pick([v4, v6]);
  const isTcp = random.happens(0.6);
  const payload = Array.from({ length: 100 + random.below(2000) }, () => random.below(4));
  const options = random.pick([[], [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]]);
  const transport = isTcp
    ? tcpSegment(random.uint32(), random.pick([0x10, 0x18, 0x19, 0x90]), payload, options)
    : udpDatagram(payload);
  const trafficClass = random.below(256);
  const packet = ipPacket({ ...addresses, protocol: isTcp ? 6 : 17, transport, trafficClass });
  makePartial(packet);
  const { at } = transportOf(packet);
  const gsoSize = 40 + random.below(500);
  const [start, field] = [at, isTcp ? 16 : 6].map((value) => u16(value).toReversed());
  const virtio = [1, isTcp ? 1 : 5, 0, 0, ...u16(gsoSize).toReversed(), ...start!, ...field!];
  const record = recordOf(TapForm.virtio, [...virtio, ...packet], { gsoSize });
  return { packet, segments: packetsOf(record).map(({ bytes }) => bytes) };
}

/** Looks at one place, and wants the packet if it finds there what one of the segments has. */
function lookAt(random: SeededRandom, { segments }: SuperPacket): BpfInstruction[] {
  const segment = random.pick(segments);
  const size = random.pick([1, 2, 4] as const);
  const offset = random.below(Math.min(segment.length, 100) - size);
  const found = [...segment.subarray(offset, offset + size)].reduce((sum, octet) => sum * 256 + octet, 0);
  return [
    [{ 1: 0x30, 2: 0x28, 4: 0x20 }[size], 0, 0, offset],
    [random.pick([0x15, 0x15, 0x15, 0x25, 0x35]), 0, 1, found],
    [0x06, 0, 0, 1],
    [0x06, 0, 0, 0],
  ];
}

test(`a filter that wants a segment wants the super-packet, wherever it looks (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  let wanted = 0;
  let refused = 0;
  for (let run = 0; run < 3000; run++) {
    const one = superPacket(random);
    const program = lookAt(random, one);
    const exact = compileFilter(program);
    const coarse = compileFilter(program, { segmentsOf: true })(one.packet, 0, one.packet.length) !== 0;
    const isWanted = one.segments.some((segment) => exact(segment, 0, segment.length) !== 0);
    if (isWanted && !coarse) t.fail(`run ${run}: ${JSON.stringify(program)}`);
    if (isWanted) wanted++;
    if (!coarse) refused++;
  }
  t.true(wanted > 2000 && refused > 50, `${wanted} wanted, ${refused} refused`);
});

const expressions = [
  'tcp[tcpflags] & tcp-push != 0',
  'tcp[tcpflags] & tcp-fin != 0 and ip',
  'greater 300',
  'less 100',
  'udp port 53',
  'ip[4:2] = 0x1236',
  'tcp[4:4] > 0x80000000',
  'udp[4:2] < 100',
  'ip6[4:2] < 100',
  'tcp[((tcp[12] & 0xf0) >> 2):4] = 0x00010203',
  'udp[8] = 3 and udp[9] = 2',
  'net 10.2.0.0/16 and len % 7 = 3',
  'ip[1] & 0x0c = 0x08',
];

for (const expression of expressions) {
  withLibpcap(`a super-packet is wanted if a segment of it is "${expression}" (SEED=${SEED})`, (t) => {
    const random = new SeededRandom(SEED);
    const program = compileExpression(expression);
    const exact = compileFilter(program);
    const coarse = compileFilter(program, { segmentsOf: true });
    let wanted = 0;
    for (let run = 0; run < 400; run++) {
      const { packet, segments } = superPacket(random);
      if (!segments.some((segment) => exact(segment, 0, segment.length) !== 0)) continue;
      wanted++;
      t.not(coarse(packet, 0, packet.length), 0);
    }
    t.true(wanted > 0);
  });
}

withLibpcap('a super-packet that no filter could want a segment of is refused at once', (t) => {
  const random = new SeededRandom(SEED);
  for (const expression of ['icmp', 'port 7', 'host 10.9.9.9', 'tcp dst port 80 and greater 100', 'udp[0:2] = 1']) {
    const coarse = compileFilter(compileExpression(expression), { segmentsOf: true });
    for (let run = 0; run < 50; run++) {
      const { packet } = superPacket(random);
      t.is(coarse(packet, 0, packet.length), 0, expression);
    }
  }
});
