/**
 * Coalescing the slow and obvious way: packets may stand in one super-packet if the kernel, cutting it up again, would make
 * just these packets of it.
 */
import { completeChecksum, get16, put16, slowSum, transportOf, u32 } from './ip-packet.ts';

/** What a kernel makes of a super-packet, or of a packet: complete packets, with complete checksums. */
export function segmentsOf(virtio: Uint8Array, packet: Uint8Array): Uint8Array[] {
  const gsoSize = virtio[4]! + virtio[5]! * 256;
  if (virtio[1] === 0) return [virtio[0] === 1 ? completed(packet) : packet];
  return cut(packet, gsoSize);
}

/** Packets of one flow, in order, put together as far as may be. */
export function coalesced(packets: readonly Uint8Array[]): Uint8Array[][] {
  const groups: Uint8Array[][] = [];
  for (const packet of packets) {
    const group = groups.at(-1);
    if (group !== undefined && belongTogether([...group, packet])) group.push(packet);
    else groups.push([packet]);
  }
  return groups;
}

/** The same packet with a complete transport checksum, unless it is UDP without one. */
export function completed(packet: Uint8Array): Uint8Array {
  const copy = packet.slice();
  const { protocol, at } = transportOf(packet);
  if (protocol !== 17 || get16(packet, at + 6) !== 0) completeChecksum(copy);
  return copy;
}

/** The packet as far as it means something: with Don't Fragment, the IPv4 identification does not. */
export function meaningOf(packet: Uint8Array): string {
  const copy = packet.slice();
  if (isDontFragment(copy)) {
    put16(copy, 4, 0);
    finishIpv4(copy);
  }
  return Buffer.from(copy).toString('hex');
}

function belongTogether(group: readonly Uint8Array[]): boolean {
  const [first] = group;
  if (first === undefined || !group.every(isCoalescible)) return false;
  const payloads = group.map((packet) => packet.subarray(headerLength(packet)));
  const length = headerLength(first) + payloads.reduce((sum, payload) => sum + payload.length, 0);
  if (length > 65_535 || group.length > (isTcp(first) ? 512 : 64) || !isIdentificationInOrder(group)) return false;
  const joined = Uint8Array.from([...first.subarray(0, headerLength(first)), ...payloads.flatMap((one) => [...one])]);
  const flagsAt = ipLength(first) + 13;
  if (isTcp(first)) joined[flagsAt] = joined[flagsAt]! | (group.at(-1)![flagsAt]! & 0x09);
  const again = cut(joined, payloads[0]!.length);
  return (
    again.length === group.length &&
    again.every((packet, index) => meaningOf(packet) === meaningOf(completed(group[index]!)))
  );
}

function cut(packet: Uint8Array, gsoSize: number): Uint8Array[] {
  const header = packet.subarray(0, headerLength(packet));
  const segments: Uint8Array[] = [];
  for (let at = header.length; at < packet.length; at += gsoSize) {
    const segment = Uint8Array.from([...header, ...packet.subarray(at, Math.min(at + gsoSize, packet.length))]);
    const isLast = at + gsoSize >= packet.length;
    const transport = ipLength(packet);
    if (isTcp(packet)) {
      const sequence = get16(header, transport + 4) * 65_536 + get16(header, transport + 6) + at - header.length;
      segment.set(u32(sequence), transport + 4);
      if (!isLast) segment[transport + 13] = segment[transport + 13]! & ~0x09;
    } else {
      put16(segment, transport + 4, segment.length - transport);
    }
    if (isIpv4(packet)) {
      put16(segment, 2, segment.length);
      put16(segment, 4, get16(header, 4) + segments.length);
      finishIpv4(segment);
    } else {
      put16(segment, 4, segment.length - 40);
    }
    completeChecksum(segment);
    segments.push(segment);
  }
  return segments;
}

function isCoalescible(packet: Uint8Array): boolean {
  if (isIpv4(packet) && (packet[0] !== 0x45 || (get16(packet, 6) & 0x3fff) !== 0)) return false;
  if (!isTcp(packet) && protocolOf(packet) !== 17) return false;
  const transport = ipLength(packet);
  if (packet.length <= headerLength(packet)) return false;
  if (isTcp(packet)) return (packet[transport + 13]! & 0b1011_0110) === 0b0001_0000;
  return get16(packet, transport + 6) !== 0 && get16(packet, transport + 4) === packet.length - transport;
}

function isIdentificationInOrder(group: readonly Uint8Array[]): boolean {
  if (!isIpv4(group[0]!)) return true;
  const first = get16(group[0]!, 4);
  const isIncrementing = group.every((packet, index) => get16(packet, 4) === ((first + index) & 0xffff));
  return isIncrementing || (isDontFragment(group[0]!) && group.every((packet) => get16(packet, 4) === first));
}

function finishIpv4(packet: Uint8Array): void {
  put16(packet, 10, 0);
  put16(packet, 10, ~slowSum(packet.subarray(0, (packet[0]! & 0x0f) * 4)) & 0xffff);
}

function headerLength(packet: Uint8Array): number {
  const transport = ipLength(packet);
  return transport + (isTcp(packet) ? (packet[transport + 12]! >> 4) * 4 : 8);
}

function ipLength(packet: Uint8Array): number {
  return isIpv4(packet) ? 20 : 40;
}

function isIpv4(packet: Uint8Array): boolean {
  return packet[0]! >> 4 === 4;
}

function isTcp(packet: Uint8Array): boolean {
  return protocolOf(packet) === 6;
}

function protocolOf(packet: Uint8Array): number {
  return isIpv4(packet) ? packet[9]! : packet[6]!;
}

function isDontFragment(packet: Uint8Array): boolean {
  return isIpv4(packet) && (packet[6]! & 0x40) !== 0;
}
