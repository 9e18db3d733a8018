/** What happened at the gossip sockets. */

/** What happened since the start. */
export interface GossipSocketCounters {
  datagramsReceived: number;
  datagramsSent: number;
  /** Sends that failed: no route, no buffer. */
  datagramsFailed: number;
  /** Of these, those that this node's own kernel forbade (EPERM, EACCES): a firewall, a full table of connections. */
  datagramsForbidden: number;
  /** Requests that came whole. */
  exchangesReceived: number;
  /** Exchanges of ours that brought a reply, and those that did not. */
  exchangesAnswered: number;
  exchangesFailed: number;
  /** Inbound streams closed because there were too many. */
  streamsRefusedBusy: number;
  /** Inbound streams closed because a frame was too long, or because incomplete ones take too much memory. */
  streamsRefusedTooLong: number;
  /** Inbound streams that ended or timed out before a whole frame had come. */
  streamsRefusedIncomplete: number;
}

/** Before anything happened. */
export function noGossipCounters(): GossipSocketCounters {
  return {
    datagramsReceived: 0,
    datagramsSent: 0,
    datagramsFailed: 0,
    datagramsForbidden: 0,
    exchangesReceived: 0,
    exchangesAnswered: 0,
    exchangesFailed: 0,
    streamsRefusedBusy: 0,
    streamsRefusedTooLong: 0,
    streamsRefusedIncomplete: 0,
  };
}
