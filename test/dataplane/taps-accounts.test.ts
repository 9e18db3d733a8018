import test from 'ava';
import type { DirectionAccount } from '../../src/dataplane/accounts.ts';
import { DropReason } from '../../src/dataplane/drop-reason.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { echoRequest, ipPacket, makePartial, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import { mutated, pick } from '../support/mutation.ts';
import {
  COALESCING,
  encapsulated,
  joined,
  OverlayNode,
  PLAIN_VIRTIO,
  pod,
  virtioHeader,
} from '../support/overlay-node.ts';
import { RelayingNode, podOf, station } from '../support/relaying-node.ts';
import { capture, takeRecords, type TapRecord } from '../support/tap-records.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = 3000;
/** Packets that are made, the slow and obvious way: each is used again and again. */
const POOL = 100;

const filled = (length: number): number[] => Array.from({ length }, (_, index) => (index * 7) & 0xff);
const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;

/** Segments of the records at each hook, and of drops by reason, of one direction. */
class Tally {
  readonly hooks: Record<string, number> = {};
  readonly drops: Record<string, number> = {};
  /** Of the drops, those of what was not in a batch yet. */
  early = 0;

  add({ hook, segments, reason, form }: TapRecord): void {
    this.hooks[hook] = (this.hooks[hook] ?? 0) + segments;
    if (reason === undefined) return;
    this.drops[reason] = (this.drops[reason] ?? 0) + segments;
    if (form === 'virtio') this.early += segments;
  }

  at(hook: string): number {
    return this.hooks[hook] ?? 0;
  }
}

function tally(records: readonly TapRecord[], tallies: Record<'egress' | 'ingress', Tally>): void {
  for (const record of records) tallies[record.direction].add(record);
}

function dropsOf(account: DirectionAccount): Record<string, number> {
  return Object.fromEntries(Object.entries(account.dropped).filter(([, count]) => count > 0));
}

test(`what a capture of everything sees leaving is what the accounts say (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  const reads = Array.from({ length: POOL }, () => randomRead(random));
  for (const mtuBytes of [1450, 500, 100]) {
    const node = new OverlayNode('a', mtuBytes);
    const [ring] = capture(node.taps, {});
    const tallies = { egress: new Tally(), ingress: new Tally() };
    for (let run = 0; run < RUNS; run++) {
      node.failure = random.below(10) === 0 ? DropReason.sendBufferFull : undefined;
      const read = pick(random, reads);
      node.sendRaw(random.below(3) === 0 ? mutated(random, read) : read);
      node.failure = undefined;
      node.takeErrors();
      tally(takeRecords(ring!), tallies);
    }
    const { egress } = node.account();
    const seen = tallies.egress;
    t.is(ring!.lost, 0);
    t.is(seen.at('route') + seen.early, egress.received);
    t.is(seen.at('to-underlay'), egress.sent);
    t.is(seen.at('to-pod'), egress.delivered);
    // Errors for pods are made here, and go the other way.
    t.is(seen.at('encapsulate') + seen.at('to-pod'), seen.at('route') + egress.originated);
    t.deepEqual(sorted(seen.drops), sorted(dropsOf(egress)));
    t.deepEqual(tallies.ingress.hooks, {});
    t.true(egress.sent > 1000 && Object.keys(seen.drops).length > 5);
  }
});

test(`what a capture of everything sees coming in is what the accounts say (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  const datagrams = Array.from({ length: POOL }, () => encapsulated(randomPacket(random)));
  const node = new OverlayNode('b', 1450, COALESCING, true, true);
  const [ring] = capture(node.taps, {});
  const tallies = { egress: new Tally(), ingress: new Tally() };
  for (let run = 0; run < 2 * RUNS; run++) {
    node.failure = random.below(10) === 0 ? DropReason.tunDown : undefined;
    const datagram = pick(random, datagrams);
    const count = 1 + random.below(4);
    const several = joined(Array.from({ length: count }, () => datagram));
    const received = random.below(3) === 0 ? mutated(random, several) : several;
    node.receive(received, random.below(20) === 0 ? random.below(200) : count > 1 ? datagram.length : 0);
    tally(takeRecords(ring!), tallies);
  }
  const { ingress } = node.account();
  const seen = tallies.ingress;
  t.is(ring!.lost, 0);
  t.is(seen.at('from-underlay'), ingress.received);
  t.is(seen.at('to-pod'), ingress.delivered);
  t.deepEqual(sorted(seen.drops), sorted(dropsOf(ingress)));
  t.true(ingress.delivered > 1000 && Object.keys(seen.drops).length > 5);
});

test(`what a capture of everything sees at a relay is what the accounts say (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  const node = new RelayingNode('b', { relays: true });
  const [ring] = capture(node.taps, {});
  const tallies = { egress: new Tally(), ingress: new Tally() };
  for (let run = 0; run < RUNS; run++) {
    const [source, destination] = [podOf('a'), podOf(pick(random, ['b', 'c'] as const))];
    const datagram = encapsulated(ipPacket({ source, destination, protocol: 17, transport: udpDatagram(filled(20)) }));
    datagram.set(pick(random, [station.b, station.c, station.c]), 8);
    datagram.set(station.a, 14);
    node.receive(
      'a',
      random.below(3) === 0 ? mutated(random, datagram) : datagram,
      0,
      0,
      random.below(5) === 0 ? 'EHOSTUNREACH' : undefined,
    );
    tally(takeRecords(ring!), tallies);
  }
  const { ingress } = node.account();
  const seen = tallies.ingress;
  t.is(seen.at('from-underlay'), ingress.received);
  t.is(seen.at('relay'), ingress.relayed);
  t.is(seen.at('to-pod'), ingress.delivered);
  t.deepEqual(sorted(seen.drops), sorted(dropsOf(ingress)));
  t.true(ingress.relayed > 500 && ingress.delivered > 200);
});

function randomPacket(random: SeededRandom): Uint8Array {
  const addresses = pick(random, [v4, v6]);
  const transport = pick(random, [
    { protocol: 17, transport: udpDatagram(filled(random.below(1400))) },
    { protocol: 6, transport: tcpSegment(1, 0x10, filled(random.below(4000))) },
    { protocol: addresses === v4 ? 1 : 58, transport: echoRequest(addresses === v4 ? 4 : 6, filled(40)) },
  ]);
  return ipPacket({ ...addresses, ...transport, fragment: pick(random, [0, 0x4000]) });
}

/** What the TUN device gives: now and then a super-packet. */
function randomRead(random: SeededRandom): Uint8Array {
  const packet = randomPacket(random);
  const isIpv4 = packet[0]! >> 4 === 4;
  const protocol = packet[isIpv4 ? 9 : 6]!;
  if ((protocol !== 6 && protocol !== 17) || random.below(3) === 0) return joined([PLAIN_VIRTIO, packet]);
  makePartial(packet);
  const isTcp = protocol === 6;
  const gsoType = random.below(2) === 0 ? 0 : isTcp ? (isIpv4 ? 1 : 4) : 5;
  const gsoSize = gsoType === 0 ? 0 : 50 + random.below(500);
  return joined([virtioHeader(gsoType, gsoSize, isIpv4 ? 20 : 40, isTcp ? 16 : 6), packet]);
}

function sorted(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).sort(([one], [other]) => (one < other ? -1 : 1));
}
