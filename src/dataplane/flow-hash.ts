/**
 * Hash of an inner flow, from which the source port of the outer UDP header is chosen (RFC 7348, section 5).
 *
 * Packets of one flow must not overtake each other, so all of them must come to the same value. A fragment beyond the first has
 * no ports; hence no fragment is hashed by ports, and the first goes the same way as the rest.
 */
import { IpProtocol } from '../wire/ip.ts';
import { readU32 } from '../wire/octets.ts';
import type { InnerPacket } from './inner-packet.ts';

/**
 * Sockets that a worker sends from: source ports, and so at most as many ways through a network that spreads flows by them. A
 * power of two.
 */
export const SENDING_SOCKETS = 16;

const PORTS_LENGTH = 4;

/** Hash of `packet`, which was parsed from `bytes`: 31 bits, since a number of 32 is garbage in V8's heap, per packet. */
export function flowHash(bytes: Uint8Array, packet: InnerPacket): number {
  let mixed: number = packet.protocol;
  const end = packet.destinationAt + (packet.family === 4 ? 4 : 16);
  for (let at = packet.sourceAt; at < end; at += 4) mixed = mix(mixed, readU32(bytes, at) | 0);
  if (hasPorts(packet)) mixed = mix(mixed, readU32(bytes, packet.transportAt) | 0);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 1;
}

function hasPorts(packet: InnerPacket): boolean {
  if (packet.isFragment || packet.transportLengthBytes < PORTS_LENGTH) return false;
  return packet.protocol === IpProtocol.tcp || packet.protocol === IpProtocol.udp;
}

function mix(mixed: number, word: number): number {
  return Math.imul((mixed ^ (mixed >>> 15)) + word, 0xcc9e_2d51);
}
