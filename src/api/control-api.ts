/**
 * The control API: JSON over HTTP/1.1 over a Unix socket. Types only; `docs/api.md` documents every key.
 *
 * Keys are stable once released: they may be added, never renamed or removed. Addresses, prefixes, endpoints and MACs
 * are in their usual text form, counters are numbers, times are ISO 8601 in UTC, durations end in their unit.
 *
 *   GET    /v1/status        Status
 *   GET    /v1/peers         Peer[]
 *   DELETE /v1/peers/NODE    -> ForgottenPeer[]         weft.sock only; NODE is a name or an identity
 *   GET    /v1/routes        Route[]
 *   GET    /v1/digest        Digest
 *   GET    /v1/events        HistoryEvent[]             ?since=TIME &after=NUMBER &kind=KIND,KIND
 *   GET    /v1/audit         AuditReport                the last one
 *   POST   /v1/audit         -> AuditReport             weft.sock only; looks now
 *   GET    /v1/pods          Pod[]
 *   PUT    /v1/pods/NAME     PodRequest -> Pod          weft.sock only; idempotent
 *   DELETE /v1/pods/NAME     -> { removed: boolean }    weft.sock only; idempotent; ?namespace=NAMESPACE
 *   GET    /v1/keys          Key[]
 *   POST   /v1/keys          KeyRequest -> Key          weft.sock only; idempotent
 *   PUT    /v1/keys/ID       -> Key                     weft.sock only; makes it the primary one; ?force=true
 *   DELETE /v1/keys/ID       -> { removed: boolean }    weft.sock only; idempotent; ?force=true
 *   GET    /v1/version       Version
 *   GET    /metrics          Prometheus text (also on the metrics address)
 *
 * An error is a 4xx or 5xx with `{ error: { code, message, details } }`.
 */
import type { PodLabels } from '../directory/pod-labels.ts';
import type { WorkerAccount } from '../dataplane/accounts.ts';
import type { MemberState, PathReport } from '../membership/announcement.ts';
import type { MembershipStatistics } from '../membership/statistics.ts';
import type { EventKind } from './event-kind.ts';
import type { Features } from './feature.ts';
import type { KubernetesStatus } from './kubernetes-api.ts';
import type { NamesStatus } from './names-api.ts';

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
  /** File of the configuration; `null`: there is none, and flags and variables said it all. */
  readonly configFile: string | null;
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
    /** Datagrams that this node's own kernel did not let out (EPERM). */
    readonly sendForbidden: number;
    /** Gossip messages that were refused, by named reason. */
    readonly refused: Readonly<Record<string, number>>;
    readonly statistics: MembershipStatistics;
  };
  readonly dataEncrypted: boolean;
  /** The last audit, and how many differences all of them repaired. */
  readonly audit: { readonly time: string; readonly repaired: number; readonly remaining: number };
  readonly peers: number;
  readonly routes: number;
  readonly pods: number;
  /** Names of pods, nodes and services over DNS. */
  readonly names: NamesStatus;
  /** `null`: Kubernetes is not asked for anything. */
  readonly kubernetes: KubernetesStatus | null;
  /** Features of the dataplane, and whether they are in use. */
  readonly features: Features;
  readonly workers: readonly WorkerAccount[];
  /** The flight recorder: its memory (0: there is none), and from when on nothing is missing in it; empty where there is none. */
  readonly recorder: { readonly sizeBytes: number; readonly packetsSince: string; readonly dropsSince: string };
  /** What the kernel dropped at the TUN device before any worker could read it. */
  readonly tunQueueOverflow: number;
  /** What rules of weft in the kernel did, beside the accounts: packets refused, by reason, and connections let in under the node's overlay address. */
  readonly kernel: {
    readonly refused: Readonly<Record<string, number>>;
    readonly intoOverlay: number;
    /**
     * Packets of which the kernel said which they are: that policies deny, and that they would deny in audit mode; and those that there was no
     * room for. Up to 100 a second of a rule, and 20 of a source.
     */
    readonly policyLog: { readonly denied: number; readonly wouldDeny: number; readonly lost: number };
  };
  /** received + originated - sent - delivered - relayed - dropped - queued over all workers: 0. */
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
  /** What is known of the path that its packets take. */
  readonly path: PeerPath;
  /** Name of the node through which its packets go; empty: they go straight. */
  readonly relay: string;
  /** The direct path, if packets do not take it. */
  readonly directPath: PeerPath | null;
  /** The worst of its own paths, as it says: loss in permille (1000: nothing comes back) and round trip, both rounded. */
  readonly pathReports: readonly PathReport[];
  /** Why none, or not all, of what it claims is in use: "name n2 is kept by 4f…". */
  readonly refusals: readonly string[];
}

/** What probes on the data port found out. */
export interface PeerPath {
  /** Largest inner packet that passes to the peer, as far as is known: what its packets are cut to. */
  readonly mtuBytes: number;
  /** There and back, in ms, or `null`: smoothed, and the least of the last 100. */
  readonly roundTripMs: { readonly smoothed: number; readonly min: number } | null;
  /** Share of the last 100 probes of the last four minutes, or of their answers, that was lost: 0 to 1, or `null`. */
  readonly lossRatio: number | null;
  /** Share of probes that did not arrive there, and of answers that did not arrive here: 0 to 1, or `null`. */
  readonly lossOutRatio: number | null;
  readonly lossInRatio: number | null;
  /** `off` for a peer that answers no probes: a static one, one that is not in use, or all. */
  readonly probing: 'searching' | 'confirmed' | 'black-hole' | 'off';
}

