/**
 * Drops, as the control API gives them. Types only; `docs/api.md` documents every key.
 *
 *   GET /v1/drops    DropReport    ?since=TIME, ?limit=NUMBER: which recorded ones are asked for
 */

import type { KernelDropName } from '../dataplane/kernel-drop-reasons.ts';

/** What this node dropped, but for reasons that belong to every healthy node. Packets are counted after segmentation. */
export interface DropReport {
  /** What is recorded was looked at up to this time, and not beyond. */
  readonly time: string;
  /** Since when drops are counted: the start of the daemon. */
  readonly since: string;
  /** Since when drops are recorded without a gap; empty if nothing is recorded. */
  readonly recordedSince: string;
  /** All drops that were counted. */
  readonly packets: number;
  /** By reason, the most frequent first: those that there were, as they were counted. */
  readonly reasons: readonly DropCount[];
  /** By peer, the one with the most drops first, as they were counted; those of no peer at the end. */
  readonly peers: readonly PeerDrops[];
  /** By pod of this node, as far as they are recorded. */
  readonly pods: readonly PodDrops[];
  /** What the kernel dropped of pods by weft's rules, before weft was given it: beside `packets`, and in no other key. */
  readonly kernel: readonly KernelDrops[];
  /** What network policies denied at pods of this node, the most frequent first: beside `packets`, as `kernel` is. */
  readonly policies: readonly PolicyDrops[];
  /** Recorded ones, the newest last. */
  readonly recent: readonly DroppedPacket[];
  /** How many more records there are than are given here. */
  readonly omitted: number;
}

/** Drops for one reason. */
export interface DropCount {
  readonly reason: string;
  readonly direction: 'egress' | 'ingress';
  readonly packets: number;
  /** When the last one was, of those that are recorded; else empty. */
  readonly last: string;
  readonly meaning: string;
  readonly cause: string;
  readonly remedy: string;
}

/** What the kernel dropped of one pod for one reason, since the pod was added. */
export interface KernelDrops {
  readonly reason: KernelDropName;
  readonly pod: string;
  /** As the kernel counts: a super-packet is one. */
  readonly packets: number;
  /** What it sent from within the last minutes, and whose that is: `10.244.1.3 of pod db`. A few of them. */
  readonly sources: readonly string[];
  readonly meaning: string;
  readonly cause: string;
  readonly remedy: string;
}

/** What a rule of a network policy denied since the daemon started. */
export interface PolicyDrops {
  /** `shop/web ingress[0].from[0]`; or why no rule decided: `isolated by shop/web, no rule matches`. */
  readonly rule: string;
  /** As the pod sees it that the policy selects; empty: in either. */
  readonly direction: 'ingress' | 'egress' | '';
  /** As the kernel counts: a super-packet is one. */
  readonly packets: number;
}

/** Packets that went to a peer, or should have, and that came from it; and those of them that were dropped. */
export interface PeerDrops {
  /** Empty: of no peer, or of none that is known any more. */
  readonly peer: string;
  readonly egress: DroppedShare;
  readonly ingress: DroppedShare;
}

export interface DroppedShare {
  /** Received and originated. */
  readonly packets: number;
  readonly dropped: number;
}

/** Recorded drops of packets from and to one pod of this node. */
export interface PodDrops {
  /** Name of the pod; empty if no pod of this node has the address. */
  readonly pod: string;
  /** Its address in those packets; empty if they had none. */
  readonly address: string;
  readonly egress: number;
  readonly ingress: number;
  /** Packets, by reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

/** One record: a packet or super-packet. */
export interface DroppedPacket {
  readonly time: string;
  readonly reason: string;
  readonly direction: 'egress' | 'ingress';
  /** Name of the peer; empty if none is known, or it is gone. */
  readonly peer: string;
  /** Name of the pod of this node; empty if there is none. */
  readonly pod: string;
  /** The pod at the other end: `n2/web`; empty if no pod of the cluster has its address. */
  readonly remotePod: string;
  /** Addresses are empty, and the protocol, too, if it was no IP packet; ports are 0 where there are none. */
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly lengthBytes: number;
  readonly packets: number;
  /** Of `policy-denied`: titles of the policies, joined by `+`; empty where none denies it. Of other reasons, both are empty. */
  readonly policy: string;
  /** As in {@link PolicyDrops}. */
  readonly rule: string;
}
