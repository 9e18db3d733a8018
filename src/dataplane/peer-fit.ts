/**
 * What is done about a packet that is larger than the MTU of its peer.
 *
 *     super-packet of TCP      cut into smaller segments: TCP does not care
 *     IPv4, may be fragmented  fragmented, each segment of a UDP super-packet by itself
 *     IPv4 otherwise           dropped, the sender is told
 *     IPv6 above 1280 bytes    dropped, the sender is told, never less than 1280
 *     IPv6 up to 1280 bytes    sent, the outer packet is fragmented: IPv6 asks the layer below for that much (RFC 8200,
 *                              section 5). The one exception to RFC 7348, section 4.3
 *
 * One object per worker, filled anew for each packet.
 */
import { IpProtocol } from '../wire/ip.ts';
import { isIpv4DontFragment } from '../wire/ipv4.ts';
import { IPV6_MIN_MTU } from '../wire/ipv6.ts';
import { DropReason } from './drop-reason.ts';
import { fragmentCount } from './fragmentation.ts';
import type { InnerPacket } from './inner-packet.ts';
import { MAX_SEGMENTS, segmentCount } from './super-packet.ts';

export class PeerFit {
  /** How many packets the packet stands for, after segmentation. */
  segments = 1;
  /** Payload of each segment but the last, in bytes, if there are several. */
  gsoSize = 0;
  /** How many packets leave: more than {@link segments} if they are to be fragmented. */
  packets = 1;
  /** Whether outer packets that are too long are to be fragmented. */
  outerFragments = false;
  /** What the sender is to be told, in bytes, if the packet was too big; 0: nothing. */
  toldMtuBytes = 0;
  readonly #outerFragmentation: boolean;

  /** @param outerFragmentation whether outer packets may be fragmented at all. */
  constructor(outerFragmentation: boolean) {
    this.#outerFragmentation = outerFragmentation;
  }

  /**
   * Fits `packet` to `mtuBytes`. Returns why that is impossible, or -1.
   *
   * @param headerLength of IP and transport, in bytes, if it is a super-packet.
   * @param gsoSize payload of its segments, in bytes; 0 if it is none.
   */
  judge(
    bytes: Uint8Array,
    packet: InnerPacket,
    headerLength: number,
    gsoSize: number,
    mtuBytes: number,
  ): DropReason | -1 {
    this.segments = gsoSize === 0 ? 1 : segmentCount(packet.lengthBytes - headerLength, gsoSize);
    this.gsoSize = gsoSize;
    this.packets = this.segments;
    this.outerFragments = false;
    this.toldMtuBytes = 0;
    const longest = this.segments === 1 ? packet.lengthBytes : headerLength + gsoSize;
    if (longest <= mtuBytes) return -1;
    if (gsoSize > 0 && packet.protocol === IpProtocol.tcp && headerLength < mtuBytes) {
      return this.#judgeSmallerSegments(packet, headerLength, mtuBytes - headerLength);
    }
    return packet.family === 4 ? this.#judge4(bytes, packet, headerLength, mtuBytes) : this.#judge6(longest, mtuBytes);
  }

  #judgeSmallerSegments(packet: InnerPacket, headerLength: number, gsoSize: number): DropReason | -1 {
    const segments = segmentCount(packet.lengthBytes - headerLength, gsoSize);
    if (segments > MAX_SEGMENTS) return DropReason.tooManySegments;
    this.segments = segments;
    this.packets = segments;
    this.gsoSize = gsoSize;
    return -1;
  }

  #judge4(bytes: Uint8Array, packet: InnerPacket, headerLength: number, mtuBytes: number): DropReason | -1 {
    if (isIpv4DontFragment(bytes, packet.at)) {
      this.toldMtuBytes = mtuBytes;
      return DropReason.packetTooBig;
    }
    const transportHeaderLength = headerLength - (packet.transportAt - packet.at);
    let fragments = 0;
    if (this.segments === 1) {
      fragments = fragmentCount(bytes, packet.at, packet.transportLengthBytes, mtuBytes);
    } else {
      const whole = this.segments - 1;
      const lastLength = packet.lengthBytes - headerLength - whole * this.gsoSize;
      const perWhole = fragmentCount(bytes, packet.at, transportHeaderLength + this.gsoSize, mtuBytes);
      const ofLast = fragmentCount(bytes, packet.at, transportHeaderLength + lastLength, mtuBytes);
      if (perWhole > 0 && ofLast > 0) fragments = whole * perWhole + ofLast;
    }
    if (fragments === 0) return DropReason.packetTooBig;
    if (fragments > MAX_SEGMENTS) return DropReason.tooManySegments;
    this.packets = fragments;
    return -1;
  }

  #judge6(longest: number, mtuBytes: number): DropReason | -1 {
    if (longest > IPV6_MIN_MTU) {
      this.toldMtuBytes = Math.max(mtuBytes, IPV6_MIN_MTU);
      return DropReason.packetTooBig;
    }
    if (!this.#outerFragmentation) return DropReason.overlayBelowIpv6Minimum;
    this.outerFragments = true;
    return -1;
  }
}
