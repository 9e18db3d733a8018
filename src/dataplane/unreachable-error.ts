/**
 * What a router says when it has no way for a packet: "destination unreachable" of ICMP (RFC 792; RFC 1812, section 5.2.7.1) and
 * ICMPv6 (RFC 4443, section 3.1). Connections fail at once then, rather than after minutes.
 */
import { IcmpType, IcmpUnreachableCode } from '../wire/icmp.ts';
import { Icmpv6Type, Icmpv6UnreachableCode } from '../wire/icmpv6.ts';
import { DropReason } from './drop-reason.ts';
import { encodeIcmpError } from './icmp-error.ts';
import type { InnerPacket } from './inner-packet.ts';

/** Nothing of the header beside type and code means anything. */
const UNUSED = 0;

/** Whether the sender of what is dropped for this reason is to hear that there is no way. */
export function isUnreachable(reason: DropReason | -1): boolean {
  return (
    reason === DropReason.noRoute || reason === DropReason.destinationLocal || reason === DropReason.sourceNotLocal
  );
}

/** Writes the error at `at`; see {@link encodeIcmpError}. @param reason one that {@link isUnreachable}. */
export function encodeUnreachableError(
  bytes: Uint8Array,
  packet: InnerPacket,
  lengthBytes: number,
  reason: DropReason,
  source: Uint8Array,
  at: number,
): number {
  const type = packet.family === 4 ? IcmpType.destinationUnreachable : Icmpv6Type.destinationUnreachable;
  const code = packet.family === 4 ? codeOf4(reason) : codeOf6(reason);
  return encodeIcmpError(bytes, packet, lengthBytes, type, code, UNUSED, source, at);
}

function codeOf4(reason: DropReason): number {
  if (reason === DropReason.sourceNotLocal) return IcmpUnreachableCode.administrativelyProhibited;
  return reason === DropReason.noRoute ? IcmpUnreachableCode.network : IcmpUnreachableCode.host;
}

function codeOf6(reason: DropReason): number {
  if (reason === DropReason.sourceNotLocal) return Icmpv6UnreachableCode.administrativelyProhibited;
  return reason === DropReason.noRoute ? Icmpv6UnreachableCode.noRoute : Icmpv6UnreachableCode.address;
}
