/** Timing and sizes of the gossip protocol. Limits on what comes off the wire are in `limits.ts`. */

/** UDP and TCP port of gossip, where none is configured. Registered by nobody. */
export const GOSSIP_PORT = 7_948;

/** How long a node that leaves stays, for its last word to go out, in ms. */
export const LEAVE_GRACE_MS = 200;

/** Everything that may be tuned. All nodes of a network should use the same values. */
export interface Parameters {
  /** One member is probed per interval. SWIM's protocol period T'. */
  readonly probeIntervalMs: number;
  /**
   * How long an answer may take before the ping is repeated; the second time, others are asked to probe. Above the round
   * trip, well below half of the verdict.
   */
  readonly probeTimeoutMs: number;
  /** How long a probe may take in all, help of others included, before the member counts as silent. */
  readonly probeVerdictMs: number;
  /** How many members are asked to probe indirectly. SWIM's k. */
  readonly indirectProbes: number;
  /** Lifeguard's alpha: a suspicion lasts at least this many probe intervals, times log10 of the cluster's size. */
  readonly suspicionMultiplier: number;
  /** Lifeguard's beta: one that nobody else confirms lasts so many times longer. */
  readonly suspicionMaxFactor: number;
  /** Lifeguard's K: how many independent confirmations bring a suspicion down to its shortest. */
  readonly confirmations: number;
  /** Lambda: each claim is sent this many times log10 of the cluster's size, and {@link extraTransmits} times more. */
  readonly retransmitMultiplier: number;
  /** How often each claim is sent in any case, which is what counts in small clusters. */
  readonly extraTransmits: number;
  /** Claims that wait are also sent on their own, soon after they came and then this often, not only on probes. */
  readonly gossipIntervalMs: number;
  /** To how many random members each of these rounds goes. */
  readonly gossipFanout: number;
  /** For how long members who died get gossip all the same: so that one who did not is told, and can refute. */
  readonly gossipToDeadMs: number;
  /** Full state is exchanged with a random member this often; less often in large clusters. */
  readonly pushPullIntervalMs: number;
  /** The first of these exchanges comes within this time of the start: it finds who joined at the same moment. */
  readonly firstPushPullMs: number;
  /** While nobody else is known, seeds are tried again after this, then half as long again each time. */
  readonly joinBackoffMs: number;
  /** Longest wait before seeds are tried again. */
  readonly maxJoinBackoffMs: number;
  /** One seed or dead member, of those that are not alive, is tried this often: how a partition heals. */
  readonly redialIntervalMs: number;
  /** A member that left this long ago is forgotten. The dead are not: they are what a partition heals by. */
  readonly forgetAfterMs: number;
  /** Members that are kept, dead ones included. Beyond it the longest dead make room. */
  readonly maxMembers: number;
  /** Two processes that claim one identity may outbid each other this often within `contestWindowMs`. */
  readonly maxContests: number;
  readonly contestWindowMs: number;
  /** How many members are told at once that this node leaves. */
  readonly leaveFanout: number;
}

/**
 * `lan`: for nodes in one data centre, up to a few thousand.
 *
 * memberlist's `DefaultLANConfig` probes once a second and waits 500 ms for an answer; here twice a second, with 150 ms
 * until the ping is repeated, as long again until helpers and a stream are asked, and 600 ms in all. So the first who
 * probes a dead node of 1 000 does so within 2.3 s (99 %), not 4.6 s, and the time saved goes into the suspicion: 2.5 s
 * for up to ten nodes, 7.5 s for 1 000. A node that handles what it receives up to two seconds late still refutes in
 * that time.
 */
export const defaultParameters: Parameters = {
  probeIntervalMs: 500,
  probeTimeoutMs: 150,
  probeVerdictMs: 600,
  indirectProbes: 3,
  suspicionMultiplier: 5,
  suspicionMaxFactor: 4,
  confirmations: 3,
  retransmitMultiplier: 4,
  extraTransmits: 4,
  gossipIntervalMs: 200,
  gossipFanout: 3,
  gossipToDeadMs: 30_000,
  pushPullIntervalMs: 30_000,
  firstPushPullMs: 2_000,
  joinBackoffMs: 500,
  maxJoinBackoffMs: 5_000,
  redialIntervalMs: 2_000,
  forgetAfterMs: 24 * 3_600_000,
  maxMembers: 10_000,
  maxContests: 2,
  contestWindowMs: 600_000,
  leaveFanout: 8,
};

/** Names of {@link presets}, for the configuration. */
export const presetNames = ['lan', 'wan', 'local'] as const;

export type PresetName = (typeof presetNames)[number];

/** Parameters by kind of network. All nodes of a cluster use the same: those who wait less accuse those who wait more. */
export const presets: Readonly<Record<PresetName, Parameters>> = {
  lan: defaultParameters,
  /**
   * For nodes far apart, or behind links that stop for a second: round trips up to 500 ms. The dead are noticed after
   * about 15 s, and steady traffic is a quarter of that of `lan`.
   */
  wan: {
    ...defaultParameters,
    probeIntervalMs: 2_000,
    probeTimeoutMs: 750,
    probeVerdictMs: 3_000,
    gossipIntervalMs: 500,
    gossipFanout: 4,
    gossipToDeadMs: 60_000,
    pushPullIntervalMs: 60_000,
  },
  /**
   * For all nodes on one machine or one switch, none of them short of CPU: the dead are gone after about 2 s, and a
   * node that stands still for a second is called dead.
   */
  local: {
    ...defaultParameters,
    probeIntervalMs: 200,
    probeTimeoutMs: 75,
    probeVerdictMs: 300,
    gossipIntervalMs: 100,
    gossipToDeadMs: 15_000,
    pushPullIntervalMs: 15_000,
  },
};
