import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import type { DirectionAccount } from '../../src/dataplane/accounts.ts';
import { dropReasons } from '../../src/dataplane/drop-reason.ts';
import {
  echoRequest,
  ipPacket,
  makePartial,
  packetFault,
  tcpSegment,
  transportOf,
  udpDatagram,
} from '../support/ip-packet.ts';
import { reassembled } from '../support/reassembly.ts';
import { mutated, pick } from '../support/mutation.ts';
import {
  COALESCING,
  type DeliveredPacket,
  MTU,
  OverlayNode,
  PLAIN_VIRTIO,
  type SentDatagram,
  encapsulated,
  joined,
  pod,
  residual,
  virtioHeader,
} from '../support/overlay-node.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const SEEDS = Number(process.env['FUZZ_SEEDS'] ?? 4);
/** For each seed and direction. */
const RUNS = 30_000;
const RUNS_PER_CHECK = 1000;
/** Of the path to the peer. */
const MTUS = [1450, 1000, 350, 84, 60];
const WITHOUT_OUTER_FRAGMENTS = 60;
const reached = new Set<string>();
const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const filled = (length: number) => Array.from({ length }, (_, index) => (index * 7) & 0xff);
const allRouters = [0xff, 2, ...Array.from({ length: 13 }, () => 0), 2];
const routing = [17, 0, 0, 0, 0, 0, 0, 0];

const packets = [v4, v6].flatMap((addresses) => [
  ipPacket({ ...addresses, protocol: 17, transport: udpDatagram(filled(30)) }),
  ipPacket({
    ...addresses,
    protocol: 6,
    transport: tcpSegment(1, 0x98, filled(60), [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]),
  }),
  ipPacket({ ...addresses, protocol: 253, transport: filled(9) }),
  ipPacket({
    ...addresses,
    protocol: addresses === v4 ? 1 : 58,
    transport: echoRequest(addresses === v4 ? 4 : 6, [1]),
  }),
]);
packets.push(
  ipPacket({ ...v4, protocol: 17, fragment: 0x2001, transport: filled(16) }),
  ipPacket({ ...v4, protocol: 17, fragment: 0, transport: udpDatagram(filled(300)) }),
  ipPacket({ ...v4, protocol: 17, fragment: 0, options: [0x82, 3, 1, 0], transport: udpDatagram(filled(300)) }),
  ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 2, [], [1, 2, 4, 5, 0x82, 0, 0, 0]) }),
  ipPacket({ ...v4, protocol: 17, options: [1, 1, 1, 0], transport: udpDatagram(filled(8)) }),
  ipPacket({ ...v6, protocol: 44, transport: [17, 0, 0, 1, 0, 0, 0, 9, ...filled(16)] }),
  ipPacket({ ...v6, protocol: 17, firstExtension: 43, options: routing, transport: udpDatagram(filled(8)) }),
  // A multicast listener report, as the node's own kernel sends it.
  ipPacket({ ...v6, destination: allRouters, protocol: 58, transport: [143, 0, 0, 0, 0, 0, 0, 0] }),
);
const large = [v4, v6].flatMap((addresses) => [
  ipPacket({ ...addresses, protocol: 17, transport: udpDatagram(filled(600)) }),
  ipPacket({ ...addresses, protocol: 6, transport: tcpSegment(1, 0x98, filled(1500)) }),
]);
large.push(
  ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x10, filled(2500)) }),
  ipPacket({ ...v4, protocol: 17, fragment: 0, transport: udpDatagram(filled(2500)) }),
);

function reads(random: SeededRandom): Uint8Array {
  const isSuper = random.below(4) === 0;
  const packet = pick(random, isSuper ? large : packets).slice();
  const { protocol, at } = transportOf(packet);
  let virtio: Uint8Array = PLAIN_VIRTIO;
  if ((protocol === 6 || protocol === 17) && (isSuper || random.below(2) === 0)) {
    makePartial(packet);
    const gsoType = protocol === 17 ? 5 : packet[0]! >> 4 === 4 ? 1 : 4;
    const size = random.below(200) === 0 ? 1 : 60 + random.below(600);
    virtio = virtioHeader(isSuper ? gsoType : 0, isSuper ? size : 0, at, protocol === 6 ? 16 : 6);
  }
  const read = joined([virtio, packet]);
  const how = random.below(10);
  if (how === 0) return random.bytes(random.below(200));
  return how === 1 ? read : mutated(random, read);
}

