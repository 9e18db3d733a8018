/**
 * What would become of a packet, and why, as the control API gives it. Types only; `docs/api.md` documents every key.
 *
 *   GET /v1/explain    Explanation    ?source= &destination= &protocol= &sourcePort= &destinationPort= &size= &node= &around= &window=
 */

/**
 * Where the packet ends:
 *
 *     delivered    at the pod or node that has the address
 *     sent         left a node; what becomes of it then is not known here
 *     dropped      by weft, for one of its reasons
 *     lost         on the underlay, as far as probes tell
 *     unreachable  at the kernel of its node: nobody has the address there
 *     blocked      by the kernel of a node or of a pod: a link, a route, a parameter, a firewall
 *     diverted     a kernel's routes lead it past weft
 *     outside      not in the overlay: the kernel routes it, weft is not asked
 *     unknown      that cannot be told: a node could not be asked, or a rule of a firewall is not understood
 */
export type Fate = (typeof fates)[number];

/** All of them. */
export const fates = [
  'delivered',
  'sent',
  'dropped',
  'lost',
  'unreachable',
  'blocked',
  'diverted',
  'outside',
  'unknown',
] as const;

/** One thing that happens to the packet, or is checked. */
export interface ExplainedStep {
  /** Name of the hook where a capture would show it; `in-pod` and `kernel` are where weft does not see it. */
  readonly hook: string;
  /** `doubt`: it goes on, but there is something about it. `unknown`: whether it goes on cannot be told. */
  readonly verdict: 'pass' | 'doubt' | 'unknown' | 'stop';
  /** A sentence for people. */
  readonly text: string;
  /** The same for programs; the keys depend on the hook. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** What happens on one node. A node may come twice. */
export interface ExplainedNode {
  readonly node: string;
  readonly steps: readonly ExplainedStep[];
}

/** An end of the way: names are empty if nobody is known to have the address. */
export interface ExplainedEnd {
  readonly address: string;
  readonly node: string;
  readonly pod: string;
}

/** What was explained. */
export interface ExplainedPacket {
  readonly source: ExplainedEnd;
  readonly destination: ExplainedEnd;
  readonly protocol: string;
  /** 0 where there are no ports. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Where a service sends it; `null`: it is for no service, or gets to no backend. */
  readonly backend: (ExplainedEnd & { readonly port: number }) | null;
  /** Length of the IP packet. */
  readonly sizeBytes: number;
}

/** The step that decides what becomes of a packet. */
export interface Decision {
  readonly node: string;
  readonly hook: string;
  readonly text: string;
}

/** How a packet fares one way. */
export interface ExplainedWay {
  readonly fate: Fate;
  /** Name of the drop reason, if weft drops it; otherwise empty. */
  readonly reason: string;
  /** `null` if nothing stands in its way. */
  readonly decision: Decision | null;
  /** In the order in which the packet passes them. */
  readonly nodes: readonly ExplainedNode[];
}

/** All of it. */
export interface Explanation {
  readonly packet: ExplainedPacket;
  /** Why it may not be what was meant: a pod that is gone, an address that stands for another. */
  readonly remarks: readonly string[];
  /** How the packet and its answer fare: the worse of both. */
  readonly fate: Fate;
  /** Which of both that is: `there` where they fare alike. */
  readonly way: 'there' | 'back';
  /** Name of the drop reason, if weft drops it; otherwise empty. */
  readonly reason: string;
  /** The step that decides; `null` if nothing stands in the way. */
  readonly decision: Decision | null;
  /** Of a reason: what usually lies behind it, and what to do; otherwise empty. */
  readonly cause: string;
  readonly remedy: string;
  /** The way there. */
  readonly nodes: readonly ExplainedNode[];
  /** How the packet itself fares. */
  readonly there: Omit<ExplainedWay, 'nodes'>;
  /** How its answer fares; `null` if that cannot be told, or the packet is for nobody who would answer through weft. */
  readonly back: ExplainedWay | null;
  /** What the flight recorders and the history say of a moment in the past, if one was asked for. */
  readonly around: PastMoment | null;
}

/** What was recorded around a moment. */
export interface PastMoment {
  readonly from: string;
  readonly to: string;
  /** What became of them, in one line. */
  readonly conclusion: string;
  /** By node: the source's, the destination's, and relays in between. */
  readonly nodes: readonly PastNode[];
}

/** What one node recorded of such packets, and what changed there that matters to them. */
export interface PastNode {
  readonly node: string;
  /** Why it could not be asked; otherwise empty. */
  readonly error: string;
  /** Since when packets, and drops, are recorded; empty if none are. */
  readonly packetsSince: string;
  readonly dropsSince: string;
  readonly seen: readonly SeenPackets[];
  readonly events: readonly { readonly time: string; readonly kind: string; readonly message: string }[];
}

/** Packets of one kind that fared alike at one node. */
export interface SeenPackets {
  /** From the source to the destination, or back. */
  readonly way: 'there' | 'back';
  /** Name of the hook at which they were recorded. */
  readonly hook: string;
  /** Empty if they were not dropped; at `audit`, why they would have been. */
  readonly reason: string;
  /** Of `policy-denied`: at which edge of a pod, and the rule that denies them, or why none decides; otherwise empty. */
  readonly direction: 'egress' | 'ingress' | '';
  readonly rule: string;
  /** Name of the peer that they went to or came from; empty if none is known, or it is gone. */
  readonly peer: string;
  readonly packets: number;
  readonly first: string;
  readonly last: string;
}

/** What one node says of its part; nodes tell each other. */
export interface Stage extends ExplainedNode {
  /** `null`: it goes on, at {@link next}. */
  readonly fate: Fate | null;
  /** Name of the drop reason, or empty. */
  readonly reason: string;
  readonly next: Handover | null;
  /** Address under which the packet goes on, if that is another than it had. */
  readonly masqueraded?: string | undefined;
}

/** What reaches the next node. */
export interface Handover {
  readonly node: string;
  /** Whether it is weft, and can be asked. */
  readonly isNode: boolean;
  /** Underlay address that it comes from. */
  readonly sender: string;
  /** Underlay address and port that it goes to. */
  readonly endpoint: string;
  /** Of the outer header. */
  readonly trafficClass: number;
  /** UDP payloads, in base64. */
  readonly datagrams: readonly string[];
  /** Whether probes say that what is sent there gets lost. */
  readonly isPathDown: boolean;
}
