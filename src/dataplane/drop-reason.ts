/**
 * Why a packet went nowhere: one closed list. There is no "other".
 *
 * A reason is a small integer on the packet path, and a name everywhere else: key of the accounts, metric label, line in
 * a capture. Names are API: they may be added, never renamed. Numbers are not. Those of egress begin at 0, those of ingress at
 * {@link FIRST_INGRESS_REASON}, those of the kernel at {@link FIRST_KERNEL_REASON}: each has room for more, and leaves the others as they are.
 */
import { egressDropReasons } from './egress-drop-reasons.ts';
import { ingressDropReasons } from './ingress-drop-reasons.ts';
import { type KernelDropReason, kernelDropReasons } from './kernel-drop-reasons.ts';

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

/** The least number of a reason of ingress. */
export const FIRST_INGRESS_REASON = 64;

/** The least number of what the kernel drops by rules of weft: in records of packets, and in no account of a worker. */
export const FIRST_KERNEL_REASON = 128;

/** Numbers of the reasons, by their names in camel case, in the order of {@link dropReasons}. */
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
  vxlanTruncated: 64,
  vxlanNoVni: 65,
  vxlanWrongVni: 66,
  unknownSender: 67,
  remoteChecksumNotAgreed: 68,
  remoteChecksumMismatch: 69,
  innerEthernetTruncated: 70,
  innerEthertype: 71,
  innerWrongMac: 72,
  innerNotIp: 73,
  innerTruncated: 74,
  innerBadLength: 75,
  innerBadExtensions: 76,
  innerBadIpChecksum: 77,
  congestionNotExpected: 78,
  innerBadChecksum: 79,
  forgedSource: 80,
  destinationNotOurs: 81,
  datagramMalformedGro: 82,
  tunDown: 83,
  tunRejected: 84,
  tunBufferFull: 85,
  tunWriteFailed: 86,
  relayNotAnnounced: 87,
  relayOff: 88,
  relayedTwice: 89,
  relayTargetUnknown: 90,
  relayTargetUnreachable: 91,
  relayTooBig: 92,
  relayUnderlayUnreachable: 93,
  relaySendBufferFull: 94,
  relaySendForbidden: 95,
  relaySendFailed: 96,
  faultLossIn: 97,
  faultClipIn: 98,
  faultQueueFullIn: 99,
  faultLossRelayed: 100,
  faultClipRelayed: 101,
  faultQueueFullRelayed: 102,
} as const;

export type DropReason = (typeof DropReason)[keyof typeof DropReason];

/** Of those that kernels give, the ones of which there are records. */
export const KernelReason = { policyDenied: 129 } as const;

/** Why a packet that is recorded went nowhere. */
export type RecordedReason = DropReason | (typeof KernelReason)[keyof typeof KernelReason];

/** The closed list, in the order of {@link DropReason}. */
export const dropReasons: readonly DropReasonEntry[] = [
  ...egressDropReasons.map((entry) => ({ ...entry, direction: 'egress' as const })),
  ...ingressDropReasons.map((entry) => ({ ...entry, direction: 'ingress' as const })),
];

/** Numbers of the closed list, in its order. */
export const dropReasonNumbers: readonly DropReason[] = [
  ...egressDropReasons.map((_, index) => index as DropReason),
  ...ingressDropReasons.map((_, index) => (FIRST_INGRESS_REASON + index) as DropReason),
];

const byNumber: ReadonlyMap<number, DropReasonEntry | KernelDropReason> = new Map<
  number,
  DropReasonEntry | KernelDropReason
>([
  ...dropReasons.map((entry, index) => [dropReasonNumbers[index]!, entry] as const),
  ...kernelDropReasons.map((entry, index) => [FIRST_KERNEL_REASON + index, entry] as const),
]);

/** Names of the reasons that are no trouble, and not to be shown as such. */
export const backgroundReasons: ReadonlySet<string> = new Set(
  dropReasons.filter(({ isBackground }) => isBackground).map(({ name }) => name),
);

/** The entry of the reason with this number; `undefined`: there is none. */
export function entryOf(reason: number): DropReasonEntry | KernelDropReason | undefined {
  return byNumber.get(reason);
}

/** Name of `reason`: `no-route`. */
export function nameOf(reason: RecordedReason): string {
  return byNumber.get(reason)!.name;
}
