import test from 'ava';
import { compileFilter } from '../../src/capture/bpf-compiler.ts';
import { MAX_BPF_INSTRUCTIONS, type BpfInstruction, type BpfProgram } from '../../src/capture/bpf-program.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { interpretBpf } from '../support/bpf-interpreter.ts';
import { ipPacket, tcpSegment, udpDatagram } from '../support/ip-packet.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const PROGRAMS = 20_000;

const loads = [0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0xb1];
/** Every code there is; loads are drawn more often. */
const codes = [
  [...loads, ...loads, ...loads],
  [0x00, 0x01, 0x60, 0x61, 0x80, 0x81, 0x02, 0x03, 0x07, 0x87],
  [0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c],
  [0x64, 0x6c, 0x74, 0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac],
  [0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d],
].flat();
const numbers = [0, 1, 2, 3, 4, 9, 12, 15, 31, 32, 33, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

function randomInstruction(random: SeededRandom, left: number): BpfInstruction {
  const code = random.pick(codes);
  const jump = () => random.below(Math.min(left, 8));
  let k = random.pick([random.pick(numbers), random.below(60), random.uint32()]);
  if ([0x02, 0x03, 0x60, 0x61].includes(code)) k = random.below(16);
  if ([0x34, 0x94].includes(code) && k === 0) k = 7;
  if (loads.includes(code) && random.happens(0.7)) k = random.below(44);
  return code === 0x05 ? [code, 0, 0, jump()] : [code, jump(), jump(), k];
}

function randomProgram(random: SeededRandom): BpfProgram {
  const count = 1 + random.below(24);
  const program = Array.from({ length: count }, (_, index) => randomInstruction(random, count - index));
  return [
    ...program,
    random.pick<BpfInstruction>([
      [0x16, 0, 0, 0],
      [0x06, 0, 0, random.uint32()],
    ]),
  ];
}

test(`random programs do what an interpreter makes of them (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  let matches = 0;
  for (let run = 0; run < PROGRAMS; run++) {
    const program = randomProgram(random);
    const compiled = compileFilter(program);
    const at = random.below(8);
    const packet = random.bytes(random.below(64));
    const bytes = Uint8Array.from([...random.bytes(at), ...packet, ...random.bytes(16)]);
    const available = random.happens(0.2) ? random.below(packet.length + 1) : packet.length;
    const expected = interpretBpf(program, packet, available);
    if (compiled(bytes, at, packet.length, available) !== expected) {
      t.fail(`run ${run}: ${JSON.stringify(program)} for ${packet.toString()} of which ${available} are there`);
      return;
    }
    if (expected !== 0) matches++;
  }
  t.true(matches > PROGRAMS / 10, `only ${matches} programs returned something`);
});

test(`a program with more jumps than blocks may nest does the same (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED, 1);
  const program: BpfInstruction[] = [];
  while (program.length < MAX_BPF_INSTRUCTIONS - 4) {
    const left = MAX_BPF_INSTRUCTIONS - program.length;
    program.push([0x15, random.below(Math.min(3, left)), random.below(Math.min(3, left)), random.below(2)]);
    program.push([0x04, 0, 0, random.below(3)], [0x54, 0, 0, 3]);
    program.push([0x30, 0, 0, random.below(40)]);
  }
  while (program.length < MAX_BPF_INSTRUCTIONS) program.push([0x16, 0, 0, 0]);
  const compiled = compileFilter(program);
  for (let run = 0; run < 50; run++) {
    const packet = random.bytes(40).map((octet) => octet & 3);
    t.is(compiled(packet, 0, packet.length), interpretBpf(program, packet));
  }
});

const v4 = { source: [10, 1, 0, 2], destination: [10, 2, 0, 3] } as const;
const v6 = { source: Array.from({ length: 16 }, () => 1), destination: Array.from({ length: 16 }, () => 2) } as const;
const payload = Array.from({ length: 3000 }, () => 0x61);
const tcpOf = (addresses: typeof v4 | typeof v6) =>
  ipPacket({ ...addresses, protocol: 6, transport: tcpSegment(1, 0x18, payload, [1, 1, 1, 0]) });
