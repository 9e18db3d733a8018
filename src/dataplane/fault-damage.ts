/** Damage to a datagram, as a link does it behind the back of the outer checksum: one bit. */
import { onesComplementSum } from '../wire/checksum.ts';
import { writeU16 } from '../wire/octets.ts';
import { finishUdpChecksum } from '../wire/udp.ts';
import {
  encodeVxlan,
  hasRemoteChecksum,
  readRemoteChecksumOffset,
  readRemoteChecksumStart,
  readVni,
  VXLAN_HEADER_LENGTH,
} from '../wire/vxlan.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';

/**
 * Flips one bit of the datagram at `at`.
 *
 * Where the inner checksum was left to the outer one (Remote Checksum Offload) it is made complete before that: the outer
 * checksum, which the kernel makes afterwards, would vouch for the damage, and a pod get it unnoticed.
 *
 * @param where which bit, as a fraction of the length: 0 to below 1.
 */
export function damage(bytes: Uint8Array, at: number, lengthBytes: number, where: number): void {
  if (lengthBytes === 0) return;
  if (lengthBytes > ENCAPSULATION_LENGTH && hasRemoteChecksum(bytes, at)) completeChecksum(bytes, at, lengthBytes);
  const bit = Math.floor(where * lengthBytes * 8);
  bytes[at + (bit >> 3)]! ^= 1 << (bit & 7);
}

function completeChecksum(bytes: Uint8Array, at: number, lengthBytes: number): void {
  const start = VXLAN_HEADER_LENGTH + readRemoteChecksumStart(bytes, at);
  const offset = readRemoteChecksumOffset(bytes, at);
  const vni = readVni(bytes, at);
  if (vni === -1 || start + offset + 2 > lengthBytes) return;
  const sum = onesComplementSum(bytes, at + start, lengthBytes - start, 0);
  writeU16(bytes, at + start + offset, finishUdpChecksum(sum));
  encodeVxlan(vni, bytes, at);
}
