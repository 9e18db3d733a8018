/** What IPv4 and IPv6 have in common: the version in the first four bits, and the numbers of the protocols inside. */

/** Assigned protocol numbers (IANA "Protocol Numbers") that weft knows: of transports and of IPv6 extension headers. */
export const IpProtocol = {
  hopByHopOptions: 0,
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  encapsulatingSecurityPayload: 50,
  authenticationHeader: 51,
  icmpv6: 58,
  noNextHeader: 59,
  destinationOptions: 60,
  mobility: 135,
  hostIdentity: 139,
  shim6: 140,
} as const;

/** Version of the IP header at `at`: 4, 6, or nonsense from 0 to 15. The caller has checked that one byte is there. */
export function readIpVersion(bytes: Uint8Array, at: number): number {
  return bytes[at]! >>> 4;
}
