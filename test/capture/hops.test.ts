/** What taps record of real packets on their way from one node to another, made into packets of a capture. */
import test from 'ava';
import { packetId } from '../../src/capture/packet-id.ts';
import { TappedPackets } from '../../src/capture/tapped-packets.ts';
import { TapHeader } from '../../src/capture/tap-reader.ts';
import { hooks } from '../../src/dataplane/hook.ts';
import type { TapRingReader } from '../../src/dataplane/tap-ring.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { ipPacket, makePartial, packetFault, tcpSegment, transportOf, udpDatagram } from '../support/ip-packet.ts';
import {
  COALESCING,
  MTU,
  OverlayNode,
  PLAIN_VIRTIO,
  encapsulated,
  joined,
  pod,
  virtioHeader,
} from '../support/overlay-node.ts';
import { RandomFlow } from '../support/random-flow.ts';
import { capture } from '../support/tap-records.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = 1500;
const HOOKS = ['from-pod', 'route', 'encapsulate', 'to-underlay', 'from-underlay', 'decapsulate', 'to-pod'];

interface Seen {
  readonly id: bigint | undefined;
  readonly inner: Uint8Array;
  /** What is wrong with the packet, or with the one in it. */
  readonly fault: string;
}

/** Takes all records out of a ring, as packets of a capture, by hook. */
function take(reader: TapRingReader, seen: Map<string, Seen[]>): void {
  const header = new TapHeader();
  const made = new TappedPackets();
  for (let view = reader.peek(); view !== undefined; view = reader.peek()) {
    header.read(view.bytes, view.at);
    made.begin(view.bytes, header);
    while (made.next()) {
      const { bytes, at, capturedBytes, innerAt, innerLengthBytes } = made;
      const inner = bytes.slice(innerAt, innerAt + innerLengthBytes);
      const fault = packetFault(bytes.slice(at, at + capturedBytes)) || packetFault(inner);
      const { name } = hooks[header.hook]!;
      seen.set(name, [...(seen.get(name) ?? []), { id: packetId(bytes, innerAt, innerLengthBytes), inner, fault }]);
    }
    reader.advance();
  }
}

/** A packet of a pod of node A to one of node B, as the TUN device gives it. */
function packetOf(random: SeededRandom, flow: RandomFlow): readonly [virtio: Uint8Array, packet: Uint8Array] {
  if (random.happens(0.3)) return [PLAIN_VIRTIO, flow.next(0.3)];
  const is4 = random.happens(0.5);
  const isTcp = random.happens(0.6);
  const addresses = is4 ? { source: pod.a4, destination: pod.b4 } : { source: pod.a6, destination: pod.b6 };
  const options = random.happens(0.5) ? [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2] : [];
  const payload = [...random.bytes(1 + random.below(5000))];
  const transport = isTcp
    ? tcpSegment(random.uint32(), random.pick([0x10, 0x18, 0x19, 0x90]), payload, options)
    : udpDatagram(payload);
  const fragment = random.pick([0, 0x4000]);
  const packet = ipPacket({ ...addresses, protocol: isTcp ? 6 : 17, transport, fragment });
  makePartial(packet);
  const { at } = transportOf(packet);
  const headerLength = at + (isTcp ? 20 + options.length : 8);
  const gsoSize = MTU - headerLength - random.below(200);
  const isSuper = packet.length > MTU;
  const gsoType = isSuper ? (isTcp ? (is4 ? 1 : 4) : 5) : 0;
  return [virtioHeader(gsoType, isSuper ? gsoSize : 0, at, isTcp ? 16 : 6), packet];
}

const follows = test.macro({
  exec(t, remoteChecksum: boolean) {
    const random = new SeededRandom(SEED);
    const flow = new RandomFlow(random, 1234);
    const a = new OverlayNode('a', MTU, COALESCING, true, remoteChecksum);
    const b = new OverlayNode('b', MTU, COALESCING, true, remoteChecksum);
    const rings = [capture(a.taps, {})[0]!, capture(b.taps, {})[0]!];
    let packets = 0;
    let supers = 0;
    for (let run = 0; run < RUNS; run++) {
      const sent = a.send(...packetOf(random, flow));
      const lengths = new Set(sent.slice(0, -1).map(({ bytes }) => bytes.length));
      const isJoined = sent.length > 1 && lengths.size === 1 && random.happens(0.7);
      const datagrams = sent.map(({ bytes }) => bytes);
      if (isJoined) b.receive(joined(datagrams), datagrams[0]!.length);
      else for (const datagram of datagrams) b.receive(datagram);
      const seen = new Map<string, Seen[]>();
      for (const ring of rings) take(ring, seen);
      if (seen.has('drop')) continue;
      t.deepEqual([...seen.keys()], HOOKS, `run ${run}`);
      packets += sent.length;
      if (sent.length > 1) supers++;
      const first = seen.get('from-pod')!;
      for (const [hook, here] of seen) {
        const where = `${hook}, run ${run}`;
        t.deepEqual(here.map(({ fault }) => fault).filter(Boolean), [], where);
        t.deepEqual(
          here.map(({ id }) => id),
          first.map(({ id }) => id),
          where,
        );
        t.false(
          here.some(({ id }) => id === undefined),
          where,
        );
      }
      t.deepEqual(
        seen.get('from-underlay')!.map(({ inner }) => inner),
        seen.get('to-underlay')!.map(({ inner }) => inner),
      );
    }
    t.true(packets > RUNS && supers > RUNS / 4, `${packets} packets, ${supers} super-packets`);
  },
  title: (what) => `packets are whole, right and known again at every hook ${what} (SEED=${SEED})`,
});

test('with complete checksums between nodes', follows, false);
test('with Remote Checksum Offload between nodes', follows, true);

test(`packets that were put together on arrival are known again (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED, 1);
  const b = new OverlayNode('b');
  const [ring] = capture(b.taps, {});
  let together = 0;
  for (let run = 0; run < RUNS; run++) {
    const flow = new RandomFlow(random, 1234);
    const datagrams = Array.from({ length: 12 }, () => encapsulated(flow.next(0.02)));
    const lengthBytes = datagrams[0]!.length;
    if (datagrams.some(({ length }) => length !== lengthBytes)) continue;
    const delivered = b.receive(joined(datagrams), lengthBytes);
    const seen = new Map<string, Seen[]>();
    take(ring!, seen);
    const arrived = seen.get('from-underlay')!;
    t.is(arrived.length, datagrams.length);
    if (seen.has('drop')) continue;
    const ids = (packets: readonly Seen[]) => packets.map(({ id }) => id);
    t.deepEqual(ids(seen.get('to-pod')!), ids(arrived), `run ${run}`);
    t.deepEqual(
      seen
        .get('to-pod')!
        .map(({ fault }) => fault)
        .filter(Boolean),
      [],
      `run ${run}`,
    );
    if (delivered.length < datagrams.length) together++;
  }
  t.true(together > RUNS / 10, `${together} super-packets`);
});