function datagrams(random: SeededRandom): { datagram: Uint8Array; groSize: number } {
  const one = pick(random, random.below(8) === 0 ? large : packets).slice();
  if (random.below(4) === 0 && [6, 17].includes(transportOf(one).protocol)) makePartial(one);
  // Without a checksum.
  const { protocol, at } = transportOf(one);
  if (protocol === 17 && random.below(50) === 0) one.fill(0, at + 6, at + 8);
  // Whatever lies behind the packet in its frame.
  const padding = random.below(6) === 0 ? random.bytes(1 + random.below(40)) : new Uint8Array(0);
  const datagram = encapsulated(joined([one, padding]));
  if (random.below(8) === 0) {
    // The mark of a checksum that is left to us, more or less where it belongs.
    datagram[1] = 0x20;
    datagram[7] = pick(random, [0x11, 0x91, 0x1b, 0x9b]);
  }
  const groSize = random.below(4) === 0 ? 1 + random.below(random.below(8) === 0 ? 3 : 400) : 0;
  const how = random.below(12);
  if (how === 0) return { datagram: random.bytes(random.below(200)), groSize };
  if (how === 1) return { datagram, groSize };
  if (how > 3) return { datagram: mutated(random, datagram), groSize };
  const pieces = Array.from({ length: 1 + random.below(5) }, () =>
    random.below(2) === 0 ? datagram : mutated(random, datagram),
  );
  return { datagram: joined(pieces), groSize: datagram.length };
}

/** What went out, if it asked for nothing, is what came in; else it adds up. */
function egressFault(read: Uint8Array, sent: readonly SentDatagram[], mtuBytes: number): string {
  const packet = read.subarray(10);
  const isFragmented = (read[1]! & 0x7f) === 0 && sent.length > 1;
  for (const { bytes, outerFragmentBytes } of sent) {
    const frame = encapsulated(bytes.subarray(22));
    if (!equal(frame.subarray(0, 22), bytes.subarray(0, 22))) return 'headers of weft';
    const inner = bytes.subarray(22);
    const needsChecksum = (read[0]! & 1) === 1;
    if (!needsChecksum && !isFragmented && !isSyn(packet) && !equal(inner, packet)) {
      return 'changed a packet that it had nothing to do with';
    }
    if (inner.length > mtuBytes && outerFragmentBytes === 0) return 'above the MTU';
    if (outerFragmentBytes > 0 && (inner[0]! >> 4 !== 6 || inner.length > 1280)) return 'an outer packet in fragments';
    // Of the IP header, only that of segments is made by weft.
    const fault = sent.length > 1 ? packetFault(inner) : '';
    if (fault !== '') return fault;
    if (sent.length === 1 && inner.length !== packet.length) return 'length of a single packet';
  }
  return isFragmented ? fragmentsFault(read, sent, mtuBytes) : '';
}

function fragmentsFault(read: Uint8Array, sent: readonly SentDatagram[], mtuBytes: number): string {
  const packet = read.subarray(10);
  const whole = reassembled(
    sent.map(({ bytes }) => bytes.subarray(22)),
    mtuBytes,
  );
  if (typeof whole === 'string') return `fragments: ${whole}`;
  const headerLength = (packet[0]! & 0x0f) * 4;
  const needsChecksum = (read[0]! & 1) === 1;
  if (whole.length !== packet.length) return 'fragments: length';
  if (needsChecksum || equal(whole.subarray(headerLength), packet.subarray(headerLength))) return '';
  return 'fragments: payload';
}

/** Such a one may be changed: see `segment-size.ts`. */
function isSyn(packet: Uint8Array): boolean {
  const { protocol, at } = transportOf(packet);
  return protocol === 6 && (packet[at + 13]! & 2) !== 0;
}

