import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { nameOf } from '../../src/dataplane/drop-reason.ts';
import { minSizeBytes, type PacketDescription } from '../../src/explain/packet-description.ts';
import { Rehearsal, type Rehearsed } from '../../src/explain/rehearsal.ts';
import { syntheticPacket } from '../../src/explain/synthetic-packet.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { echoRequest, ipPacket, packetFault, put16, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import { MTU, VNI } from '../support/overlay-node.ts';
import { type NodeName, RelayingNode, type RelayingNodeOptions, place, podOf } from '../support/relaying-node.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const CLUSTERS = 100;
const TUPLES_PER_CLUSTER = 1_000;
const names = ['a', 'b', 'c'] as const;
const NODE_A = Uint8Array.of(10, 244, 1, 1);

/** A node, and what is asked what it would do. */
class Asked {
  readonly node: RelayingNode;
  readonly rehearsal: Rehearsal;

  constructor(name: NodeName, options: RelayingNodeOptions) {
    this.node = new RelayingNode(name, options);
    this.rehearsal = new Rehearsal({
      forwarding: this.node.forwarding,
      vni: VNI,
      overlayMtuBytes: MTU,
      nodeAddresses: [{ family: 4, bytes: NODE_A }],
      sendingSockets: 16,
      outerFragmentation: options.outerFragmentation ?? true,
      trafficClass: { ecn: true, dscp: 'copy' },
    });
  }

  /** Where datagrams for the peer, or over the way, with this number go to. */
  nodeAt(peer: number): NodeName | undefined {
    const address = new Uint8Array(4);
    this.node.forwarding.copyEndpointAddress(peer, address, 0);
    return names.find((name) => place[name].every((octet, index) => octet === address[index]));
  }

  /** Names of the reasons for which its workers dropped something so far, with how often. */
  drops(): Record<string, number> {
    const { egress, ingress } = this.node.account();
    return { ...egress.dropped, ...ingress.dropped };
  }
}

function pair(options: RelayingNodeOptions = {}): { a: Asked; b: Asked } {
  return { a: new Asked('a', options), b: new Asked('b', options) };
}

function description(change: Partial<PacketDescription> = {}): PacketDescription {
  return {
    source: address(podOf('a')),
    destination: address(podOf('b')),
    protocol: 6,
    sourcePort: 40_000,
    destinationPort: 80,
    sizeBytes: 60,
    ...change,
  };
}

function address(octets: readonly number[]): PacketDescription['source'] {
  return { family: octets.length === 4 ? 4 : 6, bytes: Uint8Array.from(octets) };
}

for (const [name, change] of Object.entries({
  tcp: {},
  udp: { protocol: 17 },
  icmp: { protocol: 1 },
  gre: { protocol: 47 },
  'tcp over IPv6': { source: address(podOf('a', 6)), destination: address(podOf('b', 6)) },
  'udp over IPv6': { source: address(podOf('a', 6)), destination: address(podOf('b', 6)), protocol: 17 },
  'icmp over IPv6': { source: address(podOf('a', 6)), destination: address(podOf('b', 6)), protocol: 58 },
})) {
  for (const sizeBytes of [0, 61, 1450]) {
    test(`a made-up ${name} packet of ${sizeBytes || 'the least'} bytes is correct`, (t) => {
      const wanted = description(change);
      const least = minSizeBytes(wanted.source.family, wanted.protocol);
      const packet = syntheticPacket({ ...wanted, sizeBytes: sizeBytes || least });
      t.is(packet.length, sizeBytes || least);
      t.is(packetFault(packet), '');
    });
  }
}

test('a packet to a pod of a peer is sent, and delivered there as it was', (t) => {
  const { a, b } = pair();
  const packet = syntheticPacket(description());
  const sent = a.rehearsal.egress(packet);
  t.is(sent.verdict, 'send');
  const [datagram] = sent.verdict === 'send' ? sent.datagrams : [];
  t.is(a.nodeAt(datagram!.peer), 'b');
  const received = b.rehearsal.ingress(datagram!.bytes, address([...place.a]), datagram!.trafficClass);
  t.deepEqual(received, { verdict: 'deliver', packets: [packet] });
});

