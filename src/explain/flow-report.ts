/**
 * Flows that flight recorders have, as the control API gives them. Types only; `docs/api.md` documents every key.
 *
 *   GET /v1/flows    FlowReport[]    ?node=NAME, or ?all=true; otherwise of this node
 */

/** Packets of one flow that fared alike at one node. */
export interface Flow {
  readonly source: string;
  readonly destination: string;
  /** Pods that have these addresses, as whoever is asked knows them: `n2/web`; empty if no pod of the cluster has them. */
  readonly sourcePod: string;
  readonly destinationPod: string;
  readonly protocol: string;
  /** 0 where there are none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly direction: 'egress' | 'ingress';
  readonly verdict: 'sent' | 'delivered' | 'relayed' | 'dropped';
  /** Name of the drop reason; empty if they were not dropped. */
  readonly reason: string;
  /** Of `policy-denied`: the rule that denies them, or why none decides; otherwise empty. */
  readonly rule: string;
  /** Counted after segmentation. */
  readonly packets: number;
  /** Of the packets, or super-packets. */
  readonly bytes: number;
  /** Name of the peer that they go to or come from; empty if none is known, or it is gone. */
  readonly peer: string;
  /** Name of the node in between, or empty. */
  readonly relay: string;
  /** Prefix of the route that leads to the far end, as it is now, and the node that announced it; empty if there is none. */
  readonly route: string;
  readonly origin: string;
  readonly first: string;
  readonly last: string;
}

/** Those of one node. */
export interface FlowReport {
  readonly node: string;
  /** Why it could not be asked; otherwise empty. */
  readonly error: string;
  /** Since when packets, and drops, are recorded without a gap; empty if none are. */
  readonly packetsSince: string;
  readonly dropsSince: string;
  /** The one that was seen last first. */
  readonly flows: readonly Flow[];
  /** How many more there are than are given here. */
  readonly omitted: number;
}
