/**
 * Why the kernel drops a packet for weft, by rules that weft made, before or beside the dataplane.
 *
 * Its counts are beside the accounts of packets, which know only what weft itself was given; and the kernel counts super-packets
 * as one. Names are API, like those of `drop-reason.ts`, and none is in both lists.
 */

/** What a person should know about a reason. */
export interface KernelDropReason {
  readonly name: string;
  readonly direction: 'kernel';
  readonly meaning: string;
  /** What usually lies behind it. */
  readonly cause: string;
  /** What to do. */
  readonly remedy: string;
}

export const kernelDropReasons = [
  {
    name: 'pod-spoofed-source',
    direction: 'kernel',
    meaning: 'a pod sent under an address or a MAC address that is not its own, or passed itself off as a router',
    cause: 'a pod that forwards for others (containers in it, a VPN, a router), changed its address, or forges it',
    remedy:
      'see which pod, and what it sends from, in: weft drops --json; have what it forwards leave under its own address (masquerade in the pod), or add it as the router of a prefix: weft pod add --allow-source',
  },
  {
    name: 'policy-denied',
    direction: 'kernel',
    meaning: 'network policies isolate a pod in that direction and no rule allows it, or a rule denies it',
    cause:
      'a policy that selects more pods than was meant, a rule without the port or the label, or one that forgot DNS',
    remedy:
      'see which rules deny, in: weft drops; and which one decides for a flow, in: weft explain SOURCE DESTINATION --proto tcp --dport PORT',
  },
] as const satisfies readonly KernelDropReason[];

export type KernelDropName = (typeof kernelDropReasons)[number]['name'];
