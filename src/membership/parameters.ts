/** Timing and sizes of the gossip protocol. Limits on what comes off the wire are in `limits.ts`. */

/** Everything that may be tuned. All nodes of a network should use the same values. */
export interface Parameters {
  /** One member is probed per interval. SWIM's protocol period T'. */
  readonly probeIntervalMs: number;
  /** How long a direct probe may take before others are asked to probe. Above the round trip, below the interval. */
  readonly probeTimeoutMs: number;
  /** How many members are asked to probe indirectly. SWIM's k. */
  readonly indirectProbes: number;
  /** SWIM's and Lifeguard's alpha: suspicion lasts this many probe intervals, times log10 of the cluster's size. */
  readonly suspicionMultiplier: number;
  /** Lambda: each claim is sent this many times log10 of the cluster's size ... */
  readonly retransmitMultiplier: number;
  /** ... and this often on top, which is what counts in small clusters. */
  readonly extraTransmits: number;
  /** Claims that wait are also sent on their own this often, not only on probes. */
  readonly gossipIntervalMs: number;
  /** To how many random members each of these rounds goes. */
  readonly gossipFanout: number;
  /** Full state is exchanged with a random member this often; less often in large clusters. */
  readonly pushPullIntervalMs: number;
  /** The first of these exchanges comes within this time of the start: it finds who joined at the same moment. */
  readonly firstPushPullMs: number;
  /** While nobody else is known, seeds are tried again after this, then half as long again each time ... */
  readonly joinBackoffMs: number;
  /** ... up to this. */
  readonly maxJoinBackoffMs: number;
  /** One seed or dead member, of those that are not alive, is tried this often: how a partition heals. */
  readonly redialIntervalMs: number;
  /** A member that has been dead or gone this long is forgotten. */
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
 * For nodes in one data centre, up to a few thousand.
 *
 * Interval, timeout, k and gossip rounds are those of memberlist's `DefaultLANConfig`. Its suspicion multiplier is 4;
 * here 3, so that a node which died in a cluster of up to ten is gone from all routes within eight seconds: up to 3 s
 * until somebody's turn comes to probe it, 1 s for that probe, 3 s of suspicion, a few gossip rounds.
 */
export const defaultParameters: Parameters = {
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  indirectProbes: 3,
  suspicionMultiplier: 3,
  retransmitMultiplier: 4,
  extraTransmits: 4,
  gossipIntervalMs: 200,
  gossipFanout: 3,
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
