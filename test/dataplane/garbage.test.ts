import test from 'ava';
import { EGRESS_HEADROOM, MIN_HEADER_AREA_LENGTH } from '../../src/dataplane/egress.ts';
import { createFlightRecorderMemory, type FlightRecorderMemory } from '../../src/dataplane/flight-recorder.ts';
import { youngCollections } from '../support/collections.ts';
import { ipPacket, makePartial, tcpSegment, transportOf, udpDatagram } from '../support/ip-packet.ts';
import {
  joined,
  NO_COALESCING,
  OverlayNode,
  PLAIN_VIRTIO,
  pod,
  underlay,
  virtioHeader,
} from '../support/overlay-node.ts';

const PACKETS = 1_000_000;
/** Until everything is compiled, in packets. */
const WARM_UP = 100_000;

/** Where packets are put: behind the headers of segments, and off any alignment. */
const SLOT_AT = MIN_HEADER_AREA_LENGTH + 301;
const READ_AT = SLOT_AT + EGRESS_HEADROOM;
const LONGEST = 65_000;
const SENDER_AT = SLOT_AT + LONGEST + 1000;

/** Of the flight recorder, which is on unless somebody turns it off. */
const recorderMemory = (): FlightRecorderMemory => createFlightRecorderMemory(1_048_576, 1);

/** Node A reads the same from its TUN device, again and again, until `packets` packets were sent. */
function send(a: OverlayNode, read: Uint8Array, packets: number): void {
  const { transmitBatch } = a;
  for (let sent = 0; sent < packets; a.egress.clear(), a.recorder?.endTurn()) {
    a.memory.set(read, READ_AT);
    a.egress.push(READ_AT, read.length);
    for (let datagram = 0; datagram < transmitBatch.datagramCount; datagram++) a.egress.sent(datagram);
    sent += transmitBatch.datagramCount;
  }
}

/** Node B receives the same datagrams, again and again, until `packets` packets were delivered. */
function receive(b: OverlayNode, datagrams: readonly Uint8Array[], packets: number): void {
  const { deliveryBatch } = b;
  for (let received = 0; received < packets; received += datagrams.length) {
    for (let index = 0, at = SLOT_AT; index < datagrams.length; index++) {
      const datagram = datagrams[index]!;
      b.memory.set(datagram, at);
      b.ingress.push(at, datagram.length, 0, 4, SENDER_AT, 0);
      at += datagram.length;
    }
    b.ingress.flush();
    for (let packet = 0; packet < deliveryBatch.packetCount; packet++) b.ingress.delivered(packet);
    b.ingress.clear();
    b.recorder?.endTurn();
  }
}

const allocatesNothing = test.macro({
  async exec(t, read: Uint8Array, coalescing?: typeof NO_COALESCING) {
    const a = new OverlayNode('a', undefined, undefined, true, false, undefined, recorderMemory());
    const b = new OverlayNode('b', undefined, coalescing, true, false, undefined, recorderMemory());
    const datagrams = a.sendRaw(read).map(({ bytes }) => bytes);
    b.memory.set(underlay.a, SENDER_AT);
    send(a, read, WARM_UP);
    receive(b, datagrams, WARM_UP);
    const before = { sent: a.account().egress.sent, delivered: b.account().ingress.delivered };
    t.is(await youngCollections(() => send(a, read, PACKETS)), 0);
    t.is(await youngCollections(() => receive(b, datagrams, PACKETS)), 0);
    t.true(a.account().egress.sent - before.sent >= PACKETS);
    t.true(b.account().ingress.delivered - before.delivered >= PACKETS);
  },
  title: (name = '') => `a million packets pass each way without a garbage collection: ${name}`,
});

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;

function superPacket(addresses: typeof v4 | typeof v6, protocol: 6 | 17, payloadBytes: number, gsoSize: number) {
  const payload = Array.from({ length: payloadBytes }, (_, index) => index & 0xff);
  const transport = protocol === 6 ? tcpSegment(1, 16, payload) : udpDatagram(payload);
  const packet = ipPacket({ ...addresses, protocol, transport });
  makePartial(packet);
  const gsoType = protocol === 17 ? 5 : addresses === v4 ? 1 : 4;
  return joined([virtioHeader(gsoType, gsoSize, transportOf(packet).at, protocol === 6 ? 16 : 6), packet]);
}

function datagram(addresses: typeof v4 | typeof v6, sourcePort: number) {
  const transport = udpDatagram([1, 2, 3, 4], sourcePort);
  return joined([PLAIN_VIRTIO, ipPacket({ ...addresses, protocol: 17, transport })]);
}

// Two flows each: of the hashes of two, one is likely to have its highest bit set.
test.serial('UDP over IPv4', allocatesNothing, datagram(v4, 40_000));
test.serial('UDP over IPv4, another flow', allocatesNothing, datagram(v4, 40_001));
test.serial('UDP over IPv6', allocatesNothing, datagram(v6, 40_000));
test.serial('UDP over IPv6, another flow', allocatesNothing, datagram(v6, 40_001));
test.serial('TCP super-packets over IPv4', allocatesNothing, superPacket(v4, 6, 40_000, 1000));
test.serial('TCP super-packets over IPv6', allocatesNothing, superPacket(v6, 6, 40_000, 1000));
test.serial('UDP super-packets', allocatesNothing, superPacket(v4, 17, 30_000, 500));
test.serial(
  'TCP super-packets, delivered one by one',
  allocatesNothing,
  superPacket(v4, 6, 40_000, 1000),
  NO_COALESCING,
);

test.serial('garbage would be noticed', async (t) => {
  const kept: number[][] = [];
  const collections = await youngCollections(() => {
    for (let packet = 0; packet < PACKETS; packet++) kept[packet & 7] = [packet];
  });
  t.true(collections > 0);
});