export interface Route {
  readonly network: string;
  readonly prefix: string;
  /** Name of the node that has it. */
  readonly node: string;
  readonly kind: 'local' | 'gossip' | 'static';
  /** Identity of the node that announced it; empty for a static peer. */
  readonly origin: string;
  /** Incarnation of the announcement, the same on every node; 0 for static ones. */
  readonly version: number;
  /** How packets go there; `local` on this node. */
  readonly way: 'direct' | 'relayed' | 'local';
  /** Name of the node that they go through, if they are relayed; otherwise empty. */
  readonly relay: string;
  /** Underlay endpoint that they are sent to, the relay's if there is one; empty for local ones. */
  readonly via: string;
  readonly since: string;
}

export interface Pod {
  /** Unique in its namespace, but for containers of a runtime: of those of one name, the newest has it. */
  readonly name: string;
  readonly namespace: string;
  readonly labels: PodLabels;
  readonly network: string;
  /** Path of its network namespace, as seen by the daemon. */
  readonly netns: string;
  readonly addresses: readonly string[];
  /** Prefixes that it may send from besides, as a router: they lie behind it. */
  readonly allowSources: readonly string[];
  /** Whose interface it is, if a runtime attached it through CNI; `null`: it was made by hand. */
  readonly attachment: { readonly containerId: string; readonly cniNetwork: string } | null;
  /** Name of its interface: `eth0`. */
  readonly device: string;
  readonly mac: string;
  /** Node's end of the veth pair. */
  readonly hostDevice: string;
  readonly mtuBytes: number;
  readonly createdAt: string;
  /**
   * `running`; `broken`: {@link faults} says what is wrong inside; `disconnected` when the node's end of its cable is gone while
   * its namespace is there, which weft mends; or `gone` when its namespace went away without `pod rm`.
   */
  readonly state: 'running' | 'broken' | 'disconnected' | 'gone';
  /** What it was given and lacks: `no default route`. */
  readonly faults: readonly string[];
  readonly notices: readonly Notice[];
}

/** Exactly one of `netns`, `pid` and `newNetns`. */
export interface PodRequest {
  /** Absent: `default`. */
  readonly namespace?: string;
  /** In Kubernetes' syntax. Absent: what it has, if it is there already, and else none. */
  readonly labels?: PodLabels;
  /** Name of its interface. Absent: what it has, if it is there already, and else `eth0`. */
  readonly device?: string;
  /** Name under /run/netns, or the path of a namespace file. */
  readonly netns?: string;
  readonly pid?: number;
  /** Make a namespace of the pod's name, to be removed with the pod. */
  readonly newNetns?: boolean;
  /** Addresses wanted; otherwise the next free ones, one of each family the node has. */
  readonly addresses?: readonly string[];
  /** Prefixes that it is a router of: this node routes them to it, and announces them. */
  readonly allowSources?: readonly string[];
  readonly mac?: string;
}

/** A dead node that nobody looks for any more. */
export interface ForgottenPeer {
  readonly name: string;
  readonly identity: string;
}

/**
 * What a node holds true of the cluster, in a few letters: equal on all nodes that agree. Static peers and the ways that
 * packets take are each node's own, and not in it.
 */
export interface Digest {
  /** Of prefix, origin and version of all routes in use. */
  readonly routes: { readonly count: number; readonly digest: string };
  /** Of identity, state, incarnation and name of all members. */
  readonly members: { readonly count: number; readonly digest: string };
  /** By name. */
  readonly nodes: readonly NodeDigest[];
}

/** One member's part of a {@link Digest}. */
export interface NodeDigest {
  readonly name: string;
  readonly identity: string;
  readonly state: MemberState;
  /** Incarnation. */
  readonly version: number;
  /** Number of its routes that are in use, and their digest; empty if there are none. */
  readonly routes: number;
  readonly digest: string;
}

/** Something that happened. */
export interface HistoryEvent {
  /** Grows with every event since the daemon was started, from 1. */
  readonly number: number;
  readonly time: string;
  readonly kind: EventKind;
  /** What it is about: the name of a node, a prefix, a device. */
  readonly subject: string;
  readonly message: string;
  /** The same for programs; the keys depend on the kind. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** Tables that an audit compares: each is made from the one after it. */
export type AuditedTable = 'kernel' | 'workers' | 'routes' | 'kubernetes';

/** Something that is not as it should be. */
export interface AuditDifference {
  readonly table: AuditedTable;
  /** What is wrong about it. */
  readonly problem: 'missing' | 'wrong' | 'stale' | 'foreign';
  /** A prefix, a device, a peer. */
  readonly subject: string;
  readonly message: string;
  /** Whether it is as it should be now. What is not ours is never touched. */
  readonly repaired: boolean;
}

/** What an audit found. */
export interface AuditReport {
  readonly time: string;
  readonly durationMs: number;
  readonly trigger: 'start' | 'periodic' | 'request';
  /** How many entries each table has. */
  readonly compared: Readonly<Record<AuditedTable, number>>;
  readonly differences: readonly AuditDifference[];
  /** Number of differences that were not repaired. */
  readonly remaining: number;
}

/** A key of the cluster. The key itself is never shown. */
export interface Key {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** Whether this node seals with it. */
  readonly primary: boolean;
  /** Whether this node holds it. */
  readonly held: boolean;
  /** Names of the nodes that hold it, this one included, whatever their state. */
  readonly holders: readonly string[];
  /** Those of them that seal with it. */
  readonly users: readonly string[];
  /** Names of the nodes that do not hold it. */
  readonly missing: readonly string[];
}

export interface KeyRequest {
  /** 32 bytes in base64. */
  readonly key: string;
}
