/** What `Egress` is made of. */
import type { Counters } from './counters.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import type { IcmpErrors } from './icmp-errors.ts';
import type { PeerCounters } from './peer-counters.ts';
import type { Taps } from './taps.ts';
import type { OuterTrafficClass } from './traffic-class.ts';
import type { TransmitBatch } from './transmit-batch.ts';

export interface EgressOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  /** Where headers of segments are written: a multiple of `MIN_HEADER_AREA_LENGTH` allows batches. */
  readonly headerArea: { readonly at: number; readonly lengthBytes: number };
  readonly forwarding: ForwardingReader;
  readonly counters: Counters;
  readonly peerCounters: PeerCounters;
  /** Room for at least `MAX_SEGMENTS` datagrams of two pieces; a multiple of it allows batches. */
  readonly batch: TransmitBatch;
  readonly vni: number;
  /** How many sending sockets flows are spread over. */
  readonly sendingSockets: number;
  /** Where senders are told that a packet was too big, or that there is no way for it. */
  readonly errors: IcmpErrors;
  /** Whether the edge can fragment outer packets, and shall, where IPv6 needs it. */
  readonly outerFragmentation: boolean;
  /** DSCP and ECN of the outer header. */
  readonly trafficClass: OuterTrafficClass;
  /** Where captures look. Without it, there are none. */
  readonly taps?: Taps;
  /** Remembers what became of packets. Without it, nobody does. */
  readonly recorder?: FlightRecorder | undefined;
}