function ingressFault(delivered: readonly DeliveredPacket[]): string {
  for (const { virtio, packet } of delivered) {
    if (virtio[0]! > 1) return 'flags of the virtio-net header';
    const fault = packetFault(packet, virtio[0] === 1);
    if (fault !== '') return fault;
    const isSuper = virtio[1] !== 0;
    if (isSuper && virtio[0] !== 1) return 'a super-packet with a complete checksum';
    if (isSuper && virtio[4]! + virtio[5]! * 256 === 0) return 'a super-packet of empty segments';
    const [source, destination] = packet[0]! >> 4 === 4 ? [packet[14], packet[18]] : [packet[15], packet[31]];
    if (source !== 1 || destination !== 2) return 'addresses of somebody else';
  }
  return '';
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  test.serial(
    `${RUNS} broken packets from the TUN device, seed ${seed}: no throw, each accounted for, nothing broken sent`,
    async (t) => {
      const random = new SeededRandom(seed);
      const paths = MTUS.map((mtuBytes) => {
        const outerFragmentation = mtuBytes !== WITHOUT_OUTER_FRAGMENTS;
        return { mtuBytes, node: new OverlayNode('a', mtuBytes, COALESCING, outerFragmentation), sent: 0, errors: 0 };
      });
      for (let run = 0; run < RUNS; run++) {
        const read = reads(random);
        const path = pick(random, paths);
        const { mtuBytes, node } = path;
        node.errors.beginTurn(run);
        const sent = node.sendRaw(read);
        path.sent += sent.length;
        const errors = node.takeErrors();
        path.errors += errors.length;
        const fault = egressFault(read, sent, mtuBytes) || errors.map((error) => packetFault(error)).join('');
        if (fault !== '') t.fail(`run ${run}, MTU ${mtuBytes}: ${fault}: ${hex(read)}`);
        if (run % RUNS_PER_CHECK > 0) continue;
        t.is(residual(node.account().egress), 0);
        // Lets the test runner see that something goes on.
        await setImmediate();
      }
      for (const { node, sent, errors } of paths) {
        const account = node.account().egress;
        t.is(residual(account), 0);
        t.is(account.sent, sent);
        t.is(account.delivered, errors);
        t.is(account.queued, 0);
        t.true(account.sent > RUNS / 10 / MTUS.length);
        note(account);
      }
    },
  );

  test.serial(
    `${RUNS} broken datagrams from the underlay, seed ${seed}: no throw, each accounted for, nothing broken delivered`,
    async (t) => {
      const random = new SeededRandom(seed);
      const nodes = [false, true].map((isAgreed) => new OverlayNode('b', MTU, COALESCING, true, isAgreed));
      let deliveredCount = 0;
      for (let run = 0; run < RUNS; run++) {
        const { datagram, groSize } = datagrams(random);
        const sender = random.below(50) === 0 ? random.bytes(4) : undefined;
        const node = pick(random, nodes);
        const trafficClass = random.below(4) === 0 ? random.below(256) : 0;
        const delivered = node.receive(datagram, groSize, sender, trafficClass);
        for (const one of delivered) deliveredCount += one.innerPackets;
        const fault = ingressFault(delivered);
        if (fault !== '') t.fail(`run ${run}: ${fault}: ${hex(datagram)} by ${groSize}`);
        if (run % RUNS_PER_CHECK > 0) continue;
        t.is(residual(node.account().ingress), 0);
        // Lets the test runner see that something goes on.
        await setImmediate();
      }
      const accounts = nodes.map((node) => node.account().ingress);
      t.deepEqual(accounts.map(residual), [0, 0]);
      t.is(
        accounts.reduce((sum, { delivered }) => sum + delivered, 0),
        deliveredCount,
      );
      for (const account of accounts) {
        t.is(account.queued, 0);
        t.true(account.delivered > RUNS / 20);
        note(account);
      }
    },
  );
}

test.serial('every reason that bytes can lead to was reached', (t) => {
  // What relaying leads to is in relay.test.ts, and injected faults in faults.test.ts.
  const notByBytes = /^(underlay-|send-|datagram-too-big|icmp-error-undelivered|tun-|relay|fault-)/;
  const missing = dropReasons.filter(({ name }) => !reached.has(name) && !notByBytes.test(name));
  t.deepEqual(
    missing.map(({ name }) => name),
    [],
  );
});

function note(account: DirectionAccount): void {
  for (const [name, count] of Object.entries(account.dropped)) if (count > 0) reached.add(name);
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((octet, index) => octet === right[index]);
}

function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
}
