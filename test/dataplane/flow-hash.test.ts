import test from 'ava';
import { flowHash } from '../../src/dataplane/flow-hash.ts';
import { InnerPacket } from '../../src/dataplane/inner-packet.ts';
import { type PacketParts, ipPacket, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import { pod } from '../support/overlay-node.ts';

const v4 = { source: pod.a4, destination: pod.b4, protocol: 17 } as const;
const v6 = { source: pod.a6, destination: pod.b6, protocol: 17 } as const;

function hashOf(parts: PacketParts, at = 0): number {
  const bytes = Uint8Array.from([...new Uint8Array(at), ...ipPacket(parts)]);
  const packet = new InnerPacket();
  packet.parse(bytes, at, bytes.length - at);
  return flowHash(bytes, packet);
}

test('packets of one flow hash alike, whatever they carry and wherever they lie', (t) => {
  const first = hashOf({ ...v4, transport: udpDatagram([1]) });
  t.is(hashOf({ ...v4, transport: udpDatagram([1, 2, 3]), identification: 9, trafficClass: 1 }, 3), first);
  t.is(hashOf({ ...v4, transport: udpDatagram([2]), options: [1, 1, 1, 0] }), first);
});

test('another port is another flow', (t) => {
  t.not(hashOf({ ...v4, transport: udpDatagram([1], 1) }), hashOf({ ...v4, transport: udpDatagram([1], 2) }));
});

test('another protocol is another flow', (t) => {
  t.not(hashOf({ ...v4, transport: udpDatagram([1]) }), hashOf({ ...v4, protocol: 132, transport: udpDatagram([1]) }));
});

test('all fragments of an IPv4 packet hash alike, the first included', (t) => {
  const first = hashOf({ ...v4, fragment: 0x2000, transport: udpDatagram([1, 2, 3, 4, 5, 6, 7, 8]) });
  t.is(hashOf({ ...v4, fragment: 0x2002, transport: [9, 9, 9, 9, 9, 9, 9, 9] }), first);
  t.is(hashOf({ ...v4, fragment: 0x0003, transport: [8, 8, 8] }), first);
});

/** An IPv6 fragment header of a UDP packet. */
const fragment = (offset: number) => [17, 0, offset >> 8, offset & 0xff, 0, 0, 0, 1];

test('all fragments of an IPv6 packet hash alike, the first included', (t) => {
  const parts = { ...v6, protocol: 44, firstExtension: 44 };
  const first = hashOf({ ...parts, transport: [...fragment(1), ...udpDatagram([1, 2, 3, 4, 5, 6, 7, 8])] });
  t.is(hashOf({ ...parts, transport: [...fragment(0x11), 9, 9, 9, 9, 9, 9, 9, 9] }), first);
  t.is(hashOf({ ...parts, transport: [...fragment(0x18), 8, 8, 8] }), first);
});

test('ports behind IPv6 extension headers count', (t) => {
  const parts = { ...v6, firstExtension: 60, options: [17, 0, 1, 4, 0, 0, 0, 0] };
  t.not(hashOf({ ...parts, transport: udpDatagram([1], 1) }), hashOf({ ...parts, transport: udpDatagram([1], 2) }));
});

test('a transport too short for ports is no obstacle', (t) => {
  t.is(hashOf({ ...v4, transport: [1, 2, 3] }), hashOf({ ...v4, transport: [] }));
});

test('flows spread evenly over 16 sockets', (t) => {
  const counts = Array.from({ length: 16 }, () => 0);
  for (let port = 1024; port < 2624; port++) counts[hashOf({ ...v4, transport: udpDatagram([1], port) }) % 16]!++;
  const hosts = Array.from({ length: 16 }, () => 0);
  for (let host = 0; host < 1600; host++) {
    const source = [10, 244, 1 + (host >> 8), host & 0xff];
    hosts[hashOf({ ...v4, source, protocol: 6, transport: tcpSegment(1, 16, []) }) % 16]!++;
  }
  t.true(
    [...counts, ...hosts].every((count) => count > 60 && count < 140),
    `${counts.join(' ')}, ${hosts.join(' ')}`,
  );
});
