/**
 * IP packets for tests, built and checked the slow and obvious way: by nothing of `src/wire`, so that a mistake there
 * is not made twice.
 */

export interface PacketParts {
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly protocol: number;
  /** Transport header and payload; the checksum is filled in by {@link ipPacket}. */
  readonly transport: readonly number[];
  /** IPv4 options, or IPv6 extension headers whose chain ends in `protocol`. */
  readonly options?: readonly number[];
  /** Type of the first extension header. */
  readonly firstExtension?: number;
  readonly identification?: number;
  /** Flags and fragment offset of IPv4, as 16 bits. */
  readonly fragment?: number;
  readonly trafficClass?: number;
  readonly timeToLive?: number;
}

/** The packet, IPv4 or IPv6 by the length of the addresses, its checksums complete. */
export function ipPacket(parts: PacketParts): Uint8Array {
  const { source, destination, protocol, transport, options = [] } = parts;
  const lengthBytes = options.length + transport.length;
  const header =
    source.length === 4
      ? [
          0x45 + options.length / 4,
          parts.trafficClass ?? 0,
          ...u16(20 + lengthBytes),
          ...u16(parts.identification ?? 0x1234),
          ...u16(parts.fragment ?? 0x4000),
          parts.timeToLive ?? 64,
          protocol,
          0,
          0,
          ...source,
          ...destination,
          ...options,
        ]
      : [
          0x60 + ((parts.trafficClass ?? 0) >> 4),
          ((parts.trafficClass ?? 0) & 0x0f) << 4,
          0,
          0,
          ...u16(lengthBytes),
          parts.firstExtension ?? protocol,
          parts.timeToLive ?? 64,
          ...source,
          ...destination,
          ...options,
        ];
  const packet = new Uint8Array(header.length + transport.length);
  packet.set(header);
  packet.set(transport, header.length);
  if (source.length === 4) put16(packet, 10, ~slowSum(packet.subarray(0, header.length)) & 0xffff);
  completeChecksum(packet);
  return packet;
}

/** A TCP header with `options`, and `payload`; the checksum is 0. */
export function tcpSegment(
  sequence: number,
  flags: number,
  payload: readonly number[],
  options: readonly number[] = [],
) {
  const ports = [...u16(40_000), ...u16(5201)];
  const offset = ((20 + options.length) / 4) << 4;
  return [...ports, ...u32(sequence), ...u32(77), offset, flags, 0x20, 0, 0, 0, 0, 0, ...options, ...payload];
}

/** A UDP header and `payload`; the checksum is 0. */
export function udpDatagram(payload: readonly number[], sourcePort = 40_000): number[] {
  return [...u16(sourcePort), ...u16(53), ...u16(8 + payload.length), 0, 0, ...payload];
}

/** An ICMP or ICMPv6 echo request; the checksum is 0. */
export function echoRequest(family: 4 | 6, payload: readonly number[]): number[] {
  return [family === 4 ? 8 : 128, 0, 0, 0, 0, 1, 0, 1, ...payload];
}

/** Where the transport checksum of `packet` lies, -1 if it has none. Follows IPv6 extension headers but no fragments. */
export function checksumFieldAt(packet: Uint8Array): number {
  const { protocol, at } = transportOf(packet);
  const offset = { 1: 2, 6: 16, 17: 6, 58: 2 }[protocol];
  return offset === undefined ? -1 : at + offset;
}

/** Protocol and start of the transport header. */
export function transportOf(packet: Uint8Array): { protocol: number; at: number } {
  if (packet[0]! >> 4 === 4) return { protocol: packet[9]!, at: (packet[0]! & 0x0f) * 4 };
  let protocol = packet[6]!;
  let at = 40;
  while (protocol === 0 || protocol === 43 || protocol === 60) {
    // With segments left, the checksum covers another destination than the one in the header.
    if (protocol === 43 && packet[at + 3] !== 0) return { protocol, at };
    protocol = packet[at]!;
    at += (packet[at + 1]! + 1) * 8;
  }
  return { protocol, at };
}

/** Folded sum over the pseudo-header of a transport with `lengthBytes` bytes: what a partial checksum holds. */
export function pseudoSum(packet: Uint8Array, protocol: number, lengthBytes: number): number {
  const addresses = packet[0]! >> 4 === 4 ? packet.subarray(12, 20) : packet.subarray(8, 40);
  return slowSum([...addresses, 0, protocol, ...u16(lengthBytes)]);
}

/** Makes the transport checksum, if there is room for one, complete and correct. */
export function completeChecksum(packet: Uint8Array): void {
  const field = checksumFieldAt(packet);
  if (field === -1 || field + 2 > packet.length) return;
  const { protocol, at } = transportOf(packet);
  put16(packet, field, 0);
  const pseudo = protocol === 1 ? 0 : pseudoSum(packet, protocol, packet.length - at);
  const sum = ~slowSum(packet.subarray(at), pseudo) & 0xffff;
  put16(packet, field, protocol === 17 && sum === 0 ? 0xffff : sum);
}

/** Makes the transport checksum partial. */
export function makePartial(packet: Uint8Array): void {
  const { protocol, at } = transportOf(packet);
  put16(packet, checksumFieldAt(packet), pseudoSum(packet, protocol, packet.length - at));
}

/**
 * What is wrong with `packet`, or '' if nothing is: lengths, header checksum, and, unless it is a fragment or partial, the
 * transport checksum.
 */
export function packetFault(packet: Uint8Array, isPartial = false): string {
  if (packet.length < 20) return 'shorter than an IP header';
  const version = packet[0]! >> 4;
  if (version !== 4 && version !== 6) return `version ${version}`;
  if (version === 6 && packet.length < 40) return 'shorter than an IPv6 header';
  const claimed = version === 4 ? get16(packet, 2) : 40 + get16(packet, 4);
  if (claimed !== packet.length) return `claims ${claimed} of ${packet.length} bytes`;
  if (version === 4) {
    if (slowSum(packet.subarray(0, (packet[0]! & 0x0f) * 4)) !== 0xffff) return 'header checksum';
    if ((get16(packet, 6) & 0x3fff) !== 0) return '';
  }
  const { protocol, at } = transportOf(packet);
  const field = checksumFieldAt(packet);
  if (field === -1 || (version === 4) === (protocol === 58) || (version === 6 && protocol === 1)) return '';
  const lengthBytes = protocol === 17 ? get16(packet, at + 4) : packet.length - at;
  if (protocol === 17 && get16(packet, field) === 0) return '';
  const pseudo = protocol === 1 ? 0 : pseudoSum(packet, protocol, lengthBytes);
  if (isPartial) return get16(packet, field) === pseudo ? '' : 'partial checksum';
  const sum = slowSum(packet.subarray(at, at + lengthBytes), pseudo);
  return sum === 0xffff ? '' : 'transport checksum';
}

/** Ones' complement sum by the book (RFC 1071, section 1), one word at a time, on top of `sum`. */
export function slowSum(octets: ArrayLike<number>, sum = 0): number {
  for (let index = 0; index < octets.length; index += 2) {
    sum += octets[index]! * 256 + (octets[index + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** Two octets, network order. */
export function u16(value: number): [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

/** Four octets, network order. */
export function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

/** Reads two octets. */
export function get16(octets: Uint8Array, at: number): number {
  return octets[at]! * 256 + octets[at + 1]!;
}

/** Writes two octets. */
export function put16(octets: Uint8Array, at: number, value: number): void {
  octets.set(u16(value), at);
}
