/** `POST /v1/trace`, and what nodes tell each other for it: part of the control API, see `control-api.ts`. Types only. */

/** What a packet has to do with a trace: the probe itself, its answer, or an error about it of somebody on the way. */
export type TraceRole = 'probe' | 'answer' | 'error';

/** Whose packet is looked at, hook by hook. */
export interface TraceRequest {
  /** A pod, a node or an address of one: packets come from there. */
  readonly source: string;
  readonly destination: string;
  /** Absent: icmp. */
  readonly protocol?: 'icmp' | 'udp' | 'tcp';
  readonly destinationPort?: number;
  /** Over which of several addresses; absent: over IPv4 if both ends have it. */
  readonly family?: 4 | 6;
  readonly sizeBytes?: number;
  /** How many probes, one after the other; absent: one. */
  readonly count?: number;
}

/** What became of the probes. */
export interface Trace {
  readonly packet: {
    readonly source: string;
    readonly destination: string;
    readonly protocol: string;
    readonly destinationPort: number;
    readonly sizeBytes: number;
  };
  /** `n2/web`, `n2`, `10.244.2.7`, and the node that it is at. */
  readonly source: TraceEnd;
  readonly destination: TraceEnd;
  /** Those on the way, and back, the source's first. */
  readonly nodes: readonly TracedNode[];
  readonly probes: readonly TracedProbe[];
}

/** One end. */
export interface TraceEnd {
  readonly label: string;
  readonly node: string;
  /** Empty, or why it may not be what was meant. */
  readonly remark: string;
}

/** A node that was listened at, or could not be. */
export interface TracedNode {
  readonly node: string;
  /** How much its clock is ahead of the first one's, and within which the truth is. Times are corrected by it. */
  readonly clockOffsetNs: number;
  readonly clockUncertaintyNs: number;
  /** Packets of the trace that it had no room for. */
  readonly lost: number;
  /** Empty, or why nobody could listen there. */
  readonly problem: string;
  /** Empty, or why the kernel there did not say what it did, or not all of it. */
  readonly kernelProblem: string;
}

/** How it ended. `local`: weft has no part in it. `unseen`: it never came to weft. */
export type TraceFate = 'answered' | 'refused' | 'delivered' | 'dropped' | 'lost' | 'unseen' | 'local';

/** One probe. */
export interface TracedProbe {
  readonly number: number;
  readonly fate: TraceFate;
  /** The same in words. */
  readonly text: string;
  /** From the first hook to the last one of the answer; `null` if there is none. By one clock. */
  readonly roundTripMs: number | null;
  /** In the order of the way. */
  readonly steps: readonly TraceStep[];
}

/** A packet at a hook. */
export interface TraceStep {
  readonly node: string;
  /** Of weft; or of the kernel: `prerouting`, `input`, `forward`, `output`, `postrouting`, with `outer-` in front for VXLAN. */
  readonly hook: string;
  readonly role: TraceRole;
  /** The same for one packet at all hooks of all nodes, 16 hexadecimal digits; empty if it cannot be known. */
  readonly id: string;
  /** Since the first step of the probe, in ms; `null` for hooks of the kernel, which does not say when. */
  readonly timeMs: number | null;
  /** How far from the truth that may be. */
  readonly uncertaintyMs: number;
  /** Of the inner packet. */
  readonly lengthBytes: number;
  /** Name of the node that it goes to, or came from; empty if that is not known, or not decided. */
  readonly peer: string;
  /** Name of the node through which it goes there; empty: straight. */
  readonly relay: string;
  /** Endpoints on the underlay; empty where there is no outer header. */
  readonly from: string;
  readonly to: string;
  /** Name of the drop reason; empty: not dropped. */
  readonly reason: string;
  /** What an answer or an error says, or a rule of the kernel's; empty if nothing. */
  readonly says: string;
  /** Of the kernel's rules; empty at hooks of weft. */
  readonly verdict: '' | KernelSighting['verdict'];
}

/** A packet at a hook of the kernel. */
export interface KernelSighting {
  /** Number of the probe. */
  readonly number: number;
  readonly role: 'probe' | 'answer';
  readonly hook: string;
  /** `unknown`: it was handed to something else. */
  readonly verdict: 'accept' | 'drop' | 'reject' | 'unknown';
  /** The rule or policy that ended it, and the jumps that led there; or how many chains let it pass. */
  readonly says: string;
}

/** A packet at a hook of one node, by its own clock: what it tells others. */
export interface Sighting extends Omit<TraceStep, 'node' | 'timeMs' | 'uncertaintyMs' | 'verdict'> {
  /** Number of the probe. */
  readonly number: number;
  /** CLOCK_REALTIME, in ns; text, as JSON has no integers of that size. */
  readonly timeNs: string;
}
