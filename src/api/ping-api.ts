/** `POST /v1/ping`, and what nodes tell each other of it: part of the control API, see `control-api.ts`. Types only. */

/** The round trip, or why there is none. */
export interface Echo {
  readonly roundTripMs: number | null;
  /** Empty if there is nothing to say: it was answered, or nothing was heard of it. */
  readonly problem: string;
}

/** Answers are awaited for a second if nothing is said. */
export interface PingRequest {
  /** A pod, a node or an address: `web`, `n2/web`, `n2`, `10.244.2.7`. */
  readonly target: string;
  /** Length of the inner IP packet, in bytes; what carries it is that much longer. Nothing is fragmented. */
  readonly sizeBytes?: number;
  readonly timeoutMs?: number;
}

/** One probe over each of the ways to whom is meant. */
export interface PingRound {
  readonly target: {
    readonly kind: 'pod' | 'node' | 'address';
    /** `n2/web`, `n2`, `10.244.2.7`: may stand as the target of the next request. */
    readonly label: string;
    /** Name of the node that it is at; empty if no route leads there. */
    readonly node: string;
    /** Empty, or why it may not be what was meant. */
    readonly remark: string;
  };
  readonly ways: readonly PingedWay[];
}

/** What became of one probe. */
export interface PingedWay extends Echo {
  /**
   * `underlay`: ICMP from machine to machine, beside the tunnel. `data-port`: through the tunnel, straight to the peer's worker.
   * `relay`: the same through a relay. `overlay`: ICMP to an address in the overlay, as packets of pods go.
   */
  readonly way: 'underlay' | 'data-port' | 'relay' | 'overlay';
  /** Where it was sent: an address, an endpoint; of a relay its name. */
  readonly to: string;
}
