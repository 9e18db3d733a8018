import test from 'ava';
import { Ecn, combineEcn } from '../../src/dataplane/traffic-class.ts';
import { ipPacket, makePartial, packetFault, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import {
  COALESCING,
  MTU,
  OverlayNode,
  PLAIN_VIRTIO,
  encapsulated,
  pod,
  residual,
  underlay,
  virtioHeader,
} from '../support/overlay-node.ts';

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const { notCapable, capable0, capable1, congestion } = Ecn;
const names = ['Not-ECT', 'ECT(1)', 'ECT(0)', 'CE'];
const DSCP = 46 << 2;
const filled = (length: number) => Array.from({ length }, (_, index) => index & 0xff);
const udp = (addresses: typeof v4 | typeof v6, trafficClass: number) =>
  ipPacket({ ...addresses, protocol: 17, transport: udpDatagram([1, 2, 3]), trafficClass });
const trafficClassOf = (packet: Uint8Array) =>
  packet[0]! >> 4 === 4 ? packet[1]! : ((packet[0]! & 0x0f) << 4) | (packet[1]! >> 4);

// RFC 6040, section 4.2, figure 4: by inner mark, the outer ones in the order of the figure.
const figure4: readonly (readonly [inner: Ecn, outcomes: readonly (Ecn | -1)[]])[] = [
  [notCapable, [notCapable, notCapable, notCapable, -1]],
  [capable0, [capable0, capable0, capable1, congestion]],
  [capable1, [capable1, capable1, capable1, congestion]],
  [congestion, [congestion, congestion, congestion, congestion]],
];
const outers = [notCapable, capable0, capable1, congestion];

for (const [inner, outcomes] of figure4) {
  for (const [column, outcome] of outcomes.entries()) {
    const outer = outers[column]!;
    const becomes = outcome === -1 ? 'is dropped as congestion-not-expected' : `becomes ${names[outcome]}`;
    test(`${names[inner]} in ${names[outer]} ${becomes}`, (t) => {
      t.is(combineEcn(inner, outer), outcome);
      for (const addresses of [v4, v6]) {
        const node = new OverlayNode('b');
        const datagram = encapsulated(udp(addresses, DSCP | inner));
        // The outer DSCP stays outside.
        const delivered = node.receive(datagram, 0, underlay.a, (10 << 2) | outer);
        if (outcome === -1) {
          t.deepEqual(delivered, []);
          t.deepEqual(node.drops('ingress'), { 'congestion-not-expected': 1 });
          t.is(residual(node.account().ingress), 0);
        } else {
          t.deepEqual(
            delivered.map(({ packet }) => packet),
            [udp(addresses, DSCP | outcome)],
          );
        }
      }
    });
  }
}

test('a super-packet of a kernel peer takes over congestion as well', (t) => {
  const packet = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 16, filled(5000)), trafficClass: capable0 });
  const [delivered] = new OverlayNode('b').receive(encapsulated(packet), 0, underlay.a, congestion);
  t.is(trafficClassOf(delivered!.packet), congestion);
  t.is(packetFault(delivered!.packet, true), '');
});

test('switched off, congestion stays outside, and nothing is dropped for it', (t) => {
  const node = new OverlayNode('b', MTU, COALESCING, true, false, { ecn: false, dscp: 'copy' });
  for (const inner of outers) {
    const packet = udp(v4, inner);
    t.deepEqual(node.receive(encapsulated(packet), 0, underlay.a, congestion)[0]!.packet, packet);
  }
});

const shows = test.macro({
  exec: (t, ecn: boolean, dscp: 'copy' | number, inner: number, outer: number) => {
    for (const addresses of [v4, v6]) {
      const node = new OverlayNode('a', MTU, COALESCING, true, false, { ecn, dscp });
      const packet = udp(addresses, inner);
      const [sent] = node.send(PLAIN_VIRTIO, packet);
      t.is(sent!.trafficClass, outer);
      t.deepEqual(sent!.bytes.slice(22), packet, 'the inner header stays as it is');
    }
  },
  title: (name) => `the outer header shows ${name}`,
});

for (const inner of outers) {
  test(`DSCP and ${names[inner]} of the inner one`, shows, true, 'copy', DSCP | inner, DSCP | inner);
  test(`no ECN for ${names[inner]} if that is off`, shows, false, 'copy', DSCP | inner, DSCP);
}
test('a fixed DSCP beside the inner ECN', shows, true, 10, DSCP | capable0, (10 << 2) | capable0);
test('a fixed DSCP of 0', shows, true, 0, DSCP | capable1, capable1);
test('a fixed DSCP without ECN', shows, false, 63, DSCP | congestion, 63 << 2);

test('all segments of a super-packet get the same outer traffic class, and the next packet its own', (t) => {
  const packet = ipPacket({ ...v6, protocol: 6, transport: tcpSegment(1, 16, filled(3000)), trafficClass: DSCP | 2 });
  makePartial(packet);
  const node = new OverlayNode('a');
  const sent = node.send(virtioHeader(4, 1000, 40, 16), packet);
  t.deepEqual(
    sent.map(({ trafficClass }) => trafficClass),
    [DSCP | 2, DSCP | 2, DSCP | 2],
  );
  t.is(node.send(PLAIN_VIRTIO, udp(v4, 0))[0]!.trafficClass, 0);
});
