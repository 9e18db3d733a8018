/**
 * The control API: JSON over HTTP/1.1 over a Unix socket. Types only; `docs/api.md` documents every key.
 *
 * Keys are stable once released: they may be added, never renamed or removed. Addresses, prefixes, endpoints and MACs
 * are in their usual text form, counters are numbers, times are ISO 8601 in UTC, durations end in their unit.
 *
 *   GET    /v1/status        Status
 *   GET    /v1/peers         Peer[]
 *   GET    /v1/routes        Route[]
 *   GET    /v1/pods          Pod[]
 *   PUT    /v1/pods/NAME     PodRequest -> Pod          weft.sock only; idempotent
 *   DELETE /v1/pods/NAME     -> { removed: boolean }    weft.sock only; idempotent
 *   GET    /v1/version       Version
 *   GET    /metrics          Prometheus text (also on the metrics address)
 *
 * An error is a 4xx or 5xx with `{ error: { code, message, details } }`.
 */
import type { WorkerAccount } from '../dataplane/accounts.ts';
import type { MemberState } from '../membership/announcement.ts';

export interface Version {
  readonly version: string;
  readonly node: string;
}

/** Something that a person should know; shown by `weft status` and never just logged. */
export interface Notice {
  readonly code: string;
  readonly message: string;
}

export interface Status {
  readonly version: string;
  readonly nodeName: string;
  readonly identity: string;
  readonly network: string;
  readonly startedAt: string;
  readonly pid: number;
  readonly underlay: {
    readonly interface: string;
    readonly address: string;
    readonly mtuBytes: number;
    /** Why this one: "its route leads to seed 198.18.0.1". */
    readonly reason: string;
  };
  readonly vxlan: { readonly port: number; readonly vni: number };
  readonly tun: { readonly device: string; readonly mtuBytes: number; readonly mac: string };
  readonly clusterPrefixes: readonly string[];
  readonly nodePrefixes: readonly string[];
  readonly nodeAddresses: readonly string[];
  readonly gossip: {
    readonly endpoint: string;
    readonly seeds: readonly string[];
    readonly authenticated: boolean;
    readonly members: Readonly<Record<MemberState, number>>;
    /** Datagrams that came in, refused ones included. */
    readonly datagramsReceived: number;
    /** Datagrams that the kernel dropped before the daemon could read them. */
    readonly socketOverflow: number;
    /** Gossip messages that were refused, by named reason. */
    readonly refused: Readonly<Record<string, number>>;
  };
  readonly dataEncrypted: boolean;
  readonly peers: number;
  readonly routes: number;
  readonly pods: number;
  /** Features of the dataplane that are in use: `vnetHeader`, `tunSegmentation`, `udpSegment`, `udpGro`. */
  readonly features: Readonly<Record<string, boolean>>;
  readonly workers: readonly WorkerAccount[];
  /** What the kernel dropped at the TUN device before any worker could read it. */
  readonly tunQueueOverflow: number;
  /** received + originated - sent - delivered - dropped - queued over all workers: 0. */
  readonly residual: number;
  readonly notices: readonly Notice[];
}

export interface Peer {
  readonly name: string;
  /** Empty for a static peer. */
  readonly identity: string;
  readonly kind: 'gossip' | 'static';
  readonly state: MemberState | 'static';
  readonly endpoint: string;
  readonly mac: string;
  readonly prefixes: readonly string[];
  readonly mtuBytes: number;
  readonly version: string;
  readonly capabilities: readonly string[];
  readonly since: string;
  /** Inner IP packets that were sent to it since it became a peer, counted after segmentation, and their bytes. */
  readonly sentPackets: number;
  readonly sentBytes: number;
  /** What is known of the path to it. */
  readonly path: {
    /** Largest inner packet that passes to it, as far as is known: what its packets are cut to. */
    readonly mtuBytes: number;
    /** There and back on the data port, in ms, or `null`: smoothed, and the least of the last 100. */
    readonly roundTripMs: { readonly smoothed: number; readonly min: number } | null;
    /** Share of the last 100 probes, or of their answers, that was lost: 0 to 1, or `null`. */
    readonly lossRatio: number | null;
    /** `off` for a peer that answers no probes: a static one, one that is not in use, or all. */
    readonly probing: 'searching' | 'confirmed' | 'black-hole' | 'off';
  };
  /** Why none, or not all, of what it claims is in use: "name n2 is kept by 4f…". */
  readonly refusals: readonly string[];
}

export interface Route {
  readonly network: string;
  readonly prefix: string;
  /** Name of the node that has it. */
  readonly node: string;
  readonly kind: 'local' | 'gossip' | 'static';
  /** Identity of the node that announced it; empty for a static peer. */
  readonly origin: string;
  /** Incarnation of the announcement; 0 for local and static ones. */
  readonly version: number;
  /** Underlay endpoint; empty for local ones. */
  readonly via: string;
  readonly since: string;
}

export interface Pod {
  readonly name: string;
  readonly network: string;
  /** Path of its network namespace, as seen by the daemon. */
  readonly netns: string;
  readonly addresses: readonly string[];
  readonly mac: string;
  /** Node's end of the veth pair. */
  readonly hostDevice: string;
  readonly mtuBytes: number;
  readonly createdAt: string;
  /** `running`, or `gone` when its namespace went away without `pod rm`. */
  readonly state: 'running' | 'gone';
  readonly notices: readonly Notice[];
}

/** Exactly one of `netns`, `pid` and `newNetns`. */
export interface PodRequest {
  /** Name under /run/netns, or the path of a namespace file. */
  readonly netns?: string;
  readonly pid?: number;
  /** Make a namespace of the pod's name, to be removed with the pod. */
  readonly newNetns?: boolean;
  /** Addresses wanted; otherwise the next free ones, one of each family the node has. */
  readonly addresses?: readonly string[];
  readonly mac?: string;
}
