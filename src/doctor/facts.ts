/**
 * What checks look at: the machine, and what a daemon knows of itself and of others. Collected before any check looks, so
 * that checks only compute.
 */
import type { Ruleset } from '../firewall/ruleset.ts';
import type { TaskLimit } from '../linux/task-limits.ts';
import type { NameDenial } from '../policy/denied-names.ts';
import type { Suspicion } from '../policy/suspicions.ts';
import type { MissingAddress } from '../services/missing-addresses.ts';
import type { ServiceSuspicion } from '../services/service-suspicions.ts';
import type { IpAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';

/** All of it. */
export interface Facts {
  readonly node: string;
  readonly host: HostFacts;
  /** A port of a pod of this node that somebody asks about. */
  readonly question?: PortQuestion;
  /** Why no daemon answers here, or what one knows. */
  readonly daemon: DaemonFacts | DaemonAbsence;
}

/** No daemon answers. */
export interface DaemonAbsence {
  readonly absence: string;
  /** One is there, and is stopped or hangs. */
  readonly isSilent?: boolean;
  /** What it stored, left in the kernel, and wrote last, a sentence each. */
  readonly remains?: readonly string[];
}

/** Does anything listen there? */
export interface PortQuestion {
  readonly pod: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** What is looked at with the help of a program, or of a descriptor, and may not be there to be had. */
export type Sight =
  | 'machine'
  | 'firewall'
  /** What the audit compares. */
  | 'kernel'
  /** Where the kernel leads packets. */
  | 'ways'
  /** Links, with their MTU. */
  | 'devices'
  /** What network policies say, and whom. */
  | 'policies'
  /** Which services there are, and the pods behind them. */
  | 'services';

/** Why it could not be looked at. Facts are then such that they accuse nobody. */
export type Unseen = Readonly<Partial<Record<Sight, string>>>;

/** How much there is of what may run out, and how much of it is taken. */
export interface LimitFacts {
  /** Of the process that looks, which is the daemon if one answers. */
  readonly descriptors: { readonly open: number; readonly limit: number };
  /** The closest to its end first. */
  readonly tasks: readonly TaskLimit[];
  /** Of the machine. */
  readonly files: { readonly used: number; readonly limit: number };
}

/** The machine. */
export interface HostFacts {
  readonly unseen: Unseen;
  readonly limits: LimitFacts;
  /** What weft cannot be without and this machine lacks; by the check that a daemon makes when it starts. */
  readonly missing: readonly Remark[];
  readonly kernelRelease: string;
  readonly hasIpv6: boolean;
  /** Of all programs, weft's own rules included. */
  readonly firewall: Ruleset;
  /** What weft's packets are told by. */
  readonly plumbing: Plumbing;
}

/** Names and numbers by which rules of others can hit weft. Without a daemon these are the defaults. */
export interface Plumbing {
  readonly tunDevice: string;
  /** Devices of pods, as firewalls write it: `wf*`. */
  readonly podDevices: string;
  readonly vxlanPort: number;
  readonly gossipPort: number;
  readonly clusterPrefixes: readonly Prefix[];
  readonly nodePrefixes: readonly Prefix[];
  /** Device and address by which other nodes are reached; `undefined`: not known. */
  readonly underlay: { readonly device: string; readonly address: IpAddress | undefined } | undefined;
  readonly pods: readonly {
    readonly device: string;
    readonly addresses: readonly IpAddress[];
    /** Prefixes that lie behind it. */
    readonly allowSources: readonly Prefix[];
  }[];
}

/** A code and a sentence, as notices of `weft status` are. */
export interface Remark {
  readonly code: string;
  readonly message: string;
}

/** What a daemon knows. */
export interface DaemonFacts {
  readonly unseen: Unseen;
  readonly version: string;
  readonly underlay: UnderlayFacts;
  readonly vni: number;
  /** All that `weft status` shows. */
  readonly notices: readonly Remark[];
  /** What differs between what should be and what is, seen without repairing it; see `weft audit`. */
  readonly differences: readonly Difference[];
  /** What the daemon put right by itself within the last ten minutes, the latest last. */
  readonly repairs?: readonly Repair[];
  /** Features of the dataplane, whether in use. */
  readonly features: Readonly<Record<string, boolean>>;
  /** Those of them that the configuration turned off. */
  readonly withoutFeatures: readonly string[];
  /** What is missing in the accounts of all workers: 0. */
  readonly residual: number;
  readonly recent: RecentFacts;
  readonly store: StoreFacts;
  readonly peers: readonly PeerFacts[];
  readonly ways: KernelWays;
  /** Pods of this node, those that were looked into. */
  readonly podsInside: readonly PodInsideFacts[];
  /** Absent: no network policies are enforced here. */
  readonly policies?: PolicyFacts | undefined;
  /** Absent: others have the services here. */
  readonly services?: ServiceFacts | undefined;
  /** Titles of pods of Kubernetes, if its API is not asked: nobody knows here what policies say of them. */
  readonly unaskedPods?: readonly string[];
  /** Whether other nodes can be asked: gossip is authenticated. */
  readonly canAsk: boolean;
}

export interface UnderlayFacts {
  readonly device: string;
  /** What `underlay.interface` says; it differs from the device if that got another name. */
  readonly configuredDevice?: string | undefined;
  readonly address: string;
  /** That the overlay was made for. */
  readonly mtuBytes: number;
  /** Whether the configuration says so. */
  readonly isMtuConfigured: boolean;
  /** Of the device now; `undefined`: it is gone. */
  readonly deviceMtuBytes: number | undefined;
  readonly reason: string;
}

/** Repairs of one thing: what was wrong the last time, how often it was put right, and when that was last. */
export interface Repair {
  readonly message: string;
  readonly times: number;
  readonly last: string;
  /** Whether somebody takes it away as often as it is put back. */
  readonly isContested: boolean;
  /** Who was the last that is known to have changed it: `process "nft" (pid 4711)`. */
  readonly by?: string | undefined;
}

/** As the audit has it. */
export interface Difference {
  readonly table: string;
  readonly problem: 'missing' | 'wrong' | 'stale' | 'foreign';
  readonly subject: string;
  readonly message: string;
}

/** What has been counted of late. */
export interface RecentFacts {
  /** Of how many seconds. */
  readonly seconds: number;
  /** Packets dropped, by reason; those of which there were none are left out. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Some of those that were dropped, by reason, but for harmless ones: `from n3, 10.244.9.9 to 10.244.1.2`. */
  readonly examples: Readonly<Record<string, readonly string[]>>;
  /** UDP datagrams that the kernel dropped for their checksum, of all programs of this node. */
  readonly udpChecksumErrors: number;
  /** Datagrams that came faster than workers took them. */
  readonly overflow: number;
  /** How many probes of gossip in a row were answered by a detour only, by name of the node; nodes without any are left out. */
  readonly roundaboutProbes: Readonly<Record<string, number>>;
}

/** Where identity, leases and keys are kept. */
export interface StoreFacts {
  readonly directory: string;
  /** Files that cannot be read, or are not what the daemon holds. */
  readonly damaged: readonly DamagedFile[];
  /** Files that the daemon could not write when it last tried, since when and why. */
  readonly failing: readonly { readonly file: string; readonly since: string; readonly reason: string }[];
  /** Why nothing can be written. */
  readonly unwritable: string | undefined;
  readonly freeBytes: number;
  /** Files that can still be made. */
  readonly freeFiles: number;
}

/** A file of the state directory that would not do for the next start. */
export interface DamagedFile {
  readonly message: string;
  /** Whether the daemon can write it anew. */
  readonly isRewritable: boolean;
}

/** Where the kernel leads packets, and what room it has. */
export interface KernelWays {
  /** Packets of pods for other nodes that do not go to weft's device. */
  readonly diverted: readonly {
    readonly pod: string;
    readonly node: string;
    readonly address: string;
    readonly device: string;
    readonly table: string;
  }[];
  /** Policy rules that come before the main table. */
  readonly rules: readonly string[];
  /** Length of the queue of weft's device; `undefined`: not known. */
  readonly queuePackets: number | undefined;
  /** Connections that are tracked; `undefined`: none are. */
  readonly tracked: { readonly used: number; readonly limit: number } | undefined;
}

/** A pod, from the inside. */
export interface PodInsideFacts {
  readonly name: string;
  /** Path of its network namespace. */
  readonly netns: string;
  readonly addresses: readonly IpAddress[];
  /** Name of its device. */
  readonly device: string;
  /** Why nobody got in; empty: somebody did. */
  readonly problem: string;
  readonly faults: readonly { readonly message: string; readonly isRepairable: boolean }[];
  /** Families in which it ignores pings, by its own kernel parameters. */
  readonly ignoresPings: readonly (4 | 6)[];
  /** Rules of a firewall of its own. */
  readonly firewall: Ruleset;
  /** Sockets that wait for connections or datagrams. */
  readonly listening: readonly {
    readonly protocol: 'tcp' | 'udp';
    readonly family: 4 | 6;
    readonly port: number;
    readonly scope: 'any' | 'loopback' | 'one';
  }[];
}

/** What network policies say and hardly mean, of pods as they are known here. */
export interface PolicyFacts {
  readonly selectingNothing: SuspiciousPolicies;
  /** Rules whose peers are no pods. */
  readonly neverMatching: SuspiciousPolicies;
  /** Ports by names that no pod has. */
  readonly unknownPorts: SuspiciousPolicies;
  /** Of pods of this node. */
  readonly nameDenials: readonly NameDenial[];
  /** Packets of other nodes that were denied of late, where a block may have meant their client. */
  readonly masqueraded: readonly MasqueradedDenialFacts[];
}

/** Packets of a node for a pod of this one. */
export interface MasqueradedDenialFacts {
  readonly node: string;
  readonly source: string;
  readonly destination: string;
  readonly packets: number;
  readonly why: string;
  /** Rules with an `ipBlock`. */
  readonly blocks: readonly string[];
}

/** What there is of services that weft has, and hardly as it is meant, of pods as they are known here. */
export interface ServiceFacts {
  /** How many services there are that have addresses. */
  readonly count: number;
  /** Ports of services that select pods, and have none behind them. */
  readonly withoutBackend: SomeOf<ServiceSuspicion>;
  /** Addresses and ports of services that another one has. */
  readonly taken: SomeOf<ServiceSuspicion>;
  /** Ports of services for which there is no room, or not for all of their backends. */
  readonly cut: SomeOf<ServiceSuspicion>;
  /** Absent: there are no pools of addresses for load balancers. */
  readonly balancer?: BalancerFacts;
}

/** Of addresses of load balancers. */
export interface BalancerFacts {
  readonly missing: SomeOf<MissingAddress>;
  /** Addresses for which no node answers. */
  readonly unanswered: SomeOf<string>;
  /** Addresses for which this node answers, and another host as well. */
  readonly contested: SomeOf<ContestedAddress>;
  /** Nodes that would answer, and are dead for this one. */
  readonly cutOff: SomeOf<string>;
}

export interface ContestedAddress {
  readonly address: string;
  /** MAC address of the other host. */
  readonly by: string;
  readonly device: string;
  /** Name of the node that it is; empty: none that is known. */
  readonly node: string;
}

export type SuspiciousPolicies = SomeOf<Suspicion>;

/** The first of them, and how many there are. */
export interface SomeOf<One> {
  readonly some: readonly One[];
  readonly count: number;
}

/** Another node. */
export interface PeerFacts {
  readonly name: string;
  readonly state: 'alive' | 'suspect' | 'dead' | 'left' | 'static';
  /** Since when it is in that state. */
  readonly since: string;
  readonly version: string;
  readonly endpoint: string;
  /** Largest inner packet that both ends could take, and that passes between them. */
  readonly announcedMtuBytes: number;
  readonly pathMtuBytes: number;
  readonly probing: 'searching' | 'confirmed' | 'black-hole' | 'off';
  /** Shares of the probes straight to it in the last minutes, and of their answers, that were lost: 0 to 1; `null`: not known. */
  readonly lossRatio: number | null;
  readonly lossOutRatio: number | null;
  readonly lossInRatio: number | null;
  /** Name of the node through which its packets go; empty: they go straight. */
  readonly relay: string;
  /** Device that the kernel's route to its endpoint leads to; `undefined`: none, or not looked at. */
  readonly routeDevice: string | undefined;
  /** What was sent straight to it for trial, and how much of that was answered; `undefined`: it answers no probes, or was not tried. */
  readonly trial: { readonly sent: number; readonly answered: number } | undefined;
  /** What it said itself; `undefined`: it was not asked. */
  readonly said: PeerAnswer | Remark | undefined;
  /** Its authentic gossip that came of late from elsewhere, and was refused. */
  readonly translations: readonly TranslationFacts[];
}

/** Gossip of a node that did not come from where the node says that it is. */
export interface TranslationFacts {
  readonly carrier: 'datagram' | 'stream';
  /** Endpoint that the last came from; the port of a stream says nothing. */
  readonly from: string;
  /** Endpoint for gossip that the node announced then. */
  readonly announced: string;
  /** How many were looked at, and when the last came. */
  readonly messages: number;
  readonly last: string;
}

/** What a node says of itself and of the one that asks. */
export interface PeerAnswer {
  readonly vxlanPort: number;
  readonly vni: number;
  /** How far its clock is ahead, and how well that is known. */
  readonly clockOffsetMs: number;
  readonly clockUncertaintyMs: number;
  /** Datagrams that it received from this node's data port: since the trial began if there was one, otherwise in all. */
  readonly seen: number;
  /** All addresses of its devices that are up; `undefined`: they are too many to tell, or its weft is too old. */
  readonly addresses?: readonly string[];
}

/** Whether nothing that is sent straight to a node comes back. */
export function isSilent({ trial }: PeerFacts): boolean {
  return trial !== undefined && trial.answered === 0;
}