test('nothing that is asked is in any account', (t) => {
  const { a } = pair();
  const before = a.node.account();
  a.rehearsal.egress(syntheticPacket(description()));
  a.rehearsal.egress(syntheticPacket(description({ destination: address([10, 9, 9, 9]) })));
  t.deepEqual(a.node.account(), before);
});

test('an answer does not depend on what was asked before', (t) => {
  const { a } = pair();
  const good = syntheticPacket(description());
  const bad = syntheticPacket(description({ destination: address([10, 9, 9, 9]) }));
  const [first, second] = [a.rehearsal.egress(good), a.rehearsal.egress(bad)];
  t.deepEqual(a.rehearsal.egress(good), first);
  t.deepEqual(a.rehearsal.egress(bad), second);
  t.is(second.verdict === 'drop' ? nameOf(second.reason) : '', 'no-route');
});

test('of a packet that is too big, the sender is told every time', (t) => {
  const { a } = pair();
  const packet = syntheticPacket(description({ sizeBytes: 2_000 }));
  for (let time = 0; time < 200; time++) {
    const outcome = a.rehearsal.egress(packet);
    t.like(outcome, { verdict: 'drop', isAnswered: true });
  }
});

function randomOptions(random: SeededRandom): RelayingNodeOptions {
  const someNames = (chance: number): NodeName[] => names.filter(() => random.happens(chance));
  const mtu = (): number => random.pick([MTU, MTU, 1_400, 1_280, 1_000, 576]);
  return {
    relays: random.happens(0.6),
    mayRelay: someNames(0.6),
    fixed: someNames(0.2),
    through: random.happens(0.4) ? [random.pick(['a', 'c'])] : [],
    without: random.happens(0.2) ? [random.pick(names)] : [],
    mtuBytes: { a: mtu(), b: mtu(), c: mtu() },
    remoteChecksum: someNames(0.3),
    outerFragmentation: random.happens(0.8),
  };
}

/** Such as make sense together: who is reached through another is known, and so is the other. */
function randomCluster(random: SeededRandom): Record<NodeName, Asked> {
  const made = names.map((name) => {
    const { through = [], without = [], ...options } = randomOptions(random);
    const relay = name === 'b' ? 'a' : 'b';
    const kept = without.filter((other) => other !== relay);
    const targets = through.filter((target) => target !== name && target !== relay && !kept.includes(target));
    return [name, new Asked(name, { ...options, without: kept, through: targets })] as const;
  });
  return Object.fromEntries(made) as Record<NodeName, Asked>;
}

function randomTuple(random: SeededRandom): PacketDescription {
  const family = random.happens(0.5) ? 4 : 6;
  const end = (): PacketDescription['source'] => {
    if (random.happens(0.1)) return address([...random.bytes(family === 4 ? 4 : 16)]);
    const octets = podOf(random.pick(names), family);
    if (random.happens(0.2)) octets[octets.length - 1] = random.below(256);
    if (random.happens(0.03)) octets[0] = random.pick([0, 127, 224, 0xfe, 0xff]);
    return address(octets);
  };
  const protocol = random.pick([6, 17, family === 4 ? 1 : 58, random.pick([47, 132, 253])]);
  const least = minSizeBytes(family, protocol);
  return {
    source: end(),
    destination: end(),
    protocol,
    sourcePort: random.below(65_536),
    destinationPort: random.below(65_536),
    sizeBytes: least + random.below(random.pick([20, 600, 1_700])),
  };
}

/** The packet of the tuple, made by other code. */
function realPacket(tuple: PacketDescription): Uint8Array {
  const { source, destination, protocol, sourcePort, destinationPort, sizeBytes } = tuple;
  const room = sizeBytes - minSizeBytes(source.family, protocol);
  const payload = Array.from({ length: room }, () => 0);
  const transport =
    protocol === 6
      ? tcpSegment(1, 2, payload)
      : protocol === 17
        ? udpDatagram(payload)
        : protocol === 1 || protocol === 58
          ? echoRequest(source.family, payload)
          : payload;
  if (protocol === 6 || protocol === 17) {
    const ports = new Uint8Array(4);
    put16(ports, 0, sourcePort);
    put16(ports, 2, destinationPort);
    transport.splice(0, 4, ...ports);
  }
  return ipPacket({ source: [...source.bytes], destination: [...destination.bytes], protocol, transport });
}