const udpOf = (addresses: typeof v4 | typeof v6) =>
  ipPacket({ ...addresses, protocol: 17, transport: udpDatagram(payload) });

const tcp4 = tcpOf(v4);
const tcp6 = tcpOf(v6);
const udp4 = udpOf(v4);
const udp6 = udpOf(v6);

/** Loads `size` bytes at `offset` and says no whatever they are. */
const looksAt = (offset: number, size: 1 | 2 | 4): BpfProgram => [
  [{ 1: 0x30, 2: 0x28, 4: 0x20 }[size], 0, 0, offset],
  [0x06, 0, 0, 0],
];

const differs = test.macro({
  exec(t, packet: Uint8Array, offset: number, size: 1 | 2 | 4, expected: boolean) {
    const compiled = compileFilter(looksAt(offset, size), { segmentsOf: true });
    t.is(compiled(packet, 0, packet.length), expected ? 1 : 0);
  },
  title: (name, _packet, _offset, _size, expected) =>
    `of a super-packet, ${name} ${expected ? 'may differ between' : 'is the same in all'} segments`,
});

test('the version of IPv4', differs, tcp4, 0, 1, false);
test('the total length', differs, tcp4, 2, 2, true);
test('the word with the total length', differs, tcp4, 0, 4, true);
test('the identification', differs, tcp4, 4, 2, true);
test('the fragment offset', differs, tcp4, 6, 2, false);
test('the protocol', differs, tcp4, 9, 1, false);
test('the header checksum', differs, tcp4, 10, 2, true);
test('the IPv4 source', differs, tcp4, 12, 4, false);
test('the IPv4 destination', differs, tcp4, 16, 4, false);
test('a word across the end of the IPv4 header', differs, tcp4, 18, 4, true);
test('a TCP port', differs, tcp4, 22, 2, false);
test('the sequence number', differs, tcp4, 24, 4, true);
test('the acknowledgment', differs, tcp4, 28, 4, false);
test('the TCP header length', differs, tcp4, 32, 1, false);
test('the TCP flags', differs, tcp4, 33, 1, true);
test('the window', differs, tcp4, 34, 2, false);
test('the TCP checksum', differs, tcp4, 36, 2, true);
test('a TCP option', differs, tcp4, 40, 4, false);
test('TCP payload', differs, tcp4, 44, 1, true);
test('a UDP port', differs, udp4, 22, 2, false);
test('the UDP length', differs, udp4, 24, 2, true);
test('the UDP checksum', differs, udp4, 26, 2, true);
test('UDP payload', differs, udp4, 28, 1, true);
test('the IPv6 payload length', differs, tcp6, 4, 2, true);
test('the next header', differs, tcp6, 6, 1, false);
test('the IPv6 source', differs, tcp6, 8, 4, false);
test('the last word of the IPv6 destination', differs, tcp6, 36, 4, false);
test('a TCP port over IPv6', differs, tcp6, 42, 2, false);
test('the TCP flags over IPv6', differs, tcp6, 53, 1, true);
test('a UDP port over IPv6', differs, udp6, 42, 2, false);
test('the UDP length over IPv6', differs, udp6, 44, 2, true);
test('a byte behind the end', differs, tcp4, tcp4.length, 1, false);

test('of a super-packet, the length may differ between segments', (t) => {
  const longerThan = compileFilter(
    [
      [0x80, 0, 0, 0],
      [0x25, 0, 1, 9000],
      [0x06, 0, 0, 1],
      [0x06, 0, 0, 0],
    ],
    {
      segmentsOf: true,
    },
  );
  t.is(longerThan(tcp4, 0, tcp4.length), 1);
});

test('of a super-packet, what is the same in all segments still decides', (t) => {
  const isUdp = compileFilter([...looksAt(9, 1).slice(0, 1), [0x15, 0, 1, 17], [0x06, 0, 0, 9], [0x06, 0, 0, 0]], {
    segmentsOf: true,
  });
  t.is(isUdp(tcp4, 0, tcp4.length), 0);
  t.is(isUdp(udp4, 0, udp4.length), 9);
});

test('a program is checked before anything is made of it', (t) => {
  t.throws(() => compileFilter([[0x06, 0, 0, '0; globalThis.x = 1' as never]]), { code: 'filter-invalid' });
});
