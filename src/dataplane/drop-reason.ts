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
  /** Belongs to every healthy node: counted as the others are, but shown to nobody who asks what is wrong. */
  readonly isBackground?: true;
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
  nodeLinkControl: 8,
  sourceNotLocal: 9,
  noRoute: 10,
  destinationLocal: 11,
  packetTooBig: 12,
  underlayUnreachable: 13,
  sendBufferFull: 14,
  sendForbidden: 15,
  datagramTooBig: 16,
  sendFailed: 17,
  overlayBelowIpv6Minimum: 18,
  icmpErrorUndelivered: 19,
  faultLossOut: 20,
  faultClipOut: 21,
  faultQueueFullOut: 22,
  vxlanTruncated: 23,
  vxlanNoVni: 24,
  vxlanWrongVni: 25,
  unknownSender: 26,
  remoteChecksumNotAgreed: 27,
  remoteChecksumMismatch: 28,
  innerEthernetTruncated: 29,
  innerEthertype: 30,
  innerWrongMac: 31,
  innerNotIp: 32,
  innerTruncated: 33,
  innerBadLength: 34,
  innerBadExtensions: 35,
  innerBadIpChecksum: 36,
  congestionNotExpected: 37,
  innerBadChecksum: 38,
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

/** Names of the reasons that are no trouble, and not to be shown as such. */
export const backgroundReasons: ReadonlySet<string> = new Set(
  dropReasons.filter(({ isBackground }) => isBackground).map(({ name }) => name),
);

/** Name of `reason`: `no-route`. */
export function nameOf(reason: DropReason): string {
  return dropReasons[reason]!.name;
}
