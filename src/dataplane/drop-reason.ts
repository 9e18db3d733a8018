/**
 * Why a packet went nowhere: one closed list. There is no "other".
 *
 * A reason is a small integer on the packet path, and a name everywhere else: key of the accounts, metric label, line in
 * a capture. Names are API: they may be added, never renamed. Numbers are not.
 */
import { egressDropReasons } from './egress-drop-reasons.ts';
import { ingressDropReasons } from './ingress-drop-reasons.ts';

/** What a person should know about a reason. */
export interface DropReasonEntry {
  readonly name: string;
  /** Egress: from the TUN device to the underlay. Ingress: the other way. A name belongs to one of them. */
  readonly direction: 'egress' | 'ingress';
  readonly meaning: string;
  /** What usually lies behind it. */
  readonly cause: string;
  /** What to do. */
  readonly remedy: string;
}

/** Index into {@link dropReasons}, by the entry's name in camel case. */
export const DropReason = {
  packetNotIp: 0,
  packetTruncated: 1,
  packetBadLength: 2,
  packetBadExtensions: 3,
  offloadMalformed: 4,
  offloadUnsupported: 5,
  tooManySegments: 6,
  destinationNotUnicast: 7,
  sourceNotLocal: 8,
  noRoute: 9,
  destinationLocal: 10,
  packetTooBig: 11,
  underlayUnreachable: 12,
  sendBufferFull: 13,
  sendForbidden: 14,
  datagramTooBig: 15,
  sendFailed: 16,
  overlayBelowIpv6Minimum: 17,
  icmpErrorUndelivered: 18,
  vxlanTruncated: 19,
  vxlanNoVni: 20,
  vxlanWrongVni: 21,
  unknownSender: 22,
  remoteChecksumNotAgreed: 23,
  remoteChecksumMismatch: 24,
  innerEthernetTruncated: 25,
  innerEthertype: 26,
  innerWrongMac: 27,
  innerNotIp: 28,
  innerTruncated: 29,
  innerBadLength: 30,
  innerBadExtensions: 31,
  innerBadIpChecksum: 32,
  congestionNotExpected: 33,
  innerBadChecksum: 34,
  innerNoChecksum: 35,
  forgedSource: 36,
  destinationNotOurs: 37,
  datagramMalformedGro: 38,
  tunDown: 39,
  tunRejected: 40,
  tunBufferFull: 41,
  tunWriteFailed: 42,
  relayNotAnnounced: 43,
  relayOff: 44,
  relayedTwice: 45,
  relayTargetUnknown: 46,
  relayTargetUnreachable: 47,
  relayTooBig: 48,
  relayUnderlayUnreachable: 49,
  relaySendBufferFull: 50,
  relaySendForbidden: 51,
  relaySendFailed: 52,
} as const;

export type DropReason = (typeof DropReason)[keyof typeof DropReason];

/** The closed list, in the order of {@link DropReason}. */
export const dropReasons: readonly DropReasonEntry[] = [
  ...egressDropReasons.map((entry) => ({ ...entry, direction: 'egress' as const })),
  ...ingressDropReasons.map((entry) => ({ ...entry, direction: 'ingress' as const })),
];

/** Name of `reason`: `no-route`. */
export function nameOf(reason: DropReason): string {
  return dropReasons[reason]!.name;
}
