/**
 * What a broken or hostile sender might send, made up from a seed: random, truncated and mutated datagrams. One stream of
 * them per kind; the same seed gives the same stream.
 */
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { encodeClaim } from '../../src/membership/claim-codec.ts';
import { encodeDatagram } from '../../src/membership/codec.ts';
import { encodeExchange } from '../../src/membership/exchange-codec.ts';
import type { Claim } from '../../src/membership/message.ts';
import { announcementOf, identityOf } from './announcements.ts';
import { bytes } from './bytes.ts';
import { echoRequest, ipPacket, tcpSegment, udpDatagram } from './ip-packet.ts';
import { mutated, pick } from './mutation.ts';
import type { SeededRandom } from '../../src/sim/seeded-random.ts';
import { appendClaims } from './appended-claims.ts';

/** What one UDP datagram over IPv4 takes in an MTU of 1500: none is fragmented on its way, so that each is one. */
const MAX_BYTES = 1_472;

/** Random bytes are cut out of so many: making up each one would take most of the time. */
const POOL_BYTES = 1024 * 1024;

/** Endless. @param originals what is truncated and mutated. */
export function* hostileDatagrams(random: SeededRandom, originals: readonly Uint8Array[]): Generator<Uint8Array> {
  const pool = random.bytes(POOL_BYTES);
  for (;;) {
    const original = pick(random, originals);
    const kind = random.below(4);
    const at = random.below(POOL_BYTES - MAX_BYTES);
    if (kind === 0) yield pool.subarray(at, at + random.below(random.below(2) === 0 ? 64 : MAX_BYTES));
    else if (kind === 1) yield original.subarray(0, random.below(original.length + 1));
    else yield mutated(random, original).subarray(0, MAX_BYTES);
  }
}

/** VXLAN datagrams of VNI 42 for a node with MAC address `mac`, from a pod of the lab's node 2 to one of node 1. */
export function vxlanDatagrams(mac: string): Uint8Array[] {
  const payload = Array.from({ length: 64 }, (_, at) => at);
  return ([4, 6] as const).flatMap((family) => {
    const [source, destination] =
      family === 4
        ? [
            [10, 244, 2, 2],
            [10, 244, 1, 2],
          ]
        : [podAddress6(2), podAddress6(1)];
    const ethernet = bytes(`${mac.replaceAll(':', '')} 020000000002 ${family === 4 ? '0800' : '86dd'}`);
    const packet = (protocol: number, transport: readonly number[], fragment = 0x4000): Uint8Array =>
      Uint8Array.from([
        ...bytes('08 000000 00002a 00'),
        ...ethernet,
        ...ipPacket({ source, destination, protocol, transport, fragment }),
      ]);
    return [
      packet(6, tcpSegment(1, 0x18, payload)),
      packet(6, tcpSegment(1, 0x02, [], [2, 4, 5, 0xb4])),
      packet(17, udpDatagram(payload)),
      packet(17, udpDatagram([...payload, ...payload, ...payload]), 0x2000),
      packet(family === 4 ? 1 : 58, echoRequest(family, payload)),
    ];
  });
}

/**
 * Gossip of node 200, which nobody has heard of: what `weft` itself would say. Its claims are of another network: nobody
 * has to prove who he is, so in ours a part of them, damaged only in an identity, would be believed, as they should be.
 */
export function gossipDatagrams(target: string): Uint8Array[] {
  const sender = identityOf(200);
  const claims = strangerClaims().map(encodeClaim);
  return [
    encodeDatagram('default', sender, { kind: 'ping', sequence: 7, target }),
    encodeDatagram('default', sender, { kind: 'ack', sequence: 7, target }),
    encodeDatagram('default', sender, { kind: 'indirect-ping', sequence: 7, target: identityOf(201) }),
    appendClaims(encodeDatagram('elsewhere', sender, { kind: 'none' }), claims),
    appendClaims(encodeDatagram('elsewhere', sender, { kind: 'ping', sequence: 7, target }), claims),
  ];
}

/** Exchanges that no daemon can take: damaged, and of another network. */
export function* hostileExchanges(random: SeededRandom): Generator<Uint8Array> {
  const original = encodeExchange('elsewhere', { sender: identityOf(200), claims: strangerClaims(), directives: [] });
  for (;;) yield mutated(random, original);
}

/** Frames of such exchanges, damaged in their lengths as well. */
export function* hostileStreams(random: SeededRandom): Generator<Uint8Array> {
  for (const message of hostileExchanges(random)) {
    const claimed = pick(random, [message.length, message.length + 1, 0, 0xff_ff_ff_ff, random.uint32()]);
    const length = [claimed >>> 24, (claimed >>> 16) & 0xff, (claimed >>> 8) & 0xff, claimed & 0xff];
    const frame = Uint8Array.from([...length, ...message]);
    yield pick(random, [frame, random.bytes(random.below(4_096)), frame.subarray(0, random.below(frame.length))]);
  }
}

function strangerClaims(): Claim[] {
  const announcement = announcementOf(200);
  const { identity } = announcement;
  const sealed = sealAnnouncement(announcement);
  const alive: Claim = { identity, incarnation: 5, state: 'alive', sealed, announcedAt: 5, ageSeconds: 0 };
  const dead: Claim = { identity, incarnation: 4, state: 'dead', sealed: undefined, announcedAt: 4, ageSeconds: 60 };
  return [alive, dead];
}

function podAddress6(node: number): number[] {
  return [0xfd, 0, 0, 0x10, 0x02, 0x44, 0, node, 0, 0, 0, 0, 0, 0, 0, 2];
}
