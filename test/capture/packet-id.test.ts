import test from 'ava';
import { packetId } from '../../src/capture/packet-id.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { bytes } from '../support/bytes.ts';
import { completeChecksum, ipPacket, put16, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import { mutated } from '../support/mutation.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const v4 = { source: [10, 1, 0, 2], destination: [10, 2, 0, 3] } as const;
const v6 = {
  source: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 1],
  destination: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 2],
} as const;
const payload = Array.from({ length: 50 }, (_, index) => index);

const tcp = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x18, payload, [2, 4, 5, 180]) });
const tcp6 = ipPacket({ ...v6, protocol: 6, transport: tcpSegment(1, 0x18, payload) });
const acknowledgment = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x10, []) });
const udp = ipPacket({ ...v4, protocol: 17, transport: udpDatagram(payload) });
const udpNoDf = ipPacket({ ...v4, protocol: 17, fragment: 0, transport: udpDatagram(payload) });
const udp6 = ipPacket({ ...v6, protocol: 17, transport: udpDatagram(payload) });
const echo = ipPacket({ ...v4, protocol: 1, transport: [8, 0, 0, 0, 0, 7, 0, 1, ...payload] });
const echo6 = ipPacket({ ...v6, protocol: 58, transport: [128, 0, 0, 0, 0, 7, 0, 1, ...payload] });
const sctp = ipPacket({ ...v4, protocol: 132, transport: payload });
const fragment = ipPacket({ ...v4, protocol: 17, fragment: 0x2001, transport: payload });
const fragment6 = ipPacket({
  ...v6,
  protocol: 44,
  transport: [17, 0, 0, 9, 1, 2, 3, 4, ...payload],
});

const idOf = (packet: Uint8Array) => packetId(packet, 0, packet.length);

/** A copy with other octets from `at` on. */
function changed(packet: Uint8Array, at: number, hex: string): Uint8Array {
  const copy = Uint8Array.from(packet);
  copy.set(bytes(hex), at);
  return copy;
}

const same = test.macro({
  exec(t, packet: Uint8Array, at: number, hex: string) {
    const other = changed(packet, at, hex);
    t.notDeepEqual(other, packet);
    t.is(idOf(other), idOf(packet));
    t.not(idOf(packet), undefined);
  },
  title: (what) => `${what} does not count`,
});

test('the hop limit of IPv4', same, tcp, 8, '3f');
test('the header checksum', same, tcp, 10, 'abcd');
test('the traffic class of IPv4', same, tcp, 1, 'ff');
test('the identification of TCP with payload', same, tcp, 4, 'abcd');
test('the TCP checksum', same, tcp, 36, 'abcd');
test('the MSS', same, tcp, 42, '0500');
test('PSH', same, tcp, 33, '10');
test('CWR and ECE', same, tcp, 33, 'd8');
test('the window', same, tcp, 34, 'abcd');
test('the identification of UDP that may not be fragmented', same, udp, 4, 'abcd');
test('the UDP checksum', same, udp, 26, 'abcd');
test('the hop limit of IPv6', same, tcp6, 7, '3f');
test('the traffic class of IPv6', same, tcp6, 0, '6ff0');
test('the UDP checksum over IPv6', same, udp6, 46, 'abcd');
test('the ICMP checksum', same, echo, 22, 'abcd');
test('the ICMPv6 checksum', same, echo6, 42, 'abcd');
test('the checksum of a fragment', same, fragment, 26, 'abcd');

const differs = test.macro({
  exec(t, packet: Uint8Array, at: number, hex: string) {
    const other = changed(packet, at, hex);
    t.not(idOf(other), idOf(packet));
    t.not(idOf(other), undefined);
  },
  title: (what) => `${what} counts`,
});

test('the IPv4 source', differs, tcp, 15, '03');
test('the IPv4 destination', differs, tcp, 19, '04');
test('the protocol', differs, sctp, 9, '85');
test('a port of TCP', differs, tcp, 20, 'abcd');
test('the sequence number', differs, tcp, 24, '00000002');
test('the acknowledgment', differs, tcp, 28, '00000002');
test('FIN', differs, tcp, 33, '19');
test('SYN', differs, tcp, 33, '1a');
test('the identification of TCP without payload', differs, acknowledgment, 4, 'abcd');
test('a port of UDP', differs, udp, 22, 'abcd');
test('the first byte of UDP payload', differs, udp, 28, 'ff');
test('the 32nd byte of UDP payload', differs, udp, 59, 'ff');
test('the identification of UDP that may be fragmented', differs, udpNoDf, 4, 'abcd');
test('the flow label', differs, udp6, 1, '012345');
test('the IPv6 source', differs, udp6, 23, '03');
test('the IPv6 destination', differs, udp6, 39, '03');
test('a port of UDP over IPv6', differs, udp6, 42, 'abcd');
test('the ICMP type', differs, echo, 20, '00');
test('the ICMP identifier', differs, echo, 24, '0008');
test('the ICMP sequence number', differs, echo, 26, '0002');
test('the ICMPv6 sequence number', differs, echo6, 46, '0002');
test('what another protocol carries', differs, sctp, 20, 'ff');
test('the identification of a fragment', differs, fragment, 4, 'abcd');
test('the offset of a fragment', differs, fragment, 6, '2002');
test('the identification of an IPv6 fragment', differs, fragment6, 44, '05');
test('the offset of an IPv6 fragment', differs, fragment6, 42, '0011');

