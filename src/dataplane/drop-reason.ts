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
  faultLossOut: 19,
  faultClipOut: 20,
  faultQueueFullOut: 21,
  vxlanTruncated: 22,
  vxlanNoVni: 23,
  vxlanWrongVni: 24,
  unknownSender: 25,
  remoteChecksumNotAgreed: 26,
  remoteChecksumMismatch: 27,
  innerEthernetTruncated: 28,
  innerEthertype: 29,
  innerWrongMac: 30,
  innerNotIp: 31,
  innerTruncated: 32,
  innerBadLength: 33,
  innerBadExtensions: 34,
  innerBadIpChecksum: 35,
  congestionNotExpected: 36,
  innerBadChecksum: 37,
  innerNoChecksum: 38,
  forgedSource: 39,
  destinationNotOurs: 40,
  datagramMalformedGro: 41,
  tunDown: 42,
  tunRejected: 43,
  tunBufferFull: 44,
  tunWriteFailed: 45,
  relayNotAnnounced: 46,
  relayOff: 47,
  relayedTwice: 48,
  relayTargetUnknown: 49,
  relayTargetUnreachable: 50,
  relayTooBig: 51,
  relayUnderlayUnreachable: 52,
  relaySendBufferFull: 53,
  relaySendForbidden: 54,
  relaySendFailed: 55,
  faultLossIn: 56,
  faultClipIn: 57,
  faultQueueFullIn: 58,
  faultLossRelayed: 59,
  faultClipRelayed: 60,
  faultQueueFullRelayed: 61,
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
