import test from 'ava';
import {
  echoRequest,
  ipPacket,
  makePartial,
  packetFault,
  tcpSegment,
  transportOf,
  udpDatagram,
} from '../support/ip-packet.ts';
import { pick } from '../support/mutation.ts';
import { OverlayNode, PLAIN_VIRTIO, joined, pod, residual, virtioHeader } from '../support/overlay-node.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;

test(`what node A reads from its TUN device is what node B writes to its own, seed ${SEED}`, (t) => {
  const random = new SeededRandom(SEED);
  const a = new OverlayNode('a');
  const b = new OverlayNode('b');
  for (let run = 0; run < 2000; run++) {
    const addresses = pick(random, [v4, v6]);
    const protocol = pick(random, [6, 17, addresses === v4 ? 1 : 58, 253]);
    const payload = [...random.bytes(random.below(1300))];
    const transport = transportFor(protocol, addresses === v4 ? 4 : 6, payload, random);
    const packet = ipPacket({ ...addresses, protocol, transport, identification: random.below(65_536) });
    const read = packet.slice();
    const isPartial = (protocol === 6 || protocol === 17) && random.below(2) === 0;
    if (isPartial) makePartial(read);
    const { at } = transportOf(packet);
    const virtio = isPartial ? virtioHeader(0, 0, at, protocol === 6 ? 16 : 6) : PLAIN_VIRTIO;
    const sent = a.send(virtio, read);
    const delivered = sent.flatMap(({ bytes }) => b.receive(bytes));
    t.deepEqual(
      delivered.map((one) => one.packet),
      [packet],
    );
  }
  t.is(residual(a.account().egress), 0);
  t.is(residual(b.account().ingress), 0);
});

test(`the payload of a super-packet arrives whole, joined or not, seed ${SEED}`, (t) => {
  const random = new SeededRandom(SEED);
  const a = new OverlayNode('a');
  const b = new OverlayNode('b');
  for (let run = 0; run < 100; run++) {
    const addresses = pick(random, [v4, v6]);
    const protocol = pick(random, [6, 17]);
    const payload = random.bytes(2000 + random.below(20_000));
    const gsoSize = 200 + random.below(1190);
    const packet = ipPacket({ ...addresses, protocol, transport: transportFor(protocol, 4, [...payload], random) });
    makePartial(packet);
    const { at } = transportOf(packet);
    const gsoType = protocol === 17 ? 5 : addresses === v4 ? 1 : 4;
    const sent = a.send(virtioHeader(gsoType, gsoSize, at, protocol === 6 ? 16 : 6), packet);
    const size = sent[0]!.bytes.length;
    const joinable = sent.slice(0, 40);
    const delivered =
      random.below(2) === 0
        ? sent.flatMap(({ bytes }) => b.receive(bytes))
        : [
            ...b.receive(joined(joinable.map(({ bytes }) => bytes)), size),
            ...sent.slice(40).flatMap(({ bytes }) => b.receive(bytes)),
          ];
    const headerLength = at + (protocol === 6 ? 20 : 8);
    t.true(delivered.every((one) => packetFault(one.packet, one.virtio[0] === 1) === ''));
    t.deepEqual(joined(delivered.map((one) => one.packet.subarray(headerLength))), payload);
  }
  t.is(a.account().egress.sent, b.account().ingress.delivered);
});

function transportFor(protocol: number, family: 4 | 6, payload: readonly number[], random: SeededRandom): number[] {
  if (protocol === 6) return tcpSegment(random.uint32(), 16, payload);
  if (protocol === 17) return udpDatagram(payload);
  return protocol === 253 ? [...payload] : echoRequest(family, payload);
}