test('the length counts', (t) => {
  for (const [shorter, longer] of [
    [tcpSegment(1, 0x10, [1]), tcpSegment(1, 0x10, [1, 2])],
    [udpDatagram([1]), udpDatagram([1, 0])],
  ]) {
    const protocol = shorter!.length > 12 ? 6 : 17;
    const [a, b] = [shorter!, longer!].map((transport) => ipPacket({ ...v4, protocol, transport }));
    t.not(idOf(a!), idOf(b!));
  }
});

test('UDP payload beyond 32 bytes does not count, and need not be there', (t) => {
  t.is(idOf(changed(udp, 60, 'ff')), idOf(udp));
  t.is(packetId(udp, 0, udp.length, 60), idOf(udp));
  t.is(packetId(udp, 0, udp.length, 59), undefined);
});

test('of TCP the headers are enough', (t) => {
  t.is(packetId(tcp, 0, tcp.length, 40), idOf(tcp));
  t.is(packetId(tcp, 0, tcp.length, 39), undefined);
});

test('padding behind the packet does not count', (t) => {
  for (const packet of [tcp, udp6]) t.is(idOf(Uint8Array.from([...packet, 0, 0, 0])), idOf(packet));
});

test('a packet may be anywhere', (t) => {
  const moved = Uint8Array.from([9, 9, 9, ...udp6, 9, 9]);
  t.is(packetId(moved, 3, udp6.length), idOf(udp6));
});

const nothing = test.macro({
  exec: (t, packet: Uint8Array) => t.is(idOf(packet), undefined),
  title: (what) => `${what} has no id`,
});

test('nothing', nothing, new Uint8Array(0));
test('something else than IP', nothing, changed(tcp, 0, '55'));
test('a header that is too short', nothing, changed(tcp, 0, '44'));
test('a header that is not all there', nothing, tcp.subarray(0, 19));
test('an IPv6 header that is not all there', nothing, tcp6.subarray(0, 39));
test('a packet that claims to be longer than it is', nothing, changed(tcp, 2, '0100'));
test('an IPv6 packet that claims so', nothing, changed(udp6, 4, '0100'));
test('a chain of extensions that runs out of the packet', nothing, changed(udp6, 6, '00').subarray(0, 44));

// Nodes of different versions must come to the same number.
const golden = test.macro({
  exec: (t, packet: Uint8Array, id: bigint) => t.is(idOf(packet), id),
  title: (what) => `the id of ${what} never changes`,
});

test('a TCP packet', golden, tcp, 13_675_069_303_050_482_227n);
test('a UDP packet over IPv6', golden, udp6, 2_261_354_321_351_070_102n);
test('an echo request', golden, echo, 9_761_107_772_628_953_093n);
test('a fragment', golden, fragment, 17_664_787_981_896_286_351n);

test(`ids of many packets are different (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  const ids = new Set<bigint>();
  const halves = [new Set<bigint>(), new Set<bigint>()] as const;
  const packet = Uint8Array.from(tcp);
  for (let run = 0; run < 20_000; run++) {
    put16(packet, 24, run >> 8);
    put16(packet, 26, (run & 0xff) << 8);
    completeChecksum(packet);
    const id = idOf(packet)!;
    ids.add(id);
    halves[0].add(id >> 32n);
    halves[1].add(id & 0xffff_ffffn);
  }
  t.is(ids.size, 20_000);
  // Of as many random numbers of 32 bits, a handful at most meet.
  for (const half of halves) t.true(half.size > 19_980);
  t.notThrows(() => {
    for (let run = 0; run < 20_000; run++) {
      const garbage = mutated(random, random.pick([tcp, udp, udp6, echo6, fragment6]));
      packetId(garbage, 0, garbage.length, random.below(garbage.length + 1));
    }
  });
});
