/**
 * Shape of the accounts. Unit: inner IP packets, counted after segmentation.
 *
 * Always, per worker and direction: received + originated = sent + delivered + relayed + dropped + queued.
 */

/** One direction of one worker. */
export interface DirectionAccount {
  /** Came in: from the TUN device (egress), from the underlay (ingress; a datagram that is no packet counts as one). */
  readonly received: number;
  /** Made by the worker itself: ICMP errors, probes, fragments beyond the first. */
  readonly originated: number;
  /** Handed to the underlay. */
  readonly sent: number;
  /** Handed to the TUN device, or to the node itself: path probes. */
  readonly delivered: number;
  /** Passed on to another peer, for which the underlay has no way from its sender; ingress only. */
  readonly relayed: number;
  /** Dropped, by reason; every reason of the direction is a key, in the order of the closed list. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Still held. */
  readonly queued: number;
  /** Bytes of the inner IP packets behind `received`. */
  readonly receivedBytes: number;
  /** Bytes of the inner IP packets behind `sent`, `delivered` and `relayed`. */
  readonly forwardedBytes: number;
}

/** One worker at one moment: both directions are of the same instant. */
export interface WorkerAccount {
  readonly worker: number;
  readonly egress: DirectionAccount;
  readonly ingress: DirectionAccount;
  /**
   * Datagrams that the kernel dropped before this worker could read them (`SO_RXQ_OVFL`). Outside the equation. The kernel
   * counts several that it had joined as one.
   */
  readonly socketOverflow: number;
  /** Datagrams among the sent ones whose outer packet was fragmented, for IPv6 inside of a small path. */
  readonly outerFragmented: number;
  /** ICMP errors that were not sent to a pod because there were too many. Outside the equation. */
  readonly icmpErrorsSuppressed: number;
}
