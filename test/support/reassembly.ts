/** Puts IPv4 fragments together again, the slow and obvious way: by nothing of `src`. */
import { get16, put16, slowSum } from './ip-packet.ts';

/**
 * The packet that `fragments` are parts of, or why they are none. Its header is that of the first one.
 *
 * Fragments of a fragment give that one: the first's offset, and the last's flag.
 */
export function reassembled(fragments: readonly Uint8Array[], mtuBytes: number): Uint8Array | string {
  const first = fragments[0];
  const last = fragments.at(-1);
  if (first === undefined || last === undefined) return 'no fragments';
  const octets = [...first.subarray(0, headerLength(first))];
  const start = offsetOf(first);
  for (const fragment of fragments) {
    const header = headerLength(fragment);
    const fault = faultOf(fragment, first, mtuBytes);
    if (fault !== '') return fault;
    if (offsetOf(fragment) !== start + octets.length - headerLength(first)) return 'a gap, or an overlap';
    if (fragment !== last) {
      if (!hasMore(fragment)) return 'the last one before the end';
      if ((fragment.length - header) % 8 > 0) return 'an odd length before the end';
    }
    octets.push(...fragment.subarray(header));
  }
  const whole = Uint8Array.from(octets);
  put16(whole, 2, whole.length);
  put16(whole, 6, start / 8 + (hasMore(last) ? 0x2000 : 0));
  put16(whole, 10, 0);
  put16(whole, 10, ~slowSum(whole.subarray(0, headerLength(whole))) & 0xffff);
  return whole;
}

function faultOf(fragment: Uint8Array, first: Uint8Array, mtuBytes: number): string {
  const header = headerLength(fragment);
  if (fragment.length > mtuBytes) return 'above the MTU';
  if (get16(fragment, 2) !== fragment.length) return 'total length';
  if (slowSum(fragment.subarray(0, header)) !== 0xffff) return 'header checksum';
  if ((get16(fragment, 6) & 0xc000) !== 0) return 'flags';
  if (fragment !== first && !sameOptions(fragment, copiedOptions(first))) return 'options';
  // Version, type of service; identification; lifetime, protocol; addresses.
  const differs = [1, 4, 5, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19].find((at) => fragment[at] !== first[at]);
  return differs === undefined ? '' : `octet ${differs} of the header`;
}

/** Options that every fragment has: the first bit of their kind says so. */
function copiedOptions(packet: Uint8Array): number[] {
  const options = [...packet.subarray(20, headerLength(packet))];
  const copied: number[] = [];
  while (options.length > 0 && options[0] !== 0) {
    const length = options[0] === 1 ? 1 : (options[1] ?? 0);
    if (length < (options[0] === 1 ? 1 : 2) || length > options.length) break;
    const option = options.splice(0, length);
    if (option[0]! >= 0x80) copied.push(...option);
  }
  return copied;
}

function sameOptions(fragment: Uint8Array, expected: readonly number[]): boolean {
  const options = fragment.subarray(20, headerLength(fragment));
  if (options.length - expected.length >= 4) return false;
  return options.every((octet, at) => octet === (expected[at] ?? 0));
}

function headerLength(packet: Uint8Array): number {
  return (packet[0]! & 0x0f) * 4;
}

function offsetOf(packet: Uint8Array): number {
  return (get16(packet, 6) & 0x1fff) * 8;
}

function hasMore(packet: Uint8Array): boolean {
  return (get16(packet, 6) & 0x2000) !== 0;
}