/** What happens to a datagram or packet, node by node: `a send 1 to b; b deliver 1`. */
function told(cluster: Record<NodeName, Asked>, at: NodeName, outcome: Rehearsed, hops = 0): string {
  if (outcome.verdict === 'drop') return `${at} drop ${nameOf(outcome.reason)}`;
  if (outcome.verdict === 'deliver') return `${at} deliver ${outcome.packets.map(({ length }) => length).join()}`;
  const next = outcome.datagrams.map(({ bytes, peer, trafficClass, outerFragmentBytes }) => {
    const to = cluster[at].nodeAt(peer)!;
    const here = `${at} ${outcome.verdict} ${bytes.length} to ${to} ${outerFragmentBytes}`;
    if (hops > 3 || to === at) return here;
    const there = cluster[to].rehearsal.ingress(bytes, address([...place[at]]), trafficClass);
    return `${here}; ${told(cluster, to, there, hops + 1)}`;
  });
  return next.join(' / ');
}

/** The same, of a real packet. */
function happened(cluster: Record<NodeName, Asked>, at: NodeName, packet: Uint8Array): string {
  const before = cluster[at].drops();
  const sent = cluster[at].node.send(packet);
  if (sent.length === 0) return `${at} drop ${newDrop(cluster[at], before)}`;
  return sent.map((datagram) => went(cluster, at, 'send', datagram, 0)).join(' / ');
}

function went(
  cluster: Record<NodeName, Asked>,
  at: NodeName,
  verdict: string,
  { bytes, peer, trafficClass, outerFragmentBytes }: ReturnType<RelayingNode['send']>[number],
  hops: number,
): string {
  const to = cluster[at].nodeAt(peer)!;
  const here = `${at} ${verdict} ${bytes.length} to ${to} ${outerFragmentBytes}`;
  if (hops > 3 || to === at) return here;
  const before = cluster[to].drops();
  const { delivered, relayed } = cluster[to].node.receive(at, bytes, 0, trafficClass);
  if (delivered.length > 0) return `${here}; ${to} deliver ${delivered.map(({ packet }) => packet.length).join()}`;
  if (relayed.length === 0) return `${here}; ${to} drop ${newDrop(cluster[to], before)}`;
  return `${here}; ${relayed.map((datagram) => went(cluster, to, 'relay', datagram, hops + 1)).join(' / ')}`;
}

function newDrop(asked: Asked, before: Readonly<Record<string, number>>): string {
  const after = asked.drops();
  return Object.keys(after)
    .filter((reason) => after[reason] !== before[reason])
    .join();
}

test(`what is foretold of ${CLUSTERS * TUPLES_PER_CLUSTER} random packets happens (seed ${SEED})`, async (t) => {
  t.timeout(300_000);
  const random = new SeededRandom(SEED);
  const outcomes = new Set<string>();
  for (let count = 0; count < CLUSTERS; count++) {
    const cluster = randomCluster(random);
    for (let index = 0; index < TUPLES_PER_CLUSTER; index++) {
      const tuple = randomTuple(random);
      const at = random.pick(names);
      const foretold = told(cluster, at, cluster[at].rehearsal.egress(syntheticPacket(tuple)));
      const real = happened(cluster, at, realPacket(tuple));
      outcomes.add(real.replaceAll(/\d+|[abc] |to [abc]/g, ''));
      if (foretold !== real) t.fail(`${JSON.stringify(tuple)} at ${at}: foretold ${foretold}, but ${real}`);
    }
    await setImmediate();
  }
  const reached = [...outcomes].join('\n');
  for (const word of [
    'no-route',
    'source-not-local',
    'destination-local',
    'destination-not-unicast',
    'packet-too-big',
  ]) {
    t.true(reached.includes(word), word);
  }
  for (const word of ['relay', 'deliver', 'relay-off', 'forged-source', 'relay-too-big', 'relay-not-announced']) {
    t.true(reached.includes(word), `${word} in ${reached}`);
  }
});
