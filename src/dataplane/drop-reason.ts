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
  forgedSource: 38,
  destinationNotOurs: 39,
  datagramMalformedGro: 40,
  tunDown: 41,
  tunRejected: 42,
  tunBufferFull: 43,
  tunWriteFailed: 44,
  relayNotAnnounced: 45,
  relayOff: 46,
  relayedTwice: 47,
  relayTargetUnknown: 48,
  relayTargetUnreachable: 49,
  relayTooBig: 50,
  relayUnderlayUnreachable: 51,
  relaySendBufferFull: 52,
  relaySendForbidden: 53,
  relaySendFailed: 54,
  faultLossIn: 55,
  faultClipIn: 56,
  faultQueueFullIn: 57,
  faultLossRelayed: 58,
  faultClipRelayed: 59,
  faultQueueFullRelayed: 60,
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
