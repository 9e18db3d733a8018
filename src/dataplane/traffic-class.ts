/**
 * Traffic class of inner and outer header: six bits of DSCP and two of ECN, which have rules of their own.
 *
 * ECN, by RFC 6040 in normal mode: the outer header gets the inner mark, and what became of it on the underlay goes back
 * into the inner one, if its sender understands it. DSCP, by RFC 2983, section 3.1, the pipe model: the outer header gets a
 * copy or a fixed value, and what becomes of it stays outside. Chosen: the pipe, also with a copy. Instead of: the uniform
 * model. Because: what an underlay writes there is its own affair, and pods were promised that their headers arrive as sent.
 */
import { readIpv4TypeOfService, writeIpv4TypeOfService } from '../wire/ipv4.ts';
import { readIpv6TrafficClass, writeIpv6TrafficClass } from '../wire/ipv6.ts';
import type { InnerPacket } from './inner-packet.ts';

/** Values of the ECN field (RFC 3168, section 5). */
export const Ecn = { notCapable: 0, capable1: 1, capable0: 2, congestion: 3 } as const;

export type Ecn = (typeof Ecn)[keyof typeof Ecn];

const ECN_MASK = 0x03;
const DSCP_SHIFT = 2;

/** What the outer header gets. */
export interface OuterTrafficClass {
  /** Whether the inner ECN mark is shown to the underlay. If not, it sees packets that are not capable of it. */
  readonly ecn: boolean;
  /** DSCP of the inner header, or always this. */
  readonly dscp: 'copy' | number;
}

/** Traffic class of the outer header of `packet`. */
export function outerTrafficClass(bytes: Uint8Array, packet: InnerPacket, rule: OuterTrafficClass): number {
  const inner = readTrafficClass(bytes, packet);
  const dscp = rule.dscp === 'copy' ? inner & ~ECN_MASK : rule.dscp << DSCP_SHIFT;
  return rule.ecn ? dscp | (inner & ECN_MASK) : dscp;
}

/**
 * Brings the ECN mark of a received packet's outer header into its inner one. Returns false, and changes nothing, if the
 * packet has to be dropped: the underlay says congestion to a sender that can only be told by a loss.
 */
export function takeOverCongestion(bytes: Uint8Array, packet: InnerPacket, outerTrafficClass: number): boolean {
  const outer = (outerTrafficClass & ECN_MASK) as Ecn;
  if (outer !== Ecn.congestion && outer !== Ecn.capable1) return true;
  const trafficClass = readTrafficClass(bytes, packet);
  const inner = (trafficClass & ECN_MASK) as Ecn;
  const combined = combineEcn(inner, outer);
  if (combined === -1) return false;
  if (combined === inner) return true;
  const changed = (trafficClass & ~ECN_MASK) | combined;
  if (packet.family === 4) writeIpv4TypeOfService(bytes, packet.at, changed);
  else writeIpv6TrafficClass(bytes, packet.at, changed);
  return true;
}

/** Mark with which a packet leaves the tunnel, or -1 if it must not (RFC 6040, section 4.2, figure 4). */
export function combineEcn(inner: Ecn, outer: Ecn): Ecn | -1 {
  if (outer === Ecn.congestion) return inner === Ecn.notCapable ? -1 : Ecn.congestion;
  if (outer === Ecn.capable1 && inner === Ecn.capable0) return Ecn.capable1;
  return inner;
}

function readTrafficClass(bytes: Uint8Array, packet: InnerPacket): number {
  return packet.family === 4 ? readIpv4TypeOfService(bytes, packet.at) : readIpv6TrafficClass(bytes, packet.at);
}
